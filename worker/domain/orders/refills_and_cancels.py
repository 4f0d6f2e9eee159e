"""Decides what a panel's answer makes of a refill or a cancel.

Neither costs anything if a panel gets it twice. So after an unknown outcome, the worker asks again.
"""

from dataclasses import dataclass

from worker.domain.orders.outcomes import Reason, Scope
from worker.domain.orders.states import CancelState, RefillState
from worker.domain.orders.statuses import CancelTaken, ItemError, Recognition, RefillTaken, read_refill_status
from worker.domain.polling import Pace

#: The code and the text for a refill or cancel of an order that never reached the panel.
NO_PANEL_ORDER = "no_panel_order"
NO_PANEL_ORDER_TEXT = "the order never reached the panel"

#: Seconds after a cancel was asked for in which the panel may not know the order yet, though it took it.
UNKNOWN_YET = 600.0


@dataclass(frozen=True, slots=True)
class RefillOrCancelChange:
    """The change of one refill or cancel. Unless its state is final, it is due again in `due_in` seconds."""

    request_id: int
    state: RefillState | CancelState
    due_in: float
    panel_refill_id: str | None = None
    panel_status: str | None = None
    error_code: str | None = None
    error: str | None = None
    recognition: Recognition = Recognition.KNOWN  #: of `panel_status`


def refill_answered(
    request_id: int, answer: str | RefillTaken | ItemError | None, waited: float, pace: Pace
) -> RefillOrCancelChange:
    """Decides what the answer to `refill` makes of a refill that was asked for `waited` seconds ago.

    `answer` is the panel's refill id, or `RefillTaken` without one; None where the reply left it out.
    """
    match answer:
        case str():
            return RefillOrCancelChange(request_id, RefillState.SUBMITTED, pace.fastest, panel_refill_id=answer)
        case RefillTaken():
            return RefillOrCancelChange(request_id, RefillState.SUBMITTED, pace.slowest)
        case ItemError(reason, text) if reason.scope is Scope.ITEM:
            return RefillOrCancelChange(request_id, RefillState.REJECTED, 0, error_code=reason, error=text)
        case ItemError(reason, text):
            return RefillOrCancelChange(
                request_id, RefillState.PENDING, pace.wait_after(waited), error_code=reason, error=text
            )
        case None:
            return RefillOrCancelChange(request_id, RefillState.PENDING, pace.wait_after(waited))


def refill_news(
    request_id: int, known_status: str | None, answer: str | ItemError | None, still_for: float, pace: Pace
) -> RefillOrCancelChange:
    """Decides what the answer to `refill_status` makes of a refill whose last news is `still_for` seconds old.

    `answer` is the panel's word; None, or the error of an item, is no news.
    """
    if not isinstance(answer, str):
        return RefillOrCancelChange(
            request_id, RefillState.SUBMITTED, pace.wait_after(still_for), panel_status=known_status
        )
    state, recognition = read_refill_status(answer)
    still_for = still_for if answer == known_status else 0.0
    refusal = ("refill_rejected", f"the panel answered {answer}") if state is RefillState.REJECTED else (None, None)
    return RefillOrCancelChange(
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
) -> RefillOrCancelChange:
    """Decides what the answer to `cancel` makes of a cancel that was asked for `waited` seconds ago.

    `answer` is None where the reply left it out. Whether the panel cancels the order shows in its status.
    """
    match answer:
        case CancelTaken():
            return RefillOrCancelChange(request_id, CancelState.ACCEPTED, 0)
        case None:
            return RefillOrCancelChange(request_id, CancelState.PENDING, pace.wait_after(waited))
        case ItemError(reason, text) if reason.scope is Scope.ITEM and not _unknown_yet(reason, waited):
            return RefillOrCancelChange(request_id, CancelState.REJECTED, 0, error_code=reason, error=text)
        case ItemError(reason, text):
            return RefillOrCancelChange(
                request_id, CancelState.PENDING, pace.wait_after(waited), error_code=reason, error=text
            )


def _unknown_yet(reason: Reason, waited: float) -> bool:
    """Says whether the order may just be too new for the panel to know it: a cancel often follows its order at once."""
    return reason is Reason.NOT_FOUND and waited < UNKNOWN_YET
