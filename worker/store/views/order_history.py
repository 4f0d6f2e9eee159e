"""Reads all records about one order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.orders.changes import OrderRecord
from worker.store.db.clock import now_of
from worker.store.queue.changes import record_of
from worker.store.queue.submissions import ACCEPTED_LATE
from worker.store.views.order_search import COLUMNS, Columns

#: The number of events that are read of one order, the newest.
MOST_EVENTS = 1_000

#: Reads `params` as a text: it may hold numbers that Python can't read.
_ORDER = text(f"SELECT {COLUMNS}, o.params::text AS params FROM orders o WHERE o.id = :order_id")  # noqa: S608 - names of ours

_REFILLS = text("""
    SELECT id, reference, state, panel_refill_id, panel_status, error_code, error,
        created_at, submitted_at, checked_at, finished_at, updated_at
    FROM refills WHERE order_id = :order_id ORDER BY id
""")

_CANCELS = text("""
    SELECT id, reference, state, error_code, error, created_at, finished_at, updated_at
    FROM cancels WHERE order_id = :order_id ORDER BY id
""")

_SUBMISSIONS = text("""
    SELECT id, worker_id, began_at, ended_at, expected_charge, units, is_parent, replied, outcome, panel_order_id
    FROM submissions_all WHERE order_id = :order_id ORDER BY id
""")

_EVENTS = text("""
    SELECT * FROM (
        SELECT id, at, kind, state_before, state_after, panel_status, charge, remains, start_count, detail
        FROM order_events_all WHERE order_id = :order_id ORDER BY id DESC LIMIT :at_most
    ) newest ORDER BY id
""")

#: What the evidence says of the order, and since when nothing is settled on its panel.
_EXAMINED = text("""
    SELECT e.verdict, e.progress, e.at, g.shared_since
    FROM orders o LEFT JOIN examinations e ON e.order_id = o.id LEFT JOIN guards g ON g.panel = o.panel
    WHERE o.id = :order_id
""")

#: Finds also an order for which the panel accepted the id late, when the order had gone on without it.
_HOLDER = text(f"""
    SELECT id FROM orders WHERE panel = :panel AND panel_order_id = :panel_order_id
    UNION ALL
    SELECT order_id FROM submissions
    WHERE panel = :panel AND panel_order_id = :panel_order_id AND outcome = '{ACCEPTED_LATE}' AND order_id <> :order_id
    LIMIT 1
""")  # noqa: S608 - our own word


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """One order at the time `at`, with its requests, submissions and events, each in the order of time.

    `verdict` is that of the last examination (`verdict_detail`), `progress` what it found so far (see
    `worker.domain.evidence.progress`), and `examined_at` when one of the two last changed. `shared_since`: since when
    the worker knows that somebody else orders on the panel's account.
    """

    at: datetime
    order: Columns
    record: OrderRecord
    refills: tuple[Columns, ...]
    cancels: tuple[Columns, ...]
    submissions: tuple[Columns, ...]
    events: tuple[Columns, ...]
    verdict: Mapping[str, Any] | None
    progress: Mapping[str, Any] | None
    examined_at: datetime | None
    shared_since: datetime | None

    @property
    def token(self) -> int | None:
        """Returns the token of the newest submission; None if there is none."""
        return self.submissions[-1]["id"] if self.submissions else None


class OrderHistories:
    """Reads the histories of orders."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(self, order_id: int) -> OrderHistory | None:
        """Returns the history of one order; None if there is no order with this id."""
        about = {"order_id": order_id}
        async with self._engine.connect() as connection:
            order = (await connection.execute(_ORDER, about)).one_or_none()
            if order is None:
                return None
            return OrderHistory(
                await now_of(connection),
                order._asdict(),
                record_of(order),
                await _all(connection, _REFILLS, about),
                await _all(connection, _CANCELS, about),
                await _all(connection, _SUBMISSIONS, about),
                await _all(connection, _EVENTS, about | {"at_most": MOST_EVENTS}),
                *((await connection.execute(_EXAMINED, about)).one_or_none() or (None, None, None, None)),
            )

    async def holder(self, panel: str, panel_order_id: str, *, order_id: int) -> int | None:
        """Returns the order that has this id on the panel; None if no order has it.

        Counts an order other than `order_id`, too, for which the panel accepted the id late.
        """
        async with self._engine.connect() as connection:
            about = {"panel": panel, "panel_order_id": panel_order_id, "order_id": order_id}
            return (await connection.execute(_HOLDER, about)).scalar_one_or_none()


async def _all(connection: AsyncConnection, statement: TextClause, values: Mapping[str, Any]) -> tuple[Columns, ...]:
    return tuple(row._asdict() for row in await connection.execute(statement, values))
