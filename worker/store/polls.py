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

from worker.domain.orders import News, OrderRecord
from worker.domain.pace import FADING, Closes, Pace, Progress
from worker.domain.states import OrderState
from worker.domain.status import OrderReading
from worker.store.arrays import floats
from worker.store.changes import RECORD_COLUMNS, OnChange, changing, record_of

#: Of the looks that are claimed together, so many at least are at closed orders, if as many are due, and all others at
#: open ones first: a backlog of the ones never keeps the others waiting.
SETTLING_LEAST = 10

DUE = text("""
    SELECT EXISTS (SELECT FROM polls WHERE panel = :panel AND NOT settling AND due_at <= now())
        OR EXISTS (SELECT FROM polls WHERE panel = :panel AND settling AND due_at <= now())
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
    FROM due, orders o
    WHERE p.order_id = due.order_id AND o.id = due.order_id
    RETURNING p.order_id, o.panel_order_id, p.due_at, extract(epoch FROM now() - due.due_at)::float8 AS late
""")  # noqa: S608 - a number of ours

_LOCK = text(f"""
    SELECT
        o.id, {RECORD_COLUMNS}, p.due_at, p.seen_at, o.panel, o.service,
        extract(epoch FROM now() - p.changed_at)::float8 AS still_for,
        extract(epoch FROM now() - p.seen_at)::float8 AS unseen_for,
        extract(epoch FROM now() - o.submitted_at)::float8 AS age,
        extract(epoch FROM now() - coalesce(o.finished_at, now()))::float8 AS closed_for,
        p.begun_with, extract(epoch FROM now() - p.begun_at)::float8 AS begun_for,
        s.closes, s.log_sum, s.log_squares
    FROM polls p JOIN orders o ON o.id = p.order_id
    LEFT JOIN paces s ON s.panel = o.panel AND s.service = o.service
    WHERE p.order_id = ANY(:order_id)
    ORDER BY o.id
    FOR NO KEY UPDATE OF o, p
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
        CAST(:order_id AS bigint[]), CAST(:seconds AS float8[]), CAST(:seen AS bool[]), CAST(:changed AS bool[]),
        CAST(:settling AS bool[]), CAST(:remains AS bigint[])
    ) AS c(order_id, seconds, seen, changed, settling, remains)
    WHERE p.order_id = c.order_id
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

_FORGET = text("DELETE FROM polls WHERE order_id = ANY(:order_id)")

#: In the detail of an event: when the look before it began.
LOOKED_BEFORE = "looked_before"


@dataclass(frozen=True, slots=True)
class Look:
    """One order that is to be looked at, `late` seconds after that was due; `token` proves the claim."""

    order_id: int
    panel_order_id: str
    token: datetime
    late: float


@dataclass(frozen=True, slots=True)
class _NextLook:
    """When one order is looked at next, and what is put down of the look that was. `remains`: as the panel told it."""

    order_id: int
    seconds: float
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
        self._pace = pace
        self._lease = lease
        self._on_change = on_change

    async def any_due(self, panel: str) -> bool:
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(DUE, {"panel": panel}))

    async def claim(self, panel: str, at_most: int) -> list[Look]:
        async with self._engine.begin() as connection:
            rows = await connection.execute(CLAIM, {"panel": panel, "at_most": at_most, "lease": self._lease})
            return [Look(row.order_id, row.panel_order_id, row.due_at, row.late) for row in rows]

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
            next_looks: list[_NextLook] = []
            settled: list[int] = []
            took: list[tuple[str, str, float]] = []
            for row in rows:
                if row.due_at != tokens[row.id].token:
                    continue
                reading = readings.get(tokens[row.id].panel_order_id)
                news = None if reading is None else _dated(read_news(row.id, record_of(row), reading), row.seen_at)
                change = None if news is None else news.change
                found += [] if news is None else [news]
                after = record_of(row) if change is None else change.after
                seconds = self._next_look(row, after, changed=change is not None, late=tokens[row.id].late)
                if seconds is None:
                    settled.append(row.id)
                else:
                    remains = None if reading is None else reading.remains
                    next_looks.append(
                        _NextLook(
                            row.id, seconds, reading is not None, change is not None, after.state.is_final, remains
                        )
                    )
                took += self._learned(row, after)
            await connection.execute(_RESCHEDULE, _columns(next_looks) | {"lease": self._lease})
            await connection.execute(_FORGET, {"order_id": settled})
            if took:
                panels, services, seconds_taken = zip(*took, strict=True)
                await connection.execute(
                    _LEARN, {"panel": list(panels), "service": list(services), "took": list(seconds_taken)}
                )
            await transaction.write([news.change for news in found if news.change is not None])
        return found

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


def _columns(next_looks: Sequence[_NextLook]) -> dict[str, list[Any]]:
    return {
        "order_id": [look.order_id for look in next_looks],
        "seconds": floats(look.seconds for look in next_looks),
        "seen": [look.seen for look in next_looks],
        "changed": [look.changed for look in next_looks],
        "settling": [look.settling for look in next_looks],
        "remains": [look.remains for look in next_looks],
    }


def _dated(news: News, looked_before: datetime) -> News:
    """The news, with when they weren't there yet: what a change did to the balance, it did since then."""
    if news.change is None or news.change.before.panel_status is None:  # there was no look before
        return news
    detail = {**news.change.detail, LOOKED_BEFORE: looked_before.isoformat()}
    return replace(news, change=replace(news.change, detail=detail))
