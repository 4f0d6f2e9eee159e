"""The demo's shop. Like any producer, it uses SQL over a connection of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from worker.cli.demo.samples import Sample, Then
from worker.domain.orders.states import CancelState, OrderState, RefillState

_ORDER = """
    INSERT INTO orders (
        service, link, quantity, runs, interval_minutes, params, reference, priority, not_before, max_charge
    ) VALUES (
        %(service)s, %(link)s, %(quantity)s, %(runs)s, %(interval_minutes)s, %(params)s, %(reference)s, %(priority)s,
        now() + make_interval(secs => %(start_in)s), %(max_charge)s
    )
"""

#: The shop runs these again and again: the reference of a request makes sure that it is inserted once.
_REQUEST = """
    INSERT INTO {table} (order_id, reference)
    SELECT id, reference FROM orders WHERE reference = ANY(%s) AND {condition}
    ON CONFLICT (reference) DO NOTHING
"""

_REQUESTS: Mapping[Then, str] = {
    Then.CANCEL_PENDING: _REQUEST.format(table="cancels", condition="state = 'pending'"),
    Then.CANCEL_RUNNING: _REQUEST.format(table="cancels", condition="panel_status = 'In progress'"),
    Then.REFILL: _REQUEST.format(table="refills", condition="state IN ('completed', 'partial')"),
    Then.REFILL_REJECTED: _REQUEST.format(table="refills", condition="state = 'rejected'"),
}

_COUNTS = """
    SELECT 'orders' AS what, state, count(*) AS rows FROM orders GROUP BY state
    UNION ALL SELECT 'refills', state, count(*) FROM refills GROUP BY state
    UNION ALL SELECT 'cancels', state, count(*) FROM cancels GROUP BY state
"""

_LATEST = """
    SELECT e.at::time(0)::text AS at, o.reference, e.kind, e.state_after AS state, e.panel_status, e.charge, e.remains
    FROM order_events e JOIN orders o ON o.id = e.order_id
    ORDER BY e.id DESC
    LIMIT %s
"""

_BALANCE = "SELECT balance FROM balances ORDER BY id DESC LIMIT 1"

_ROWS = """
    SELECT o.reference, o.service, o.link, o.quantity, o.runs, o.state, o.panel_order_id, o.charge, o.remains,
        o.error_code, o.error,
        (
            SELECT e.detail -> 'orders' FROM order_events e
            WHERE e.order_id = o.id AND e.detail -> 'orders' IS NOT NULL
            ORDER BY e.id DESC LIMIT 1
        ) AS spawned
    FROM orders o
    ORDER BY o.id
"""

_REFILL_ROWS = """
    SELECT o.reference, o.panel_order_id, r.panel_refill_id, r.state
    FROM refills r JOIN orders o ON o.id = r.order_id
    ORDER BY r.id
"""

_CANCEL_ROWS = """
    SELECT o.reference, o.panel_order_id, c.state
    FROM cancels c JOIN orders o ON o.id = c.order_id
    ORDER BY c.id
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of an order, from `order_events`. `at` is the database's time of day."""

    at: str
    reference: str
    kind: str
    state: str
    panel_status: str | None
    charge: Decimal | None
    remains: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Numbers of rows by state, the latest events, newest first, and the last balance that the worker read."""

    orders: Mapping[OrderState, int]
    refills: Mapping[RefillState, int]
    cancels: Mapping[CancelState, int]
    latest: tuple[Event, ...]
    balance: Decimal | None

    @property
    def is_over(self) -> bool:
        """Whether every order, refill and cancel has reached its final state."""
        return (
            all(state.is_final or state is OrderState.REJECTED for state in self.orders)
            and not self.refills.keys() & {RefillState.PENDING, RefillState.SUBMITTED}
            and CancelState.PENDING not in self.cancels
        )


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A row of `orders`. `spawned` are the panel's ids of the child orders of a drip-feed or a subscription."""

    reference: str
    service: str
    link: str | None
    quantity: int | None
    runs: int | None
    state: str
    panel_order_id: str | None
    charge: Decimal | None
    remains: int | None
    error_code: str | None
    error: str | None
    spawned: list[str] | None


@dataclass(frozen=True, slots=True)
class RefillRow:
    """A row of `refills`, with its order's reference and panel order id."""

    reference: str
    panel_order_id: str | None
    panel_refill_id: str | None
    state: str


@dataclass(frozen=True, slots=True)
class CancelRow:
    """A row of `cancels`, with its order's reference and panel order id."""

    reference: str
    panel_order_id: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Tables:
    """All rows at the end. `balance` is the last balance that the worker read."""

    orders: list[OrderRow]
    refills: list[RefillRow]
    cancels: list[CancelRow]
    balance: Decimal | None


class Shop:
    """A producer. `connection` must be in autocommit: each call is a transaction of its own."""

    def __init__(self, connection: AsyncConnection[Any], samples: Iterable[Sample]) -> None:
        self._connection = connection
        self._samples = tuple(samples)

    async def order(self) -> int:
        """Inserts every sample, and returns their number."""
        async with self._connection.transaction(), self._connection.cursor() as cursor:
            await cursor.executemany(
                _ORDER, [asdict(sample) | {"params": Jsonb(sample.params)} for sample in self._samples]
            )
        await self.follow_up()
        return len(self._samples)

    async def follow_up(self) -> None:
        """Requests the refills and cancels of orders that have reached the state for it."""
        for then, request in _REQUESTS.items():
            await self._connection.execute(request, [[s.reference for s in self._samples if s.then is then]])

    async def snapshot(self, latest: int) -> Snapshot:
        """Reads the numbers of rows, the balance, and so many of the latest events."""
        counts: dict[str, dict[str, int]] = {"orders": {}, "refills": {}, "cancels": {}}
        async for what, state, rows in await self._connection.execute(_COUNTS):
            counts[what][state] = rows
        async with self._connection.cursor(row_factory=class_row(Event)) as events:
            await events.execute(_LATEST, [latest])
            found = tuple(await events.fetchall())
        return Snapshot(
            {OrderState(state): rows for state, rows in counts["orders"].items()},
            {RefillState(state): rows for state, rows in counts["refills"].items()},
            {CancelState(state): rows for state, rows in counts["cancels"].items()},
            found,
            await self._balance(),
        )

    async def tables(self) -> Tables:
        """Reads all rows."""
        async with self._connection.cursor(row_factory=class_row(OrderRow)) as cursor:
            orders = await (await cursor.execute(_ROWS)).fetchall()
        async with self._connection.cursor(row_factory=class_row(RefillRow)) as refill_cursor:
            refills = await (await refill_cursor.execute(_REFILL_ROWS)).fetchall()
        async with self._connection.cursor(row_factory=class_row(CancelRow)) as cancel_cursor:
            cancels = await (await cancel_cursor.execute(_CANCEL_ROWS)).fetchall()
        return Tables(orders, refills, cancels, await self._balance())

    async def _balance(self) -> Decimal | None:
        row = await (await self._connection.execute(_BALANCE)).fetchone()
        return None if row is None else row[0]
