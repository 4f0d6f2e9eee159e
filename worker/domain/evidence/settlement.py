"""Turns a verdict into the change of an unconfirmed order, and into what its events say."""

from collections.abc import Mapping
from typing import Any

from worker.domain.evidence.verdicts import Absent, Doubt, Linked, Undecided, Verdict
from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import OrderState

#: Most candidates that are named. More of them help nobody, and come and go.
MOST_CANDIDATES = 10

#: Doubts that time may end: nothing was found so far.
_WAITING = frozenset({Doubt.TOO_YOUNG, Doubt.NO_BOUNDS, Doubt.NOT_COVERED, Doubt.QUIET})


def verdict_detail(verdict: Verdict) -> dict[str, Any]:
    """Returns a verdict as the detail of an event or the fields of a log line."""
    match verdict:
        case Linked(panel_order_id):
            return {"verdict": "linked", "panel_order_id": panel_order_id}
        case Absent():
            return {"verdict": "absent"}
        case Undecided(doubt, candidates):
            named = [str(number) for number in candidates[:MOST_CANDIDATES]]
            return {"verdict": "undecided", "doubt": str(doubt), "candidates": named}


def is_news(before: Mapping[str, Any] | None, detail: Mapping[str, Any]) -> bool:
    """Says whether a verdict, in detail, tells more than the one before. That an order is young tells nothing."""
    return before != detail and not (before is None and detail.get("doubt") == Doubt.TOO_YOUNG)


def is_for_a_person(verdict: Verdict) -> bool:
    """Says whether a person can do something about a verdict that settles nothing: there is something to look at."""
    match verdict:
        case Undecided(doubt, candidates):
            return bool(candidates) or doubt not in _WAITING
        case _:
            return True


def reconciled(order_id: int, before: OrderRecord, verdict: Verdict) -> Change | None:
    """Returns the change that a verdict makes to an unconfirmed order; None where the verdict is no proof."""
    match verdict:
        case Linked(panel_order_id):
            after = OrderRecord(OrderState.SUBMITTED, panel_order_id=panel_order_id)
        case Absent():
            after = OrderRecord(OrderState.PENDING)
        case Undecided():
            return None
    return Change(order_id, EventKind.RECONCILED, before, after, detail=verdict_detail(verdict))


def evidence_noted(order_id: int, record: OrderRecord, verdict: Verdict) -> Change:
    """Records a verdict in the order's events, and leaves the order as it is."""
    return Change(order_id, EventKind.EVIDENCE, record, record, detail=verdict_detail(verdict))
