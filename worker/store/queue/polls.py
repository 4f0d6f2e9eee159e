"""Whose status is looked at next. A look that brings no news rewrites nothing but this narrow table.

A claim pushes `due_at` ahead: that is its lease, and its token too. News is written only while `due_at` is still what
the claim made it, so a look that took too long can't overwrite a newer one.

Whether there is news is decided on what the claim read, so that an order without any isn't even locked. What the news
changes is decided once more, on the row as it is when it is locked. One that somebody else has locked is looked at
again soon, and doesn't hold up the others. Since rows of `polls` are touched by their token, two who write looks never
wait for each other, in whatever order they do it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.changes import Change, News, OrderRecord
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import OrderReading
from worker.domain.polling import FADING, Closes, Pace, Progress
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transaction, Transactions
from worker.store.queue.changes import RECORD_COLUMNS, OnChange, record_of, write_changes

#: Of the looks that are claimed together, so many at least are at closed orders, if as many are due, and all others at
#: open ones first: a backlog of the ones never keeps the others waiting.
SETTLING_LEAST = 10

DUE = text("""
    SELECT EXISTS (SELECT FROM polls WHERE panel = :panel AND NOT settling AND due_at <= now())
        OR EXISTS (SELECT FROM polls WHERE panel = :panel AND settling AND due_at <= now())
""")

#: What is known of an order when its next look is decided on.
_KNOWN = f"""
    o.id, {RECORD_COLUMNS}, o.panel, o.service, p.due_at, p.seen_at, p.begun_with, s.closes, s.log_sum, s.log_squares,
    extract(epoch FROM now() - p.changed_at)::float8 AS still_for,
    extract(epoch FROM now() - p.seen_at)::float8 AS unseen_for,
    extract(epoch FROM now() - p.begun_at)::float8 AS begun_for,
    extract(epoch FROM now() - o.submitted_at)::float8 AS age,
    extract(epoch FROM now() - coalesce(o.finished_at, now()))::float8 AS closed_for
"""

_WATCH = text("""
    INSERT INTO polls (order_id, panel, due_at, changed_at)
    SELECT o.id, o.panel, now() + make_interval(secs => :first_poll), now()
    FROM orders o WHERE o.id = ANY(CAST(:order_id AS bigint[]))
    ON CONFLICT (order_id) DO NOTHING
""")

CLAIM = text(f"""
    WITH moving AS (
        SELECT order_id, due_at FROM polls
        WHERE panel = :panel AND NOT settling AND due_at <= now()
        ORDER BY due_at
        LIMIT :at_most
        FOR UPDATE SKIP LOCKED
    ), settling AS (
        SELECT order_id, due_at FROM polls
        WHERE panel = :panel AND settling AND due_at <= now()
        ORDER BY due_at
        LIMIT greatest(:at_most / {SETTLING_LEAST}, :at_most - (SELECT count(*) FROM moving))
        FOR UPDATE SKIP LOCKED
    ), due AS (
        SELECT * FROM settling
        UNION ALL
        (SELECT * FROM moving ORDER BY due_at LIMIT :at_most - (SELECT count(*) FROM settling))
    )
    UPDATE polls p SET due_at = now() + make_interval(secs => :lease)
    FROM due
    JOIN orders o ON o.id = due.order_id
    LEFT JOIN paces s ON s.panel = o.panel AND s.service = o.service
    WHERE p.order_id = due.order_id
    RETURNING {_KNOWN}, extract(epoch FROM now() - due.due_at)::float8 AS late
""")  # noqa: S608 - a number of ours

_LOCK = text(f"""
    SELECT {_KNOWN}
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:token AS timestamptz[])) AS c(order_id, token)
    JOIN polls p ON p.order_id = c.order_id AND p.due_at = c.token
    JOIN orders o ON o.id = p.order_id
    LEFT JOIN paces s ON s.panel = o.panel AND s.service = o.service
    ORDER BY o.id
    FOR NO KEY UPDATE OF o, p SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

#: A claim made `due_at` what it is, so that tells when the look began. Remains that haven't fallen say when they began
#: to: after this look.
_RESCHEDULE = text("""
    UPDATE polls p SET
        due_at = now() + make_interval(secs => c.seconds),
        seen_at = CASE WHEN c.seen THEN p.due_at - make_interval(secs => :lease) ELSE p.seen_at END,
        changed_at = CASE WHEN c.changed THEN now() ELSE p.changed_at END,
        settling = c.settling,
        begun_at = CASE WHEN c.remains >= coalesce(p.begun_with, c.remains) THEN now() ELSE p.begun_at END,
        begun_with = greatest(p.begun_with, c.remains)
    FROM unnest(
        CAST(:order_id AS bigint[]), CAST(:token AS timestamptz[]), CAST(:seconds AS float8[]), CAST(:seen AS bool[]),
        CAST(:changed AS bool[]), CAST(:settling AS bool[]), CAST(:remains AS bigint[])
    ) AS c(order_id, token, seconds, seen, changed, settling, remains)
    WHERE p.order_id = c.order_id AND p.due_at = c.token
""")

#: Rows are locked by service, so that no two who learn wait for each other.
_LEARN = text(f"""
    INSERT INTO paces AS s (panel, service, closes, log_sum, log_squares)
    SELECT c.panel, c.service, count(*), sum(ln(c.took)), sum(ln(c.took) ^ 2)
    FROM unnest(CAST(:panel AS text[]), CAST(:service AS text[]), CAST(:took AS float8[])) AS c(panel, service, took)
    GROUP BY c.panel, c.service
    ORDER BY c.panel, c.service
    ON CONFLICT (panel, service) DO UPDATE SET
        closes = s.closes * {FADING} ^ excluded.closes + excluded.closes,
        log_sum = s.log_sum * {FADING} ^ excluded.closes + excluded.log_sum,
        log_squares = s.log_squares * {FADING} ^ excluded.closes + excluded.log_squares
""")  # noqa: S608 - a number of ours

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
    """When to look at an order again: in so many seconds, or never. `remains`: as the panel told it by now."""

    look: Look
    seconds: float | None
    seen: bool
    changed: bool
    settling: bool
    remains: int | None


ReadNews = Callable[[int, OrderRecord, OrderReading], News]


class Polls:
    """The schedule of looks at orders that the panel has."""

    def __init__(self, engine: AsyncEngine, pace: Pace, *, lease: float, on_change: OnChange | None = None) -> None:
        """`lease`: seconds within which a claimed look must be recorded; afterwards anybody may look."""
        self._engine = engine
        self._transactions = Transactions(engine)
        self._pace = pace
        self._lease = lease
        self._on_change = on_change

    async def any_due(self, panel: str) -> bool:
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(DUE, {"panel": panel}))

    async def claim(self, panel: str, at_most: int) -> list[Look]:
        about = {"panel": panel, "at_most": at_most, "lease": self._lease}
        async with self._transactions.begin() as transaction:
            claimed = await transaction.execute(CLAIM, about)
        return [Look(row.id, row.panel_order_id, row.due_at, row) for row in await claimed.fetchall()]

    async def record(self, looked: Iterable[Looked], read_news: ReadNews) -> dict[Look, News]:
        """Write what the looks brought, and when to look next; all of it, or nothing.

        An order without a reading is looked at again at its pace, and otherwise left alone. One that somebody else has
        locked is left alone, too. Returns the news of those that changed.
        """
        told: dict[tuple[int, datetime], tuple[Look, OrderReading]] = {}
        following: list[_Next] = []
        for batch in looked:
            for look in batch.looks:
                reading, record = batch.readings.get(look.panel_order_id), record_of(look.known)
                if reading is not None and read_news(look.order_id, record, reading).change is not None:
                    told[look.order_id, look.token] = look, reading
                else:
                    following.append(self._next(look, look.known, reading, record))
        found: dict[Look, News] = {}
        took: list[tuple[str, str, float]] = []
        async with self._transactions.begin() as transaction:
            locked = await transaction.execute(_LOCK, _claims(look for look, _ in told.values())) if told else None
            for row in await locked.fetchall() if locked else ():
                look, reading = told.pop((row.id, row.due_at))
                record = record_of(row)
                news = _dated(read_news(row.id, record, reading), row.seen_at)
                following.append(self._next(look, row, reading, record, news.change))
                if news.change is not None:
                    found[look] = news
                    took += self._learned(row, news.change.after)
            following += [self._soon(look) for look, _ in told.values()]
            await self._follow(transaction, following)
            if took:
                panels, services, seconds = zip(*took, strict=True)
                about = {"panel": literal(panels), "service": literal(services), "took": literal(seconds)}
                await transaction.execute(_LEARN, about)
            changes = [news.change for news in found.values() if news.change is not None]
            await write_changes(transaction, changes, self._on_change)
        return found

    async def _follow(self, transaction: Transaction, following: Sequence[_Next]) -> None:
        later = [(each, each.seconds) for each in following if each.seconds is not None]
        if later:
            about = {
                "lease": self._lease,
                "seconds": literal(seconds for _, seconds in later),
                "seen": literal(each.seen for each, _ in later),
                "changed": literal(each.changed for each, _ in later),
                "settling": literal(each.settling for each, _ in later),
                "remains": literal(each.remains for each, _ in later),
            }
            await transaction.execute(_RESCHEDULE, _claims(each.look for each, _ in later) | about)
        if settled := [each.look for each in following if each.seconds is None]:
            await transaction.execute(_FORGET, _claims(settled))

    def _next(
        self, look: Look, row: Any, reading: OrderReading | None, record: OrderRecord, change: Change | None = None
    ) -> _Next:
        after = record if change is None else change.after
        seconds = self._next_look(row, after, changed=change is not None, late=look.known.late)
        remains = None if reading is None else reading.remains
        return _Next(look, seconds, reading is not None, change is not None, after.state.is_final, remains)

    def _soon(self, look: Look) -> _Next:
        """For what couldn't be locked; it does nothing where the claim is no longer ours."""
        settling = record_of(look.known).state.is_final
        return _Next(look, self._pace.fastest, seen=False, changed=False, settling=settling, remains=None)

    def _next_look(self, row: Any, after: OrderRecord, *, changed: bool, late: float) -> float | None:
        if after.state.is_final:
            return self._pace.next_settlement_look(row.closed_for)
        still_for = 0.0 if changed else row.still_for
        return self._pace.next_open_look(
            still_for, age=row.age, closes=_closes(row), progress=_progress(row, after.remains, still_for), late=late
        )

    def _learned(self, row: Any, after: OrderRecord) -> list[tuple[str, str, float]]:
        """How long an order of which service took, if this look saw it closed."""
        if row.state != OrderState.SUBMITTED or not after.state.is_final or row.age is None:
            return []
        took = self._pace.took(row.age, row.unseen_for)
        return [] if took is None else [(row.panel, row.service, took)]


def _closes(row: Any) -> Closes | None:
    return None if row.closes is None else Closes(row.closes, row.log_sum, row.log_squares)


def _progress(row: Any, remains: int | None, still_for: float) -> Progress | None:
    if row.begun_with is None or remains is None:
        return None
    return Progress(row.begun_with - remains, row.begun_for - still_for, remains)


def _claims(looks: Iterable[Look]) -> dict[str, str]:
    claimed = list(looks)
    return {"order_id": literal(look.order_id for look in claimed), "token": literal(look.token for look in claimed)}


def _dated(news: News, looked_before: datetime) -> News:
    """The news, with when they weren't there yet: what a change did to the balance, it did since then."""
    if news.change is None or news.change.before.panel_status is None:  # there was no look before
        return news
    detail = {**news.change.detail, LOOKED_BEFORE: looked_before.isoformat()}
    return News(replace(news.change, detail=detail), news.recognition)


async def watch(transaction: Transaction, changes: Sequence[Change], first_poll: float) -> None:
    """Have the status of orders looked at that the panel has taken, for the first time after so many seconds."""
    taken = [c.order_id for c in changes if c.changes_state and c.after.state is OrderState.SUBMITTED]
    if taken:
        await transaction.execute(_WATCH, {"order_id": literal(taken), "first_poll": first_poll})
