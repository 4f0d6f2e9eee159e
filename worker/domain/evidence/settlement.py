"""Turns a verdict into the change of an unconfirmed order, and into what its events say."""

from typing import Any

from worker.domain.evidence.owners import Suspect
from worker.domain.evidence.questions import Premises
from worker.domain.evidence.verdicts import Absent, Knowledge, Linked, Undecided, Verdict
from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import OrderState


def verdict_detail(verdict: Verdict) -> dict[str, Any]:
    """Returns a verdict as the detail of an event or the fields of a log line."""
    match verdict:
        case Linked(panel_order_id):
            return {"verdict": "linked", "panel_order_id": panel_order_id}
        case Absent():
            return {"verdict": "absent"}
        case Undecided(doubt, candidates):
            return {"verdict": "undecided", "doubt": str(doubt), "candidates": [str(number) for number in candidates]}


def progress(suspect: Suspect, known: Knowledge, premises: Premises) -> dict[str, Any]:
    """Returns what a person is shown of an order that is still undecided.

    `between`: the ids between which it lies, null where nothing bounds it. `asked`: the share of them, in hundredths,
    that the panel denied late enough to count. `until`: when the worker can know at the earliest that it wasn't bought,
    in seconds of the database's clock; null where a later order has to be known first.
    """
    low, high, last_at = suspect.low, suspect.high, suspect.last_at
    shown: dict[str, Any] = {"between": [low, high], "asked": None, "until": round(last_at + premises.hidden)}
    if low is not None and high is not None:
        share = known.asked.share(low, high, last_at, known.landmarks, premises.hidden)
        shown["asked"] = int(share * 20) * 5
    return shown


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
