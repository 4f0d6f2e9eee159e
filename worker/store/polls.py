"""Whose status is looked at next. A look that brings no news rewrites nothing but this narrow table.

A claim pushes `due_at` ahead: that is its lease, and its token too. News is written only while `due_at` is still what
the claim made it, so a look that took too long can't overwrite a newer one.

Whether there is news is decided on what the claim read, so that an order without any isn't even locked. What the news
changes is decided once more, on the row as it is when it is locked. Since rows of `polls` are touched by their token,
two who write looks never wait for each other, in whatever order they do it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders import Change, News, OrderRecord
from worker.domain.pace import Pace
from worker.domain.states import OrderState
from worker.domain.status import OrderReading
from worker.store.arrays import literal
from worker.store.changes import RECORD_COLUMNS, OnChange, changing, record_of
from worker.store.pipeline import Pipeline, pipeline

DUE = text("SELECT EXISTS (SELECT FROM polls WHERE panel = :panel AND due_at <= now())")

#: What is known of an order when its next look is decided on.
_KNOWN = f"""
    o.id, {RECORD_COLUMNS}, p.due_at, p.seen_at,
    extract(epoch FROM now() - p.changed_at)::float8 AS still_for,
    extract(epoch FROM now() - coalesce(o.finished_at, now()))::float8 AS closed_for
"""

CLAIM = text(f"""
    UPDATE polls p SET due_at = now() + make_interval(secs => :lease)
    FROM (
        SELECT order_id FROM polls
        WHERE panel = :panel AND due_at <= now()
        ORDER BY due_at
        LIMIT :at_most
        FOR UPDATE SKIP LOCKED
    ) due, orders o
    WHERE p.order_id = due.order_id AND o.id = due.order_id
    RETURNING {_KNOWN}
""")  # noqa: S608 - no value is put into the text

_LOCK = text(f"""
    SELECT {_KNOWN}
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:token AS timestamptz[])) AS c(order_id, token)
    JOIN polls p ON p.order_id = c.order_id AND p.due_at = c.token
    JOIN orders o ON o.id = p.order_id
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
        CAST(:order_id AS bigint[]), CAST(:token AS timestamptz[]), CAST(:seconds AS float8[]),
        CAST(:seen AS bool[]), CAST(:changed AS bool[])
    ) AS c(order_id, token, seconds, seen, changed)
    WHERE p.order_id = c.order_id AND p.due_at = c.token
""")

_FORGET = text("""
    DELETE FROM polls p
    USING unnest(CAST(:order_id AS bigint[]), CAST(:token AS timestamptz[])) AS c(order_id, token)
    WHERE p.order_id = c.order_id AND p.due_at = c.token
""")

#: In the detail of an event: when the look before it began.
LOOKED_BEFORE = "looked_before"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One order that is to be looked at, and what is known of it so far; `token` proves the claim."""

    order_id: int
    panel_order_id: str
    token: datetime
    known: Any


@dataclass(frozen=True, slots=True)
class Looked:
    """What the panel said of some orders, by its own ids of them. Of one that is missing it said nothing."""

    looks: Sequence[Look]
    readings: Mapping[str, OrderReading]


@dataclass(frozen=True, slots=True)
class _Next:
    """When to look at an order again: in so many seconds, or never."""

    look: Look
    seconds: float | None
    seen: bool
    changed: bool


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
        about = {"panel": panel, "at_most": at_most, "lease": self._lease}
        async with self._engine.begin() as connection, pipeline(connection) as pipe:
            claimed = await pipe.execute(CLAIM, about)
            await pipe.commit()
        return [Look(row.id, row.panel_order_id, row.due_at, row) for row in await claimed.fetchall()]

    async def record(self, looked: Iterable[Looked], read_news: ReadNews) -> dict[Look, News]:
        """Write what the looks brought, and when to look next; all of it, or nothing.

        An order without a reading is looked at again at its pace, and otherwise left alone. Returns the news of those
        that changed.
        """
        told: dict[tuple[int, datetime], tuple[Look, OrderReading]] = {}
        following: list[_Next] = []
        for batch in looked:
            for look in batch.looks:
                reading = batch.readings.get(look.panel_order_id)
                if reading is not None and read_news(look.order_id, record_of(look.known), reading).change is not None:
                    told[look.order_id, look.token] = look, reading
                else:
                    following.append(self._next(look, look.known, seen=reading is not None))
        found: dict[Look, News] = {}
        async with changing(self._engine, self._on_change) as transaction, pipeline(transaction.connection) as pipe:
            locked = await pipe.execute(_LOCK, _claims(look for look, _ in told.values())) if told else None
            for row in await locked.fetchall() if locked else ():
                look, reading = told[row.id, row.due_at]
                news = _dated(read_news(row.id, record_of(row), reading), row.seen_at)
                following.append(self._next(look, row, seen=True, change=news.change))
                if news.change is not None:
                    found[look] = news
            await self._follow(pipe, following)
            await transaction.send(pipe, [news.change for news in found.values() if news.change is not None])
            await pipe.commit()
        return found

    async def _follow(self, pipe: Pipeline, following: Sequence[_Next]) -> None:
        later = [(each, each.seconds) for each in following if each.seconds is not None]
        if later:
            about = {
                "lease": self._lease,
                "seconds": literal(seconds for _, seconds in later),
                "seen": literal(each.seen for each, _ in later),
                "changed": literal(each.changed for each, _ in later),
            }
            await pipe.execute(_RESCHEDULE, _claims(each.look for each, _ in later) | about)
        if settled := [each.look for each in following if each.seconds is None]:
            await pipe.execute(_FORGET, _claims(settled))

    def _next(self, look: Look, row: Any, *, seen: bool, change: Change | None = None) -> _Next:
        return _Next(look, self._next_look(row, change), seen, change is not None)

    def _next_look(self, row: Any, change: Change | None) -> float | None:
        state = OrderState(row.state) if change is None else change.after.state
        if state.is_final:
            return self._pace.next_settlement_look(row.closed_for)
        return self._pace.next_look(0.0 if change is not None else row.still_for)


def _claims(looks: Iterable[Look]) -> dict[str, str]:
    claimed = list(looks)
    return {"order_id": literal(look.order_id for look in claimed), "token": literal(look.token for look in claimed)}


def _dated(news: News, looked_before: datetime) -> News:
    """The news, with when they weren't there yet: what a change did to the balance, it did since then."""
    if news.change is None or news.change.before.panel_status is None:  # there was no look before
        return news
    detail = {**news.change.detail, LOOKED_BEFORE: looked_before.isoformat()}
    return replace(news, change=replace(news.change, detail=detail))
