"""Refills and cancels: what a panel's answer makes of a request about an order.

A refill asked for twice costs nothing and a cancel neither, so what isn't known is simply asked again.
"""

from dataclasses import dataclass

from worker.domain.orders.outcomes import Reason, Scope
from worker.domain.orders.states import CancelState, RefillState
from worker.domain.orders.statuses import CancelTaken, ItemError, Recognition, read_refill_status
from worker.domain.polling import Pace

#: A request about an order that never came to be on the panel.
NO_PANEL_ORDER = "no_panel_order"
NO_PANEL_ORDER_TEXT = "the order never reached the panel"

#: Seconds. A panel may not know an order of its own for some minutes after it took it.
UNKNOWN_YET = 600.0


@dataclass(frozen=True, slots=True)
class RequestChange:
    """What becomes of one refill or cancel. It is seen to again after `due_in` seconds, unless it is at its end."""

    request_id: int
    state: RefillState | CancelState
    due_in: float
    panel_refill_id: str | None = None
    panel_status: str | None = None
    error_code: str | None = None
    error: str | None = None
    recognition: Recognition = Recognition.KNOWN  #: of `panel_status`


def refill_answered(request_id: int, answer: str | ItemError | None, waited: float, pace: Pace) -> RequestChange:
    """`answer` is the panel's refill id; None where the reply left it out. `waited`: seconds since it was asked for."""
    match answer:
        case str():
            return RequestChange(request_id, RefillState.SUBMITTED, pace.fastest, panel_refill_id=answer)
        case ItemError(reason, text) if reason.scope is Scope.ITEM:
            return RequestChange(request_id, RefillState.REJECTED, 0, error_code=reason, error=text)
        case ItemError(reason, text):
            return RequestChange(
                request_id, RefillState.PENDING, pace.wait_after(waited), error_code=reason, error=text
            )
        case None:
            return RequestChange(request_id, RefillState.PENDING, pace.wait_after(waited))


def refill_news(
    request_id: int, known_status: str | None, answer: str | ItemError | None, still_for: float, pace: Pace
) -> RequestChange:
    """`answer` is the panel's word; None, or an item's error, is no news. `still_for`: seconds since the last."""
    if not isinstance(answer, str):
        return RequestChange(request_id, RefillState.SUBMITTED, pace.wait_after(still_for), panel_status=known_status)
    state, recognition = read_refill_status(answer)
    still_for = still_for if answer == known_status else 0.0
    refusal = ("refill_rejected", f"the panel answered {answer}") if state is RefillState.REJECTED else (None, None)
    return RequestChange(
        request_id,
        state,
        pace.wait_after(still_for),
        panel_status=answer,
        error_code=refusal[0],
        error=refusal[1],
        recognition=recognition,
    )


def cancel_answered(
    request_id: int, answer: CancelTaken | ItemError | None, waited: float, pace: Pace
) -> RequestChange:
    """`answer` is None where the reply left it out. A cancel that was taken shows in the order's status later."""
    match answer:
        case CancelTaken():
            return RequestChange(request_id, CancelState.ACCEPTED, 0)
        case None:
            return RequestChange(request_id, CancelState.PENDING, pace.wait_after(waited))
        case ItemError(reason, text) if reason.scope is Scope.ITEM and not _unknown_yet(reason, waited):
            return RequestChange(request_id, CancelState.REJECTED, 0, error_code=reason, error=text)
        case ItemError(reason, text):
            return RequestChange(
                request_id, CancelState.PENDING, pace.wait_after(waited), error_code=reason, error=text
            )


def _unknown_yet(reason: Reason, waited: float) -> bool:
    """Whether the order may simply be too new: a cancel often follows its order at once."""
    return reason is Reason.NOT_FOUND and waited < UNKNOWN_YET
