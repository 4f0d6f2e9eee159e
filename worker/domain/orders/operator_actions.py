"""Decides what a person may do to an order by hand: place it, settle it, put it back, ask for a cancel or a refill."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import FINAL, ON_PANEL, OrderState


@dataclass(frozen=True, slots=True)
class ResolvedAs:
    """A person's decision about an unconfirmed order: the panel took it under this id, or it becomes this state."""

    state: OrderState
    panel_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """Says why the worker doesn't do what a person asked. `text` follows the words "order 42"."""

    order_id: int
    text: str


def added(order_id: int, *, who: str, why: str | None) -> Change:
    """Records that a person placed the order."""
    return Change(order_id, EventKind.ADDED, OrderRecord(), OrderRecord(), detail=_signed(who, why))


def resolved(order_id: int, before: OrderRecord, decision: ResolvedAs, *, who: str, why: str) -> Change | Declined:
    """Settles an unconfirmed order by an operator's decision.

    Nothing else may send an order again without a proof that it wasn't bought.
    """
    match before.state:
        case OrderState.UNCONFIRMED:
            pass
        case OrderState.SUBMITTING:
            return Declined(
                order_id,
                "is being sent just now: its worker records the outcome, or another takes over within a minute",
            )
        case _:
            return Declined(order_id, f"{standing(before)}, and only an unconfirmed order can be resolved")
    rejected = decision.state is OrderState.REJECTED
    after = OrderRecord(
        decision.state,
        panel_order_id=decision.panel_order_id,
        error_code="rejected_by_operator" if rejected else None,
        error=why if rejected else None,
    )
    detail = {"who": who, "why": why}
    if decision.panel_order_id is not None:
        detail["panel_order_id"] = decision.panel_order_id
    return Change(order_id, EventKind.RESOLVED, before, after, detail=detail)


def disowned(order_id: int, record: OrderRecord, panel_order_ids: Sequence[str], *, who: str, why: str) -> Change:
    """Records that a person said of panel orders that they are nobody's here, while this order was in doubt."""
    detail = {"who": who, "why": why, "panel_order_ids": list(panel_order_ids)}
    return Change(order_id, EventKind.DISOWNED, record, record, detail=detail)


def retried(
    order_id: int, before: OrderRecord, *, may_have_been_taken: bool, who: str, why: str | None
) -> Change | Declined:
    """Puts a rejected order back in the queue, if it certainly wasn't bought.

    `may_have_been_taken`: a call for it ended with no answer or with an acceptance, and nothing has refuted that since.
    """
    match before.state:
        case OrderState.REJECTED if not may_have_been_taken:
            return Change(order_id, EventKind.RETRIED, before, OrderRecord(), detail=_signed(who, why))
        case OrderState.REJECTED:
            return Declined(
                order_id,
                "was rejected by hand, and the panel may have taken it: insert a new order if it is to be sent anyway",
            )
        case OrderState.PENDING | OrderState.SUBMITTING:
            return Declined(order_id, f"is {before.state} already")
        case OrderState.UNCONFIRMED:
            return Declined(order_id, "is unconfirmed, and the panel may have taken it: `orders resolve` settles it")
        case _:
            return Declined(order_id, f"{standing(before)}, and only a rejected order can be put back")


def cancel_asked(order_id: int, record: OrderRecord, cancel_id: int, *, who: str, why: str | None) -> Change:
    """Records that a person asked for a cancel."""
    detail = _signed(who, why, cancel_id=cancel_id)
    return Change(order_id, EventKind.CANCEL_ASKED, record, record, detail=detail)


def refill_asked(order_id: int, record: OrderRecord, refill_id: int, *, who: str, why: str | None) -> Change:
    """Records that a person asked for a refill."""
    detail = _signed(who, why, refill_id=refill_id)
    return Change(order_id, EventKind.REFILL_ASKED, record, record, detail=detail)


def declined_cancel(order_id: int, record: OrderRecord, *, asked_for: bool) -> Declined | None:
    """Says why a cancel of this order would be in vain, if it would. `asked_for`: an earlier one is still open."""
    if record.state in FINAL or record.state is OrderState.REJECTED:
        return Declined(order_id, f"{standing(record)}: there is nothing left to cancel")
    return Declined(order_id, "has a cancel that is under way already") if asked_for else None


def declined_refill(order_id: int, record: OrderRecord, *, asked_for: bool) -> Declined | None:
    """Says why a refill of this order would be in vain, if it would. `asked_for`: an earlier one is still open.

    Whether a refill is due, only the panel knows.
    """
    if record.state not in ON_PANEL or record.panel_order_id is None:
        return Declined(order_id, f"{standing(record)}: there is nothing to refill")
    return Declined(order_id, "has a refill that is under way already") if asked_for else None


def standing(record: OrderRecord) -> str:
    """Says in words how an order stands. The text follows the words "order 42"."""
    return f"is {record.state}" + (f" as panel order {record.panel_order_id}" if record.panel_order_id else "")


def _signed(who: str, why: str | None, **more: Any) -> dict[str, Any]:
    return {"who": who} | ({} if why is None else {"why": why}) | more
