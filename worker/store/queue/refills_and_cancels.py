"""Refills and cancels: claims requests that wait to be made, and refills that wait for their end, and records results.

A claim moves `due_at` into the future: that is its lease, and its token too, as in `worker.store.queue.polls`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.refills_and_cancels import NO_PANEL_ORDER, NO_PANEL_ORDER_TEXT, RefillOrCancelChange
from worker.domain.orders.states import CancelState, RefillState
from worker.domain.orders.submission import canceled_here
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transactions
from worker.store.queue.changes import RECORD_COLUMNS, OnChange, record_of, write_changes

RequestTable = Literal["refills", "cancels"]


@dataclass(frozen=True, slots=True)
class Request:
    """A refill or cancel that is claimed. `age`: seconds since it was made; `still_for`: since it last changed."""

    request_id: int
    order_id: int
    panel_order_id: str
    token: datetime
    age: float
    still_for: float
    panel_refill_id: str | None = None
    panel_status: str | None = None


@dataclass(frozen=True, slots=True)
class EndedHere:
    """A refill or cancel that the worker ended without a call."""

    request_id: int
    order_id: int
    panel: str


def _followable(state: str) -> str:
    """Leaves out refills that the panel took without telling an id: nobody can ask for their status."""
    return "AND r.panel_refill_id IS NOT NULL" if state == RefillState.SUBMITTED else ""


@cache
def due(table: RequestTable, state: str) -> TextClause:
    """Builds the question whether any request in this state is due, for a panel."""
    return text(f"""
        SELECT EXISTS (
            SELECT FROM {table} r JOIN orders o ON o.id = r.order_id
            WHERE r.state = '{state}' AND r.due_at <= now() AND o.panel = :panel AND o.panel_order_id IS NOT NULL
            {_followable(state)}
        )
    """)  # noqa: S608 - names of ours


@cache
def claim(table: RequestTable, state: str) -> TextClause:
    """Builds the claim of the requests in this state that are due longest, for a panel."""
    refill = (
        "r.panel_refill_id, r.panel_status" if table == "refills" else "NULL AS panel_refill_id, NULL AS panel_status"
    )
    return text(f"""
        UPDATE {table} r SET due_at = now() + make_interval(secs => :lease)
        FROM (
            SELECT r.id, o.panel_order_id
            FROM {table} r JOIN orders o ON o.id = r.order_id
            WHERE r.state = '{state}' AND r.due_at <= now() AND o.panel = :panel AND o.panel_order_id IS NOT NULL
            {_followable(state)}
            ORDER BY r.due_at
            LIMIT :at_most
            FOR UPDATE OF r SKIP LOCKED
        ) due
        WHERE r.id = due.id
        RETURNING r.id, r.order_id, due.panel_order_id, r.due_at, {refill},
            extract(epoch FROM now() - r.created_at)::float8 AS age,
            extract(epoch FROM now() - r.updated_at)::float8 AS still_for
    """)  # noqa: S608 - names of ours


@cache
def record(table: RequestTable) -> TextClause:
    refill = """,
        panel_refill_id = coalesce(c.panel_refill_id, r.panel_refill_id),
        panel_status = coalesce(c.panel_status, r.panel_status),
        submitted_at = CASE WHEN c.state = 'submitted' THEN coalesce(r.submitted_at, now()) ELSE r.submitted_at END,
        checked_at = CASE WHEN c.panel_status IS NOT NULL THEN now() ELSE r.checked_at END
    """
    moved = "r.state <> c.state OR r.error_code IS DISTINCT FROM c.error_code OR r.error IS DISTINCT FROM c.error"
    if table == "refills":
        moved += " OR r.panel_status IS DISTINCT FROM coalesce(c.panel_status, r.panel_status)"
    return text(f"""
        UPDATE {table} r SET
            state = c.state,
            error_code = c.error_code,
            error = c.error,
            due_at = now() + make_interval(secs => c.due_in),
            finished_at = CASE WHEN c.state IN ('accepted', 'completed', 'rejected') THEN now() END,
            updated_at = CASE WHEN {moved} THEN now() ELSE r.updated_at END
            {refill if table == "refills" else ""}
        FROM unnest(
            CAST(:id AS bigint[]), CAST(:token AS timestamptz[]), CAST(:state AS text[]), CAST(:due_in AS float8[]),
            CAST(:panel_refill_id AS text[]), CAST(:panel_status AS text[]),
            CAST(:error_code AS text[]), CAST(:error AS text[])
        ) AS c(id, token, state, due_in, panel_refill_id, panel_status, error_code, error)
        WHERE r.id = c.id AND r.due_at = c.token
        RETURNING r.id
    """)  # noqa: S608 - names of ours


@cache
def reject_pointless(table: RequestTable) -> TextClause:
    return text(f"""
        UPDATE {table} r SET
            state = 'rejected', error_code = :code, error = :error, finished_at = now(), updated_at = now()
        FROM (
            SELECT r.id, o.panel FROM {table} r JOIN orders o ON o.id = r.order_id
            WHERE r.state = 'pending' AND o.panel_order_id IS NULL AND o.state IN ('rejected', 'canceled')
            FOR NO KEY UPDATE OF r SKIP LOCKED
        ) pointless
        WHERE r.id = pointless.id
        RETURNING r.id, r.order_id, pointless.panel
    """)  # noqa: S608 - names of ours


CANCELABLE_HERE = text(f"""
    SELECT c.id AS cancel_id, o.id, o.panel, {RECORD_COLUMNS}
    FROM cancels c JOIN orders o ON o.id = c.order_id
    WHERE c.state = 'pending' AND o.state = 'pending'
    ORDER BY o.id
    LIMIT 1000
    FOR NO KEY UPDATE OF o, c SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

ACCEPT = text("""
    UPDATE cancels SET state = 'accepted', finished_at = now(), updated_at = now()
    WHERE id = ANY(CAST(:cancel_id AS bigint[]))
""")


class Requests:
    """The refills, or the cancels."""

    def __init__(
        self, engine: AsyncEngine, table: RequestTable, *, lease: float, on_change: OnChange | None = None
    ) -> None:
        """`lease`: seconds after a claim until another worker may claim the same request."""
        self._engine = engine
        self._transactions = Transactions(engine)
        self._table: RequestTable = table
        self._lease = lease
        self._on_change = on_change

    async def any_due(self, panel: str, state: RefillState | CancelState) -> bool:
        """Tells whether a claim would find any request in this state."""
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(due(self._table, state), {"panel": panel}))

    async def claim(self, panel: str, state: RefillState | CancelState, at_most: int) -> list[Request]:
        """Claims the requests in this state that are due longest."""
        about = {"panel": panel, "at_most": at_most, "lease": self._lease}
        async with self._transactions.begin() as transaction:
            claimed = await transaction.execute(claim(self._table, state), about)
        return [_request(row) for row in await claimed.fetchall()]

    async def record(self, requests: Sequence[Request], changes: Sequence[RefillOrCancelChange]) -> set[int]:
        """Writes what became of claimed requests; returns the ids of those whose claim was still valid."""
        tokens = {request.request_id: request.token for request in requests}
        if not changes:
            return set()
        columns = {
            "id": literal(change.request_id for change in changes),
            "token": literal(tokens[change.request_id] for change in changes),
            "state": literal(change.state for change in changes),
            "due_in": literal(change.due_in for change in changes),
            "panel_refill_id": literal(change.panel_refill_id for change in changes),
            "panel_status": literal(change.panel_status for change in changes),
            "error_code": literal(change.error_code for change in changes),
            "error": literal(change.error for change in changes),
        }
        async with self._transactions.begin() as transaction:
            recorded = await transaction.execute(record(self._table), columns)
        return {row.id for row in await recorded.fetchall()}

    async def reject_pointless(self) -> list[EndedHere]:
        """Rejects requests about orders that never came to be on a panel."""
        about = {"code": NO_PANEL_ORDER, "error": NO_PANEL_ORDER_TEXT}
        async with self._transactions.begin() as transaction:
            rejected = await transaction.execute(reject_pointless(self._table), about)
        return [EndedHere(row.id, row.order_id, row.panel) for row in await rejected.fetchall()]

    async def cancel_unsent(self) -> list[EndedHere]:
        """Cancels orders that weren't sent yet: their cancels end here, without a call."""
        async with self._transactions.begin() as transaction:
            rows = await transaction.fetch(CANCELABLE_HERE)
            records = {row.id: record_of(row) for row in rows}
            changes = [canceled_here(order_id, record) for order_id, record in records.items()]
            if rows:
                await transaction.execute(ACCEPT, {"cancel_id": literal(row.cancel_id for row in rows)})
            await write_changes(transaction, changes, self._on_change)
        return [EndedHere(row.cancel_id, row.id, row.panel) for row in rows]


def _request(row: Any) -> Request:
    return Request(
        row.id,
        row.order_id,
        row.panel_order_id,
        row.due_at,
        row.age,
        row.still_for,
        row.panel_refill_id,
        row.panel_status,
    )
