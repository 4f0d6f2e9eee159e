"""Decides what becomes of an order from its row to the panel: refused by us, intended, sent, and what followed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from worker.domain.orders.add_request import AddRequest, OrderRequest, Refusal
from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.outcomes import Accepted, AddOutcome, Duplicate, NotSent, Reason, Refused, Scope, Unknown
from worker.domain.orders.refusals import TRIES, wait_after
from worker.domain.orders.states import AWAITED, OrderState
from worker.domain.polling import back_off


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """A row that waits to be sent. `attempts` counts the calls that were made for it so far."""

    order_id: int
    request: OrderRequest
    attempts: int = 0

    def refused(self, refusal: Refusal) -> Change:
        """Rejects the order, unsent."""
        return Change(
            self.order_id,
            EventKind.REJECTED,
            OrderRecord(),
            OrderRecord(OrderState.REJECTED, error_code=refusal.code, error=refusal.text),
        )

    def intended(self, request: AddRequest) -> Change:
        """Records the intent to send the order: committed before the first byte leaves."""
        detail: dict[str, Any] = {"attempt": self.attempts + 1}
        if request.expected_charge is not None:
            detail["expected_charge"] = f"{request.expected_charge:f}"
        if self.request.quantity is not None and request.units not in {None, self.request.quantity}:
            detail["quantity"] = request.units
        return Change(
            self.order_id, EventKind.SUBMITTING, OrderRecord(), OrderRecord(OrderState.SUBMITTING), detail=detail
        )


@dataclass(frozen=True, slots=True)
class Claimed:
    """An order whose intent is committed. Only the holder of its claim's `token` may write the outcome.

    `refused_before` counts the panel's refusals in unknown words; who writes the outcome of another such refusal fills
    it in.
    """

    order_id: int
    token: int
    attempt: int
    request: AddRequest
    refused_before: int = 0


def best_probes(intents: Sequence[tuple[PendingOrder, AddRequest]]) -> list[tuple[PendingOrder, AddRequest]]:
    """Sorts orders by what they can show about a panel's trouble.

    First come those whose service and who themselves were tried least in vain: trouble that meets no order of another
    service isn't the panel's.
    """
    tries: Counter[str] = Counter()
    for order, request in intents:
        tries[request.service] += order.attempts
    return sorted(intents, key=lambda intent: (tries[intent[1].service], intent[0].attempts))


def settled(claimed: Claimed, outcome: AddOutcome, before: OrderRecord, *, tries: int = TRIES) -> Change:
    """Decides what the outcome of an `add` makes of its order.

    `tries`: how often the panel may refuse the order in unknown words. The order is `submitting`, or `unconfirmed` if
    its lease ended before the outcome came. Raises ValueError for an order in any other state: use `too_late` there.
    """
    order_id = claimed.order_id
    if before.state not in AWAITED:
        raise ValueError(f"order {order_id}: a call came back for an order that is {before.state}")
    match outcome:
        case Accepted(panel_order_id):
            after = OrderRecord(OrderState.SUBMITTED, panel_order_id=panel_order_id)
            return Change(order_id, EventKind.SUBMITTED, before, after)
        case Refused(reason, text):
            retry_in = _wait_after(outcome, claimed, tries)
            if retry_in is not None:
                return _requeued(order_id, before, reason, text, retry_in)
            after = OrderRecord(OrderState.REJECTED, error_code=reason, error=text)
            return Change(order_id, EventKind.REJECTED, before, after)
        case NotSent(text):
            return _requeued(order_id, before, "not_sent", text, back_off(claimed.attempt, first=2, longest=60))
        case Unknown(text, duplicate=Duplicate() as duplicate):
            return unconfirmed(order_id, before, "duplicate_id", text, duplicate)
        case Unknown(text):
            return unconfirmed(order_id, before, "no_answer", text)


def belongs_to(accepted: Accepted, order_id: int) -> Unknown:
    """Returns the outcome of a call that was answered with the id of another order: nobody knows what was bought."""
    text = f"the panel answered with the id {accepted.panel_order_id}, which order {order_id} has already"
    return Unknown(text, replied=True, duplicate=Duplicate(accepted.panel_order_id, order_id))


def _wait_after(refused: Refused, claimed: Claimed, tries: int) -> float | None:
    """Returns the seconds until the next try of an order that was just refused; None if it is rejected."""
    attempt = claimed.attempt
    if refused.reason is Reason.REFUSED:
        refusals = claimed.refused_before + 1
        return wait_after(refusals) if refusals < tries else None
    match refused.scope:
        case Scope.ITEM:
            return None
        case Scope.LATER if refused.reason is Reason.NOT_ENOUGH_FUNDS:
            return back_off(attempt, first=60, longest=600)  # whoever tops up shouldn't have to wait for long
        case Scope.LATER:
            return back_off(attempt, first=60, longest=3600)
        case Scope.PANEL:
            return back_off(attempt, first=1, longest=60)


def unconfirmed(order_id: int, before: OrderRecord, code: str, text: str, duplicate: Duplicate | None = None) -> Change:
    """Puts an order in doubt: the panel may have taken it, and no answer says whether.

    `duplicate`: the answer has the id of another order.
    """
    after = OrderRecord(OrderState.UNCONFIRMED, error_code=code, error=text)
    detail: dict[str, Any] = (
        {} if duplicate is None else {"panel_order_id": duplicate.panel_order_id, "held_by": duplicate.held_by}
    )
    return Change(order_id, EventKind.UNCONFIRMED, before, after, detail=detail)


def _requeued(order_id: int, before: OrderRecord, code: str, text: str, retry_in: float) -> Change:
    after = OrderRecord(OrderState.PENDING, error_code=code, error=text)
    return Change(order_id, EventKind.REQUEUED, before, after, retry_in=retry_in)


def too_late(order_id: int, outcome: AddOutcome, record: OrderRecord) -> Change:
    """Records the outcome of a call whose order has gone on without it, for a person and for the evidence."""
    return Change(order_id, EventKind.LATE_RESULT, record, record, detail=outcome_detail(outcome))


def outcome_detail(outcome: AddOutcome) -> dict[str, Any]:
    """Returns an outcome as the detail of an event, or the fields of a log line."""
    match outcome:
        case Accepted(panel_order_id):
            return {"outcome": "accepted", "panel_order_id": panel_order_id}
        case Refused(reason, text):
            return {"outcome": "refused", "error_code": reason, "error": text}
        case NotSent(text):
            return {"outcome": "not_sent", "error": text}
        case Unknown(text):
            return {"outcome": "unknown", "error": text}


def canceled_here(order_id: int, before: OrderRecord) -> Change:
    """Cancels an order that was never sent: the cancel doesn't reach the panel.

    Raises ValueError for an order that isn't pending: the panel decides about its cancel.
    """
    if before.state is not OrderState.PENDING:
        raise ValueError(f"order {order_id}: an order that is {before.state} is not canceled here")
    after = replace(before, state=OrderState.CANCELED, error_code=None, error=None)
    return Change(order_id, EventKind.CANCELED, before, after)
