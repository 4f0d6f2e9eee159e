"""Whose status is looked at next. A look that brings no news rewrites nothing but this narrow table.

A claim pushes `due_at` ahead: that is its lease, and its token too. News is written only while `due_at` is still what
the claim made it, so a look that took too long can't overwrite a newer one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders import Change, News, OrderRecord
from worker.domain.pace import Pace
from worker.domain.status import OrderReading
from worker.store.arrays import floats
from worker.store.changes import RECORD_COLUMNS, OnChange, changing, record_of

DUE = text("SELECT EXISTS (SELECT FROM polls WHERE panel = :panel AND due_at <= now())")

CLAIM = text("""
    UPDATE polls p SET due_at = now() + make_interval(secs => :lease)
    FROM (
        SELECT order_id FROM polls
        WHERE panel = :panel AND due_at <= now()
        ORDER BY due_at
        LIMIT :at_most
        FOR UPDATE SKIP LOCKED
    ) due, orders o
    WHERE p.order_id = due.order_id AND o.id = due.order_id
    RETURNING p.order_id, o.panel_order_id, p.due_at
""")

_LOCK = text(f"""
    SELECT
        o.id, {RECORD_COLUMNS}, p.due_at, p.seen_at,
        extract(epoch FROM now() - p.changed_at)::float8 AS still_for,
        extract(epoch FROM now() - coalesce(o.finished_at, now()))::float8 AS closed_for
    FROM polls p JOIN orders o ON o.id = p.order_id
    WHERE p.order_id = ANY(:order_id)
    ORDER BY o.id
    FOR NO KEY UPDATE OF o, p
""")  # noqa: S608 - no value is put into the text

#: A claim made `due_at` what it is, so that tells when the look began.
_RESCHEDULE = text("""
    UPDATE polls p SET
        due_at = now() + make_interval(secs => c.seconds),
        seen_at = CASE WHEN c.seen THEN p.due_at - make_interval(secs => :lease) ELSE p.seen_at END,
        changed_at = CASE WHEN c.changed THEN now() ELSE p.changed_at END
    FROM unnest(
        CAST(:order_id AS bigint[]), CAST(:seconds AS float8[]), CAST(:seen AS bool[]), CAST(:changed AS bool[])
    ) AS c(order_id, seconds, seen, changed)
    WHERE p.order_id = c.order_id
""")

_FORGET = text("DELETE FROM polls WHERE order_id = ANY(:order_id)")

#: In the detail of an event: when the look before it began.
LOOKED_BEFORE = "looked_before"


@dataclass(frozen=True, slots=True)
class Look:
    """One order that is to be looked at; `token` proves the claim."""

    order_id: int
    panel_order_id: str
    token: datetime


ReadNews = Callable[[int, OrderRecord, OrderReading], News]


class Polls:
    """The schedule of looks at orders that the panel has."""

    def __init__(self, engine: AsyncEngine, pace: Pace, *, lease: float, on_change: OnChange | None = None) -> None:
        """`lease`: seconds within which a claimed look must be recorded; afterwards anybody may look."""
        self._engine = engine
        self._pace = pace
        self._lease = lease
        self._on_change = on_change

    async def any_due(self, panel: str) -> bool:
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(DUE, {"panel": panel}))

    async def claim(self, panel: str, at_most: int) -> list[Look]:
        async with self._engine.begin() as connection:
            rows = await connection.execute(CLAIM, {"panel": panel, "at_most": at_most, "lease": self._lease})
            return [Look(row.order_id, row.panel_order_id, row.due_at) for row in rows]

    async def record(
        self, looks: Sequence[Look], readings: Mapping[str, OrderReading], read_news: ReadNews
    ) -> list[News]:
        """Write what the looks brought, and when to look next. `readings` are keyed by the panel's order id.

        An order without a reading is looked at again at its pace, and otherwise left alone.
        """
        tokens = {look.order_id: look for look in looks}
        async with changing(self._engine, self._on_change) as transaction:
            connection = transaction.connection
            rows = (await connection.execute(_LOCK, {"order_id": list(tokens)})).all()
            found: list[News] = []
            next_looks: list[tuple[int, float, bool, bool]] = []
            settled: list[int] = []
            for row in rows:
                if row.due_at != tokens[row.id].token:
                    continue
                reading = readings.get(tokens[row.id].panel_order_id)
                news = None if reading is None else _dated(read_news(row.id, record_of(row), reading), row.seen_at)
                change = None if news is None else news.change
                found += [] if news is None else [news]
                seconds = self._next_look(row, change)
                if seconds is None:
                    settled.append(row.id)
                else:
                    next_looks.append((row.id, seconds, reading is not None, change is not None))
            await connection.execute(
                _RESCHEDULE,
                {
                    "order_id": [order_id for order_id, _, _, _ in next_looks],
                    "seconds": floats(seconds for _, seconds, _, _ in next_looks),
                    "seen": [seen for _, _, seen, _ in next_looks],
                    "changed": [changed for _, _, _, changed in next_looks],
                    "lease": self._lease,
                },
            )
            await connection.execute(_FORGET, {"order_id": settled})
            await transaction.write([news.change for news in found if news.change is not None])
        return found

    def _next_look(self, row: Any, change: Change | None) -> float | None:
        state = record_of(row).state if change is None else change.after.state
        if state.is_final:
            return self._pace.next_settlement_look(row.closed_for)
        return self._pace.next_look(0.0 if change is not None else row.still_for)


def _dated(news: News, looked_before: datetime) -> News:
    """The news, with when they weren't there yet: what a change did to the balance, it did since then."""
    if news.change is None or news.change.before.panel_status is None:  # there was no look before
        return news
    detail = {**news.change.detail, LOOKED_BEFORE: looked_before.isoformat()}
    return replace(news, change=replace(news.change, detail=detail))
