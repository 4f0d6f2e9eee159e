"""Decides what a panel's report on an order changes about it."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import ON_PANEL
from worker.domain.orders.statuses import OrderReport, Recognition, read_order_status

T = TypeVar("T")

#: The column of a charge is numeric(20,8).
_PLACES = Decimal("1e-8")
_MOST = Decimal("999999999999.99999999")


@dataclass(frozen=True, slots=True)
class News:
    """The result of one poll of an order. `change` is None where nothing is new."""

    change: Change | None
    recognition: Recognition


def read_news(order_id: int, before: OrderRecord, report: OrderReport) -> News:
    """Decides what a panel's report changes about an order that the panel has.

    A value that the report leaves out stays as it was: missing is no news. Without a status, the state stays too.
    An order that by our own record isn't on the panel stays as it is, whatever the panel says of the id that it had.
    """
    if before.state not in ON_PANEL or before.panel_order_id is None:
        return News(None, Recognition.KNOWN)
    state, recognition = (
        (before.state, Recognition.KNOWN) if report.status is None else read_order_status(report.status)
    )
    after = OrderRecord(
        state,
        before.panel_order_id,
        panel_status=_newer(report.status, before.panel_status),
        charge=_newer(_stored(report.charge), before.charge),
        currency=_newer(report.currency, before.currency),
        start_count=_newer(report.start_count, before.start_count),
        remains=_newer(report.remains, before.remains),
    )
    if after == (before if before.error_code is before.error is None else replace(before, error_code=None, error=None)):
        return News(None, recognition)
    detail = {"orders": list(report.spawned)} if report.spawned else {}
    return News(Change(order_id, EventKind.STATUS, before, after, detail=detail), recognition)


def _newer(said: T | None, known: T | None) -> T | None:
    return known if said is None else said


def _stored(charge: Decimal | None) -> Decimal | None:
    """Returns a charge as its column holds it; None for an amount that no panel can mean."""
    if charge is None or not charge.is_finite() or not -_MOST <= charge <= _MOST:
        return None
    return charge.quantize(_PLACES)
