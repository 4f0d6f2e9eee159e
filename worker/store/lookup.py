"""Orders as a person looks for them, and all that is on record about one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.orders import OrderRecord
from worker.domain.states import OrderState
from worker.store.changes import RECORD_COLUMNS, record_of
from worker.store.orders import ACCEPTED_LATE

#: A row by the names of its columns.
Columns: TypeAlias = Mapping[str, Any]

#: Of one order, the newest so many events are read.
MOST_EVENTS = 1_000

#: A time of a producer's own may lie where Python has no dates.
_COLUMNS = f"""
    o.id, o.panel, o.service, o.link, o.quantity, o.runs, o.interval_minutes, o.reference, o.priority,
    least(greatest(o.not_before, '0001-01-02 00:00+00'), '9999-12-30 00:00+00') AS not_before,
    o.max_charge, {RECORD_COLUMNS}, o.attempts,
    o.created_at, o.submitted_at, o.checked_at, o.finished_at, o.updated_at, o.retry_at
"""

#: `params` as a text: Postgres holds numbers in it that Python wouldn't read.
_ORDER = text(f"SELECT {_COLUMNS}, o.params::text AS params FROM orders o WHERE o.id = :order_id")  # noqa: S608 - names of ours

_NOW = text("SELECT clock_timestamp()")

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

_VERDICT = text("SELECT verdict FROM examinations WHERE order_id = :order_id")

#: Also the order for which it was taken, though that had gone on without it.
_HOLDER = text(f"""
    SELECT id FROM orders WHERE panel = :panel AND panel_order_id = :panel_order_id
    UNION ALL
    SELECT order_id FROM submissions
    WHERE panel = :panel AND panel_order_id = :panel_order_id AND outcome = '{ACCEPTED_LATE}' AND order_id <> :order_id
    LIMIT 1
""")  # noqa: S608 - our own word


@dataclass(frozen=True, slots=True)
class Search:
    """Which orders are looked for: what is None, or empty, doesn't matter. `since`: created then, or so long ago.

    `link` is a part of it, in any case of letters. `after`: the id that ended the page before.
    """

    states: tuple[OrderState, ...] = ()
    panel: str | None = None
    service: str | None = None
    since: datetime | timedelta | None = None
    reference: str | None = None
    link: str | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Orders, the newest first, as of `at`. `next_after` is where the next page begins; None: there is no more."""

    at: datetime
    orders: tuple[Columns, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """One order and its history, each in the order of time, as of `at`.

    `verdict` is the last examination's (`verdict_detail`).
    """

    at: datetime
    order: Columns
    record: OrderRecord
    refills: tuple[Columns, ...]
    cancels: tuple[Columns, ...]
    submissions: tuple[Columns, ...]
    events: tuple[Columns, ...]
    verdict: Mapping[str, Any] | None

    @property
    def token(self) -> int | None:
        """The newest submission's."""
        return self.submissions[-1]["id"] if self.submissions else None


class Lookup:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def search(self, search: Search, at_most: int) -> Page:
        statement, values = searching(search, at_most + 1)
        async with self._engine.connect() as connection:
            at = (await connection.execute(_NOW)).scalar_one()
            found = await _all(connection, statement, values)
        page = found[:at_most]
        return Page(at, page, page[-1]["id"] if len(found) > at_most else None)

    async def order(self, order_id: int) -> Dossier | None:
        """All about one order; None where there is none with this id."""
        about = {"order_id": order_id}
        async with self._engine.connect() as connection:
            order = (await connection.execute(_ORDER, about)).one_or_none()
            if order is None:
                return None
            return Dossier(
                (await connection.execute(_NOW)).scalar_one(),
                order._asdict(),
                record_of(order),
                await _all(connection, _REFILLS, about),
                await _all(connection, _CANCELS, about),
                await _all(connection, _SUBMISSIONS, about),
                await _all(connection, _EVENTS, about | {"at_most": MOST_EVENTS}),
                await connection.scalar(_VERDICT, about),
            )

    async def holder(self, panel: str, panel_order_id: str, *, order_id: int) -> int | None:
        """The order that has this id on the panel, or, other than this one, would have it."""
        async with self._engine.connect() as connection:
            about = {"panel": panel, "panel_order_id": panel_order_id, "order_id": order_id}
            return (await connection.execute(_HOLDER, about)).scalar_one_or_none()


async def _all(connection: AsyncConnection, statement: TextClause, values: Mapping[str, Any]) -> tuple[Columns, ...]:
    return tuple(row._asdict() for row in await connection.execute(statement, values))


def searching(search: Search, at_most: int) -> tuple[TextClause, dict[str, Any]]:
    """The statement of a search, and its values.

    Each state has a branch of its own, which an index of that state serves in the order of ids, or the primary key
    does: nowhere are more rows sorted than make a page for each.
    """
    conditions, values = _conditions(search)
    branches = [
        f"(SELECT * FROM orders o WHERE {' AND '.join([*conditions, *of_state])} ORDER BY o.id DESC LIMIT :at_most)"  # noqa: S608 - names of ours
        for of_state in ([f"o.state = '{state}'"] for state in dict.fromkeys(search.states))
    ] or [f"(SELECT * FROM orders o WHERE {' AND '.join(conditions)} ORDER BY o.id DESC LIMIT :at_most)"]  # noqa: S608 - names of ours
    statement = f"""
        SELECT {_COLUMNS} FROM ({" UNION ALL ".join(branches)}) o ORDER BY o.id DESC LIMIT :at_most
    """  # noqa: S608 - names of ours
    return text(statement), values | {"at_most": at_most}


def _conditions(search: Search) -> tuple[list[str], dict[str, Any]]:
    conditions = {
        "panel": "o.panel = :panel",
        "service": "o.service = :service",
        "since": "o.created_at >= :since" if isinstance(search.since, datetime) else "o.created_at >= now() - :since",
        "reference": "o.reference = :reference",
        "link": "strpos(lower(o.link), lower(:link)) > 0",
        "after": "o.id < :after",
    }
    given = {name: value for name in conditions if (value := getattr(search, name)) is not None}
    return ["true", *(conditions[name] for name in given)], given
