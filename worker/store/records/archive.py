"""Moves the history of orders that closed long ago out of the tables of daily work, to the archive. It deletes none.

The rows of `orders` stay: their references and panel ids must stay unique for ever. Their events and submissions go to
`order_events_archive` and `submissions_archive`; the views `order_events_all` and `submissions_all` have both.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.orders.states import OrderState
from worker.store.evidence.reading import NEEDED, NEIGHBOURS
from worker.store.queue.submissions import ACCEPTED_LATE, LEASE_ENDED

#: The number of events that one step reads, in some hundredths of a second.
SLICE = 2_000

#: Seconds for which the rows of ended workers stay: only people read them.
WEEK = 7 * 86_400.0

_CLOSED = ", ".join(f"'{state}'" for state in OrderState if state.is_final or state is OrderState.REJECTED)

#: Lets one step run at a time: a step that has waited for another one reads what is left.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('order_sync housekeeping'))")

#: Reads events by id, which is the order of time. A step handles an order at its first event that isn't in the archive;
#: the next walk handles again the orders that had to stay. So a walk costs as much as it moves and finds open.
WALK = text("""
    SELECT
        count(*) AS events, max(e.id) AS last, max(e.at) AS reached, min(e.at) AS began,
        now() - make_interval(days => CAST(:days AS int)) AS before,
        array_agg(e.order_id) FILTER (
            WHERE e.at < now() - make_interval(days => CAST(:days AS int))
                AND NOT EXISTS (SELECT FROM order_events n WHERE n.order_id = e.order_id AND n.id < e.id)
        ) AS order_ids
    FROM (SELECT id, order_id, at FROM order_events WHERE id > :after ORDER BY id LIMIT :slice) e
""")

#: The orders that are closed and no longer polled, or that somebody deleted. An order stays while evidence about others
#: may need a call of its that may have bought something.
SETTLED = text(f"""
    SELECT i.id
    FROM unnest(CAST(:order_ids AS bigint[])) AS i(id)
    LEFT JOIN orders o ON o.id = i.id
    WHERE (o.id IS NULL OR o.state IN ({_CLOSED}) AND o.finished_at < :before)
        AND NOT EXISTS (SELECT FROM polls p WHERE p.order_id = i.id)
        AND NOT EXISTS (
            SELECT FROM submissions s
            LEFT JOIN unnest(CAST(:panel AS text[]), CAST(:since AS timestamptz[])) AS n(panel, since)
                ON n.panel = s.panel
            WHERE s.order_id = i.id AND (
                s.outcome IS NULL
                OR s.outcome IN ('accepted', 'unknown', '{LEASE_ENDED}')
                    AND s.began_at >= coalesce(n.since, '-infinity')
            )
        )
""")  # noqa: S608 - words of ours

MOVE = text("SELECT events, submissions FROM order_sync_archive(CAST(:order_ids AS bigint[]), :before)")

#: Counts what MOVE would move.
_WOULD_MOVE = text(f"""
    SELECT
        (SELECT count(*) FROM order_events WHERE order_id = ANY(:order_ids) AND at < :before) AS events,
        (
            SELECT count(*) FROM submissions
            WHERE order_id = ANY(:order_ids) AND ended_at < :before AND outcome <> '{ACCEPTED_LATE}' AND NOT is_parent
        ) AS submissions
""")  # noqa: S608 - our own word

#: Workers that ended, except those whose open calls others still have to take over. And examinations of orders that are
#: in doubt no more, since their own answer came after all.
_OVER = {
    "workers": """
        FROM workers w
        WHERE w.ended_at < clock_timestamp() - make_interval(secs => :week)
            AND NOT EXISTS (SELECT FROM submissions s WHERE s.worker_id = w.id AND s.outcome IS NULL)
    """,
    "examinations": """
        FROM examinations e WHERE EXISTS (SELECT FROM orders o WHERE o.id = e.order_id AND o.state <> 'unconfirmed')
    """,
}

CLEARED = {table: text(f"DELETE {over}") for table, over in _OVER.items()}

_WOULD_BE_CLEARED = {table: text(f"SELECT count(*) {over}") for table, over in _OVER.items()}


@dataclass(frozen=True, slots=True)
class Tidied:
    """Counts of the rows that a step moved to the archive, of so many `orders`, and of those that a sweep deleted."""

    orders: int = 0
    events: int = 0
    submissions: int = 0
    workers: int = 0
    examinations: int = 0

    def __add__(self, more: "Tidied") -> "Tidied":
        return Tidied(
            self.orders + more.orders,
            self.events + more.events,
            self.submissions + more.submissions,
            self.workers + more.workers,
            self.examinations + more.examinations,
        )

    def __bool__(self) -> bool:
        return self != Tidied()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a walk. `after`: the event at which it ended; None if no older event follows.

    `began` and `reached` are the times of its first and its last event. Events since `before` are too young to move.
    """

    tidied: Tidied
    after: int | None
    began: datetime | None = None
    reached: datetime | None = None
    before: datetime | None = None


class Archive:
    """Moves old history to the archive, step by step, and deletes what nobody needs."""

    def __init__(self, engine: AsyncEngine, days: int) -> None:
        """`days`: how long the history of a closed order stays in the tables of daily work; 0: for ever."""
        self._engine = engine
        self._days = days

    async def step(self, after: int = 0, *, dry_run: bool = False) -> Step:
        """Moves what is old enough among the next events after this one, or counts it: `dry_run`. It is one
        transaction.
        """
        if not self._days:
            return Step(Tidied(), None)
        async with self._engine.begin() as connection:
            if not dry_run:
                await connection.execute(_ONE_AT_A_TIME)
            walked = (await connection.execute(WALK, {"after": after, "days": self._days, "slice": SLICE})).one()
            if not walked.events:
                return Step(Tidied(), None)
            is_last = walked.events < SLICE or walked.reached >= walked.before
            tidied = await self._settled(connection, walked.order_ids or [], walked.before, dry_run=dry_run)
        return Step(tidied, None if is_last else walked.last, walked.began, walked.reached, walked.before)

    async def _settled(
        self, connection: AsyncConnection, order_ids: list[int], before: datetime, *, dry_run: bool
    ) -> Tidied:
        if not order_ids:
            return Tidied()
        needed = (await connection.execute(NEEDED, {"at_most": NEIGHBOURS})).all()
        about = {
            "order_ids": order_ids,
            "before": before,
            "panel": [row.panel for row in needed],
            "since": [row.since for row in needed],
        }
        settled = list((await connection.execute(SETTLED, about)).scalars())
        if not settled:
            return Tidied()
        statement = _WOULD_MOVE if dry_run else MOVE
        moved = (await connection.execute(statement, {"order_ids": settled, "before": before})).one()
        return Tidied(orders=len(settled), events=moved.events, submissions=moved.submissions)

    async def sweep(self, *, dry_run: bool = False) -> Tidied:
        """Deletes, or counts, the rows of workers that ended, and of examinations that are over."""
        async with self._engine.begin() as connection:
            counts = {}
            for table, statement in (_WOULD_BE_CLEARED if dry_run else CLEARED).items():
                result = await connection.execute(statement, {"week": WEEK})
                counts[table] = result.scalar_one() if dry_run else result.rowcount
        return Tidied(**counts)
