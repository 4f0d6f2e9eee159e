"""Turns a verdict into what it does to an unconfirmed order."""

from typing import Any

from worker.domain.evidence.verdicts import Absent, Linked, Undecided, Verdict
from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import OrderState


def verdict_detail(verdict: Verdict) -> dict[str, Any]:
    """A verdict as an event tells it."""
    match verdict:
        case Linked(panel_order_id):
            return {"verdict": "linked", "panel_order_id": panel_order_id}
        case Absent():
            return {"verdict": "absent"}
        case Undecided(doubt, candidates):
            return {"verdict": "undecided", "doubt": str(doubt), "candidates": [str(number) for number in candidates]}


def reconciled(order_id: int, before: OrderRecord, verdict: Verdict) -> Change | None:
    """What a verdict makes of an unconfirmed order; None where it isn't proof."""
    match verdict:
        case Linked(panel_order_id):
            after = OrderRecord(OrderState.SUBMITTED, panel_order_id=panel_order_id)
        case Absent():
            after = OrderRecord(OrderState.PENDING)
        case Undecided():
            return None
    return Change(order_id, EventKind.RECONCILED, before, after, detail=verdict_detail(verdict))


def evidence_noted(order_id: int, record: OrderRecord, verdict: Verdict) -> Change:
    return Change(order_id, EventKind.EVIDENCE, record, record, detail=verdict_detail(verdict))
