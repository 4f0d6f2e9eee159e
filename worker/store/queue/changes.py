"""Writes changes of orders: state, charge and event in one transaction (docs/guarantees.md).

Every writer keeps one order: it locks the rows by id, decides, writes what goes with the orders, and writes the changes
last. The trigger on events then takes the lock that puts events in the order of their ids. So nobody who holds that
lock waits for a row.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import text

from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import OrderState
from worker.store.db.arrays import literal
from worker.store.db.listen import CHANNEL
from worker.store.db.transactions import Transaction

#: Called with each change of an order's row once it is committed, and with the order's panel. Must not raise.
OnChange: TypeAlias = Callable[[str, Change], None]

#: The columns that make an OrderRecord, for a query on `orders o`.
RECORD_COLUMNS = (
    "o.state, o.panel_order_id, o.panel_status, o.charge, o.currency, o.start_count, o.remains, o.error_code, o.error"
)

#: Writes changes of orders, whose rows are locked by then, and their events. Postgres runs the CTE that the query
#: itself reads before the other one: the events, and the lock that their trigger takes, come last. A test proves that.
WRITE = text(f"""
    WITH c AS MATERIALIZED (
        SELECT * FROM unnest(
            CAST(:order_id AS bigint[]), CAST(:kind AS text[]), CAST(:state_before AS text[]), CAST(:state AS text[]),
            CAST(:panel_order_id AS text[]), CAST(:panel_status AS text[]), CAST(:charge AS numeric[]),
            CAST(:currency AS text[]), CAST(:start_count AS bigint[]), CAST(:remains AS bigint[]),
            CAST(:error_code AS text[]), CAST(:error AS text[]), CAST(:retry_in AS float8[]),
            CAST(:detail AS text[]), CAST(:alters AS bool[])
        ) WITH ORDINALITY AS c(
            order_id, kind, state_before, state, panel_order_id, panel_status, charge,
            currency, start_count, remains, error_code, error, retry_in, detail, alters, place
        )
    ), updated AS (
        UPDATE orders o SET
            state = c.state,
            panel_order_id = c.panel_order_id,
            panel_status = c.panel_status,
            charge = c.charge,
            currency = c.currency,
            start_count = c.start_count,
            remains = c.remains,
            error_code = c.error_code,
            error = c.error,
            attempts = o.attempts + CASE WHEN c.kind = '{EventKind.SUBMITTING}' THEN 1 ELSE 0 END,
            submitted_at = CASE
                WHEN c.state = 'submitted' AND c.state_before IN ('submitting', 'unconfirmed') THEN now()
                ELSE o.submitted_at
            END,
            checked_at = CASE WHEN c.kind = '{EventKind.STATUS}' THEN now() ELSE o.checked_at END,
            finished_at = CASE
                WHEN c.state NOT IN ('completed', 'partial', 'canceled', 'rejected') THEN NULL
                ELSE coalesce(o.finished_at, now())
            END,
            retry_at = now() + make_interval(secs => c.retry_in),
            updated_at = now()
        FROM c
        WHERE o.id = c.order_id AND c.alters
        RETURNING o.id, o.panel
    ), events AS (
        INSERT INTO order_events
            (order_id, kind, state_before, state_after, panel_status, charge, remains, start_count, detail)
        SELECT
            c.order_id, c.kind, c.state_before, c.state, c.panel_status, c.charge, c.remains, c.start_count,
            CAST(c.detail AS jsonb)
        FROM c
        ORDER BY c.place
    )
    SELECT id, panel FROM updated
""")  # noqa: S608 - no value is put into the text

#: Tells all workers that an order came into doubt: one of them examines for all.
ANNOUNCE = text("SELECT pg_notify(:channel, 'examinations')")


def record_of(row: Any) -> OrderRecord:
    """Returns the OrderRecord of a row that was read with RECORD_COLUMNS."""
    return OrderRecord(
        OrderState(row.state),
        row.panel_order_id,
        row.panel_status,
        row.charge,
        row.currency,
        row.start_count,
        row.remains,
        row.error_code,
        row.error,
    )


async def write_changes(transaction: Transaction, changes: Sequence[Change], on_change: OnChange | None = None) -> None:
    """Writes changes of orders that the transaction has locked, and their events: its last statement.

    A change that leaves its order as it is, such as a late result, is an event alone. `on_change` hears of the others
    after the commit.
    """
    if not changes:
        return
    if any(change.kind is EventKind.UNCONFIRMED for change in changes):
        await transaction.execute(ANNOUNCE, {"channel": CHANNEL})
    updated = await transaction.execute(WRITE, _columns(changes))
    if on_change is None:
        return

    async def tell() -> None:
        panels = {row.id: row.panel for row in await updated.fetchall()}
        for change in changes:
            if _alters_order(change):
                on_change(panels[change.order_id], change)

    transaction.after_commit(tell)


def _alters_order(change: Change) -> bool:
    return change.after != change.before or change.retry_in is not None


def _columns(changes: Sequence[Change]) -> Mapping[str, str]:
    after = [change.after for change in changes]
    return {
        "order_id": literal(change.order_id for change in changes),
        "kind": literal(change.kind for change in changes),
        "state_before": literal(change.before.state for change in changes),
        "state": literal(record.state for record in after),
        "panel_order_id": literal(record.panel_order_id for record in after),
        "panel_status": literal(record.panel_status for record in after),
        "charge": literal(record.charge for record in after),
        "currency": literal(record.currency for record in after),
        "start_count": literal(record.start_count for record in after),
        "remains": literal(record.remains for record in after),
        "error_code": literal(record.error_code for record in after),
        "error": literal(record.error for record in after),
        "retry_in": literal(change.retry_in for change in changes),
        "detail": literal(_detail(change) for change in changes),
        "alters": literal(_alters_order(change) for change in changes),
    }


def _detail(change: Change) -> str:
    detail = dict(change.detail)
    if _alters_order(change) and change.after.error_code is not None:
        detail = {"error_code": change.after.error_code, "error": change.after.error, **detail}
    return json.dumps(detail) if detail else "{}"
