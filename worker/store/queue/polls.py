"""Claims the orders that are due for a status check (a poll), and records what the panel said.

A claim moves `due_at` into the future: that is its lease, and its token too. The result of a poll is written only while
`due_at` is still what the claim made it, so a poll that took too long can't overwrite a newer one.

A poll without news rewrites no order, only the narrow table `polls`. Whether there is news is decided on what the claim
read, so an order without news isn't even locked. What the news changes is decided once more, on the locked row. An
order that somebody else has locked is polled again soon, and doesn't hold up the others. Rows of `polls` are touched by
their token, so two workers that record polls never wait for each other, in whatever order they write.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.changes import Change, OrderRecord
from worker.domain.orders.news import News
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import OrderReport
from worker.domain.polling import Closes, Pace, PollHistory
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transaction, Transactions
from worker.store.queue.changes import RECORD_COLUMNS, OnChange, record_of, write_changes
from worker.store.queue.paces import Close, learn
from worker.store.queue.prices import learn_prices

#: One in so many polls of a claim is for closed orders, if as many are due, and all others are for open orders first:
#: a backlog of one kind never keeps the other waiting.
SETTLING_LEAST = 10

DUE = text("""
    SELECT EXISTS (SELECT FROM polls WHERE panel = :panel AND NOT settling AND due_at <= now())
        OR EXISTS (SELECT FROM polls WHERE panel = :panel AND settling AND due_at <= now())
""")

#: What is known of an order when its next poll is decided.
_KNOWN = f"""
    o.id, {RECORD_COLUMNS}, o.panel, o.service, p.due_at, p.seen_at, p.begun_with, s.closes, s.log_sum, s.log_squares,
    extract(epoch FROM now() - p.changed_at)::float8 AS still_for,
    extract(epoch FROM now() - p.seen_at)::float8 AS unseen_for,
    extract(epoch FROM now() - p.begun_at)::float8 AS begun_for,
    extract(epoch FROM now() - o.submitted_at)::float8 AS age,
    extract(epoch FROM now() - coalesce(o.finished_at, now()))::float8 AS closed_for
"""

WATCH = text("""
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

LOCK = text(f"""
    SELECT {_KNOWN}
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:token AS timestamptz[])) AS c(order_id, token)
    JOIN polls p ON p.order_id = c.order_id AND p.due_at = c.token
    JOIN orders o ON o.id = p.order_id
    LEFT JOIN paces s ON s.panel = o.panel AND s.service = o.service
    ORDER BY o.id
    FOR NO KEY UPDATE OF o, p SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

#: A claim made `due_at` what it is, so it says when the poll began. While remains don't fall, the order begins with
#: them at this poll.
RESCHEDULE = text("""
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

FORGET = text("""
    DELETE FROM polls p
    USING unnest(CAST(:order_id AS bigint[]), CAST(:token AS timestamptz[])) AS c(order_id, token)
    WHERE p.order_id = c.order_id AND p.due_at = c.token
""")

#: In the detail of an event: when the poll before the news began.
LOOKED_BEFORE = "looked_before"


@dataclass(frozen=True, slots=True, eq=False)
class PollClaim:
    """One order to poll, and the row that the claim read of it; `token` proves the claim."""

    order_id: int
    panel_order_id: str
    token: datetime
    known: Any


@dataclass(frozen=True, slots=True)
class Polled:
    """What the panel said of the orders of some claims, by its own ids. It said nothing of an id that is missing."""

    claims: Sequence[PollClaim]
    readings: Mapping[str, OrderReport]


@dataclass(frozen=True, slots=True)
class _NextPoll:
    """When to poll an order again, in seconds, or never (None). The rest is what this poll found, for the row."""

    claim: PollClaim
    seconds: float | None
    seen: bool
    changed: bool
    settling: bool
    remains: int | None


#: Decides what a reading changes about an order (`worker.domain.orders.changes.read_news`).
ReadNews: TypeAlias = Callable[[int, OrderRecord, OrderReport], News]


class Polls:
    """Schedules the polls of orders that the panel has. `worker.domain.polling` decides when each order is due."""

    def __init__(self, engine: AsyncEngine, pace: Pace, *, lease: float, on_change: OnChange | None = None) -> None:
        """`lease`: seconds after a claim until another worker may claim the same order."""
        self._engine = engine
        self._transactions = Transactions(engine)
        self._pace = pace
        self._lease = lease
        self._on_change = on_change

    async def any_due(self, panel: str) -> bool:
        """Tells whether a claim would find any order."""
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(DUE, {"panel": panel}))

    async def claim(self, panel: str, at_most: int) -> list[PollClaim]:
        """Claims the orders that are due longest."""
        about = {"panel": panel, "at_most": at_most, "lease": self._lease}
        async with self._transactions.begin() as transaction:
            claimed = await transaction.execute(CLAIM, about)
        return [PollClaim(row.id, row.panel_order_id, row.due_at, row) for row in await claimed.fetchall()]

    async def record(self, polled: Iterable[Polled], read_news: ReadNews) -> dict[PollClaim, News]:
        """Writes what polls found, and when the next ones are due; all of it, or nothing.

        An order without a reading, or one that somebody else has locked, is only rescheduled. Returns the news of the
        orders that changed.
        """
        readings: dict[tuple[int, datetime], tuple[PollClaim, OrderReport]] = {}
        next_polls: list[_NextPoll] = []
        for batch in polled:
            for claim in batch.claims:
                reading, record = batch.readings.get(claim.panel_order_id), record_of(claim.known)
                if reading is not None and read_news(claim.order_id, record, reading).change is not None:
                    readings[claim.order_id, claim.token] = claim, reading
                else:
                    next_polls.append(self._next_poll(claim, claim.known, reading, record))
        found: dict[PollClaim, News] = {}
        closes: list[Close] = []
        told: list[tuple[Change, OrderReport]] = []
        async with self._transactions.begin() as transaction:
            locked = await transaction.fetch(LOCK, _tokens(claim for claim, _ in readings.values())) if readings else ()
            for row in locked:
                claim, reading = readings.pop((row.id, row.due_at))
                record = record_of(row)
                news = _dated(read_news(row.id, record, reading), row.seen_at)
                next_polls.append(self._next_poll(claim, row, reading, record, news.change))
                if news.change is not None:
                    found[claim] = news
                    told.append((news.change, reading))
                    closes += self._closed(row, news.change)
            next_polls += [self._soon(claim) for claim, _ in readings.values()]
            await self._reschedule(transaction, next_polls)
            await learn(transaction, closes)
            await learn_prices(transaction, told)
            changes = [news.change for news in found.values() if news.change is not None]
            await write_changes(transaction, changes, self._on_change)
        return found

    async def _reschedule(self, transaction: Transaction, next_polls: Sequence[_NextPoll]) -> None:
        later = [(each, each.seconds) for each in next_polls if each.seconds is not None]
        if later:
            about = {
                "lease": self._lease,
                "seconds": literal(seconds for _, seconds in later),
                "seen": literal(each.seen for each, _ in later),
                "changed": literal(each.changed for each, _ in later),
                "settling": literal(each.settling for each, _ in later),
                "remains": literal(each.remains for each, _ in later),
            }
            await transaction.execute(RESCHEDULE, _tokens(each.claim for each, _ in later) | about)
        if settled := [each.claim for each in next_polls if each.seconds is None]:
            await transaction.execute(FORGET, _tokens(settled))

    def _next_poll(
        self,
        claim: PollClaim,
        row: Any,
        reading: OrderReport | None,
        record: OrderRecord,
        change: Change | None = None,
    ) -> _NextPoll:
        after = record if change is None else change.after
        changed, is_closed = change is not None, after.state.is_final
        seconds = self._pace.next_poll(
            _history(row), is_closed=is_closed, changed=changed, remains=after.remains, late=claim.known.late
        )
        remains = None if reading is None else reading.remains
        return _NextPoll(claim, seconds, reading is not None, changed, is_closed, remains)

    def _soon(self, claim: PollClaim) -> _NextPoll:
        """Schedules a poll soon of an order that couldn't be locked, if the claim still holds."""
        settling = record_of(claim.known).state.is_final
        return _NextPoll(claim, self._pace.fastest, seen=False, changed=False, settling=settling, remains=None)

    def _closed(self, row: Any, change: Change) -> list[Close]:
        """Returns how long the order took, if this poll found it closed."""
        if change.before.state is not OrderState.SUBMITTED or not change.after.state.is_final:
            return []
        took = self._pace.took(_history(row))
        return [] if took is None else [Close(row.panel, row.service, took)]


def _history(row: Any) -> PollHistory:
    closes = None if row.closes is None else Closes(row.closes, row.log_sum, row.log_squares)
    return PollHistory(row.still_for, row.unseen_for, row.age, row.closed_for, closes, row.begun_with, row.begun_for)


def _tokens(claims: Iterable[PollClaim]) -> dict[str, str]:
    claimed = list(claims)
    return {"order_id": literal(each.order_id for each in claimed), "token": literal(each.token for each in claimed)}


def _dated(news: News, looked_before: datetime) -> News:
    """Adds when the news wasn't there yet: what a change did to the balance, it did since then."""
    if news.change is None or news.change.before.panel_status is None:  # no poll came before
        return news
    detail = {**news.change.detail, LOOKED_BEFORE: looked_before.isoformat()}
    return News(replace(news.change, detail=detail), news.recognition)


async def watch(transaction: Transaction, changes: Sequence[Change], first_poll: float) -> None:
    """Has orders polled that the panel has taken, for the first time after so many seconds."""
    taken = [
        change.order_id for change in changes if change.changes_state and change.after.state is OrderState.SUBMITTED
    ]
    if taken:
        await transaction.execute(WATCH, {"order_id": literal(taken), "first_poll": first_poll})
