"""Searches orders for people, page by page, the newest first, and fast however many there are.

Indexes answer what they can. For anything else, a search reads the newest WINDOW rows; its page says how far it came,
and the next page goes on from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.orders.states import OrderState
from worker.store.db.clock import now_of
from worker.store.queue.changes import RECORD_COLUMNS

#: A row by the names of its columns.
Columns: TypeAlias = Mapping[str, Any]

#: Brings `not_before` into the years that Python knows: producers may set any time.
COLUMNS = f"""
    o.id, o.panel, o.service, o.link, o.quantity, o.runs, o.interval_minutes, o.reference, o.priority,
    least(greatest(o.not_before, '0001-01-02 00:00+00'), '9999-12-30 00:00+00') AS not_before,
    o.max_charge, {RECORD_COLUMNS}, o.attempts,
    o.created_at, o.submitted_at, o.checked_at, o.finished_at, o.updated_at, o.retry_at
"""

#: The number of rows that a search reads for one page, in a fraction of a second.
WINDOW = 100_000

#: The states whose rows an index has in the order of their ids, and those whose few rows it has all together.
_IN_ORDER = frozenset({OrderState.SUBMITTING, OrderState.SUBMITTED, OrderState.REJECTED})
_AT_ONCE = frozenset({OrderState.PENDING, OrderState.UNCONFIRMED})

#: By how much an order may be older than one with a lower id: as long as its producer's transaction took.
_DISORDER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Search:
    """What to search for. None, or an empty tuple, matches every order.

    `since`: the order was created since then, or within so long. `link` is a part of the link, in upper or lower case.
    `after`: the id with which the page before ended.
    """

    states: tuple[OrderState, ...] = ()
    panel: str | None = None
    service: str | None = None
    since: datetime | timedelta | None = None
    reference: str | None = None
    error_code: str | None = None
    link: str | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Orders at the time `at`, the newest first. The next page begins after `next_after`; None: this was the last page.

    `looked_back_to`: the search has read only the orders since then. None: the page is full, or the search has read
    all.
    """

    at: datetime
    orders: tuple[Columns, ...]
    next_after: int | None
    looked_back_to: datetime | None = None


class OrderSearch:
    """Searches the orders of all panels."""

    def __init__(self, engine: AsyncEngine, *, window: int = WINDOW) -> None:
        """`window`: the number of rows that a search reads for one page."""
        self._engine = engine
        self._window = window

    async def page(self, search: Search, at_most: int) -> Page:
        """Returns one page of at most so many orders."""
        async with self._engine.connect() as connection:
            at = await now_of(connection)
            since = at - search.since if isinstance(search.since, timedelta) else search.since
            search = replace(search, since=since)
            statement, values = searching(search, at_most + 1, self._window)
            found = [row._asdict() for row in await connection.execute(statement, values)]
            is_sure = len(found) > at_most and len(_branches(search)) == 1
            end = None if is_sure else await self._end(connection, search)
        if end is not None:
            found = [order for order in found if order["id"] >= end[0]]
        if len(found) > at_most:
            return Page(at, tuple(found[:at_most]), found[at_most - 1]["id"])
        if end is None or (since is not None and end[1] < since - _DISORDER):
            return Page(at, tuple(found), None)
        return Page(at, tuple(found), end[0], end[1])

    async def _end(self, connection: AsyncConnection, search: Search) -> tuple[int, datetime] | None:
        """Returns id and creation of the row at which the search stopped reading; None if it has read all rows."""
        statement, values = ending(search, self._window)
        row = (await connection.execute(statement, values)).one_or_none()
        return None if row is None else (row.id, row.created_at)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A query of the rows to read, and the condition on their state."""

    rows: str
    state: str = "true"


def searching(search: Search, at_most: int, window: int) -> tuple[TextClause, dict[str, Any]]:
    """Returns the statement of a search, and its values."""
    conditions, values = _conditions(search)
    branches = [
        f"""(
            SELECT * FROM ({branch.rows}) o WHERE {" AND ".join([branch.state, *conditions])}
            ORDER BY o.id DESC LIMIT :at_most
        )"""  # noqa: S608 - names of ours
        for branch in _branches(search)
    ]
    statement = f"""
        SELECT {COLUMNS} FROM ({" UNION ALL ".join(branches)}) o ORDER BY o.id DESC LIMIT :at_most
    """  # noqa: S608 - names of ours
    return text(statement), values | {"at_most": at_most, "window": window}


def ending(search: Search, window: int) -> tuple[TextClause, dict[str, Any]]:
    """Returns the statement that finds the newest of the rows at which a search stops reading, and its values."""
    _, values = _conditions(search)
    ends = [
        f"(SELECT o.id FROM ({branch.rows}) o ORDER BY o.id DESC LIMIT 1 OFFSET :window - 1)"  # noqa: S608 - names of ours
        for branch in _branches(search)
    ]
    statement = f"""
        SELECT o.id, o.created_at FROM orders o WHERE o.id = (SELECT max(e.id) FROM ({" UNION ALL ".join(ends)}) e)
    """  # noqa: S608 - names of ours
    used = {"after", "reference"} & values.keys()
    return text(statement), {name: values[name] for name in used} | {"window": window}


def _branches(search: Search) -> list[_Branch]:
    """Returns a branch for each state that an index covers, and one for all other states together."""
    after = "" if search.after is None else " AND o.id < :after"
    states = list(dict.fromkeys(search.states))
    if search.reference is not None:
        rows = f"SELECT * FROM orders o WHERE o.reference = :reference{after} LIMIT :window"  # noqa: S608 - names of ours
        return [_Branch(rows, _one_of(states))]
    branches = [
        _Branch(f"SELECT * FROM orders o WHERE o.state = '{state}'{after} ORDER BY o.id DESC LIMIT :window")  # noqa: S608 - names of ours
        for state in states
        if state in _IN_ORDER
    ]
    # OFFSET 0 keeps Postgres from walking the primary key in the hope of meeting such rows soon.
    branches += [
        _Branch(f"""
            SELECT o.* FROM (
                SELECT i.id FROM (SELECT o.id FROM orders o WHERE o.state = '{state}'{after} OFFSET 0) i
                ORDER BY i.id DESC LIMIT :window
            ) i CROSS JOIN LATERAL (SELECT * FROM orders o WHERE o.id = i.id OFFSET 0) o
        """)  # noqa: S608 - names of ours
        for state in states
        if state in _AT_ONCE
    ]
    others = [state for state in states if state not in _IN_ORDER | _AT_ONCE]
    if others or not states:
        rows = f"SELECT * FROM orders o WHERE true{after} ORDER BY o.id DESC LIMIT :window"  # noqa: S608 - names of ours
        branches.append(_Branch(rows, _one_of(others)))
    return branches


def _one_of(states: Sequence[OrderState]) -> str:
    listed = ", ".join(f"'{state}'" for state in states)
    return f"o.state IN ({listed})" if listed else "true"


def _conditions(search: Search) -> tuple[list[str], dict[str, Any]]:
    conditions = {
        "panel": "o.panel = :panel",
        "service": "o.service = :service",
        "since": "o.created_at >= :since",
        "reference": "o.reference = :reference",
        "error_code": "o.error_code = :error_code",
        "link": "strpos(lower(o.link), lower(:link)) > 0",
        "after": "o.id < :after",
    }
    given = {name: value for name in conditions if (value := getattr(search, name)) is not None}
    return [conditions[name] for name in given], given
