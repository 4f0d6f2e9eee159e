"""What a person asks of orders by hand, beside settling and retrying them (`worker.domain.orders.changes`)."""

from typing import Any

from worker.domain.orders.changes import Change, Declined, EventKind, OrderRecord, stands
from worker.domain.orders.states import FINAL, ON_PANEL, OrderState


def _signed(who: str, why: str | None, **more: Any) -> dict[str, Any]:
    return {"who": who} | ({} if why is None else {"why": why}) | more


def added(order_id: int, *, who: str, why: str | None) -> Change:
    """An order that was placed by hand."""
    return Change(order_id, EventKind.ADDED, OrderRecord(), OrderRecord(), detail=_signed(who, why))


def declined_cancel(order_id: int, record: OrderRecord, *, asked_for: bool) -> Declined | None:
    """Why a cancel of this order would come to nothing. `asked_for`: one waits to be carried out."""
    if record.state in FINAL or record.state is OrderState.REJECTED:
        return Declined(order_id, f"{stands(record)}: there is nothing left to cancel")
    return Declined(order_id, "has a cancel that is under way already") if asked_for else None


def declined_refill(order_id: int, record: OrderRecord, *, asked_for: bool) -> Declined | None:
    """Why a refill of this order would come to nothing. Whether a refill is due, the panel says."""
    if record.state not in ON_PANEL or record.panel_order_id is None:
        return Declined(order_id, f"{stands(record)}: there is nothing to refill")
    return Declined(order_id, "has a refill that is under way already") if asked_for else None


def cancel_asked(order_id: int, record: OrderRecord, cancel_id: int, *, who: str, why: str | None) -> Change:
    detail = _signed(who, why, cancel_id=cancel_id)
    return Change(order_id, EventKind.CANCEL_ASKED, record, record, detail=detail)


def refill_asked(order_id: int, record: OrderRecord, refill_id: int, *, who: str, why: str | None) -> Change:
    detail = _signed(who, why, refill_id=refill_id)
    return Change(order_id, EventKind.REFILL_ASKED, record, record, detail=detail)
