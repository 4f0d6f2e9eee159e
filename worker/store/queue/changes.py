"""How a change of orders is written: state, charge and event in one transaction (README, promise 4).

Every writer follows one order: it locks the rows by id, decides, writes them, and writes the events last. The events'
trigger then takes the lock that puts events in the order of their ids, so nobody who holds that lock waits for a row.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import OrderState
from worker.store.db.arrays import literal
from worker.store.db.pipeline import Pipeline, Rows, pipeline, transaction

#: Told of each change of an order's row once it is committed, with the panel that the order is for. Must not raise.
OnChange: TypeAlias = Callable[[str, Change], None]

#: The columns that make an OrderRecord, for a query on `orders o`.
RECORD_COLUMNS = (
    "o.state, o.panel_order_id, o.panel_status, o.charge, o.currency, o.start_count, o.remains, o.error_code, o.error"
)

#: Changes of orders, whose rows are locked by then, and their events. What the query itself reads, Postgres runs before
#: the rest: the events, and the lock that their trigger takes, come last. A test holds it to that.
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


def record_of(row: Any) -> OrderRecord:
    """The OrderRecord of a row that was read with RECORD_COLUMNS."""
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


class _Changes:
    """What a transaction has sent of changes, so far."""

    def __init__(self) -> None:
        self._updates: list[tuple[Rows, Sequence[Change]]] = []
        self._written: list[tuple[str, Change]] = []

    async def send(self, pipe: Pipeline, changes: Sequence[Change]) -> None:
        if changes:
            self._updates.append((await pipe.execute(WRITE, _columns(changes)), changes))

    async def written(self) -> list[tuple[str, Change]]:
        """The changes of orders' rows, each with the panel that its order is for."""
        while self._updates:
            rows, changes = self._updates.pop(0)
            panels = {row.id: row.panel for row in await rows.fetchall()}
            self._written += [(panels[change.order_id], change) for change in changes if _alters_order(change)]
        return self._written


class Changing(_Changes):
    """A transaction in which orders change."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__()
        self.connection = connection

    async def write(self, changes: Sequence[Change]) -> None:
        """Write changes of orders that this transaction has locked, and their events: the last thing before the commit.

        A change that leaves its order as it is, such as a late result, is an event alone. Errors are psycopg's own.
        """
        async with pipeline(self.connection) as pipe:
            await self.send(pipe, changes)


class ChangingTogether(_Changes):
    """The same, all in one pipeline."""

    def __init__(self, pipe: Pipeline) -> None:
        super().__init__()
        self.pipe = pipe

    async def write(self, changes: Sequence[Change]) -> None:
        await self.send(self.pipe, changes)


@asynccontextmanager
async def changing(engine: AsyncEngine, on_change: OnChange | None = None) -> AsyncIterator[Changing]:
    async with engine.begin() as connection:
        changes = Changing(connection)
        yield changes
    await _tell(changes, on_change)


@asynccontextmanager
async def changing_together(engine: AsyncEngine, on_change: OnChange | None = None) -> AsyncIterator[ChangingTogether]:
    async with transaction(engine) as pipe:
        changes = ChangingTogether(pipe)
        yield changes
    await _tell(changes, on_change)


async def _tell(changes: _Changes, on_change: OnChange | None) -> None:
    if on_change is not None:
        for panel, change in await changes.written():
            on_change(panel, change)


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
