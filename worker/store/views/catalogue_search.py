"""Searches the catalogues for people: what panels sell, what changed, and how many orders that affects."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.words import normalized
from worker.store.db.clock import now_of
from worker.store.views.order_search import Columns

#: The time within which a producer inserted the orders that count as recent.
RECENT = timedelta(days=7)

_COLUMNS = "s.panel, s.service, s.name, s.type, s.category, s.rate, s.min, s.max, s.refill, s.cancel, s.dripfeed"

#: Sorts ids as numbers, which most of them are.
_ORDER = "s.panel, length(s.service), s.service"

_OPEN = """
    SELECT panel, service FROM orders WHERE state = 'pending'
    UNION ALL
    SELECT panel, service FROM orders WHERE state = 'unconfirmed'
    UNION ALL
    SELECT panel, service FROM orders WHERE state IN ('submitting', 'submitted')
"""

AFFECTED = text(f"""
    SELECT panel, service, sum(open)::bigint AS open, sum(recent)::bigint AS recent
    FROM (
        SELECT panel, service, 1 AS open, 0 AS recent FROM ({_OPEN}) o
        UNION ALL
        SELECT panel, service, 0, 1 FROM orders WHERE created_at >= now() - :recent
    ) counted
    WHERE service = ANY(:service)
    GROUP BY panel, service
""")  # noqa: S608 - no value is put into the text


@dataclass(frozen=True, slots=True)
class ServiceSearch:
    """What to search for. None, or an empty tuple, matches every service.

    Each of `words` must be in the name, the category or the id, in upper or lower case. `type` may be in any spelling.
    """

    words: tuple[str, ...] = ()
    panel: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The first rows that a search found at `at`, by the names of their columns; `total` counts all rows."""

    at: datetime
    rows: tuple[Columns, ...]
    total: int


class CatalogueSearch:
    """Searches the mirrored catalogues of all panels."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def listed(self, search: ServiceSearch, at_most: int) -> Found:
        """Finds services that can be ordered."""
        async with self._engine.connect() as connection:
            return await _found(connection, *listing(search, at_most))

    async def changed(self, search: ServiceSearch, since: datetime | timedelta, at_most: int) -> Found:
        """Finds changes since then, or within so long, the newest first, and how many orders each affects."""
        async with self._engine.connect() as connection:
            return await _with_affected(connection, await _found(connection, *changes(search, since, at_most)))

    async def dearer(self, search: ServiceSearch, since: datetime | timedelta, at_most: int) -> Found:
        """Finds services that cost more than before their first change since then, the highest rise first.

        Each comes with the number of orders that it affects.
        """
        async with self._engine.connect() as connection:
            return await _with_affected(connection, await _found(connection, *dearer(search, since, at_most)))


def listing(search: ServiceSearch, at_most: int) -> tuple[TextClause, dict[str, Any]]:
    """Returns the statement of `listed`, and its values."""
    conditions, values = _conditions(search)
    statement = f"""
        SELECT count(*) OVER () AS total, {_COLUMNS} FROM services s
        WHERE s.removed_at IS NULL AND {conditions} ORDER BY {_ORDER} LIMIT :at_most
    """  # noqa: S608 - names of ours
    return text(statement), values | {"at_most": at_most}


def changes(search: ServiceSearch, since: datetime | timedelta, at_most: int) -> tuple[TextClause, dict[str, Any]]:
    """Returns the statement of `changed`, and its values."""
    conditions, values = _conditions(search)
    statement = f"""
        SELECT count(*) OVER () AS total, c.panel, c.service, s.name, c.at, c.kind,
            c.value_before AS before, c.value_after AS after
        FROM service_changes c JOIN services s USING (panel, service)
        WHERE {_since(since)} AND {conditions} ORDER BY c.at DESC, c.id DESC LIMIT :at_most
    """  # noqa: S608 - names of ours
    return text(statement), values | {"at_most": at_most, "since": since}


def dearer(search: ServiceSearch, since: datetime | timedelta, at_most: int) -> tuple[TextClause, dict[str, Any]]:
    """Returns the statement of `CatalogueSearch.dearer`, and its values."""
    conditions, values = _conditions(search)
    statement = f"""
        SELECT count(*) OVER () AS total, s.panel, s.service, s.name, c.at, c.before, s.rate AS after
        FROM (
            SELECT panel, service, max(at) AS at, CAST((array_agg(value_before ORDER BY id))[1] AS numeric) AS before
            FROM service_changes c WHERE kind = 'rate' AND {_since(since)} GROUP BY panel, service
        ) c
        JOIN services s USING (panel, service)
        WHERE s.removed_at IS NULL AND s.rate > c.before AND {conditions}
        ORDER BY (s.rate - c.before) / nullif(c.before, 0) DESC NULLS FIRST, {_ORDER} LIMIT :at_most
    """  # noqa: S608 - names of ours
    return text(statement), values | {"at_most": at_most, "since": since}


def _since(since: datetime | timedelta) -> str:
    return "c.at >= :since" if isinstance(since, datetime) else "c.at >= now() - :since"


def _conditions(search: ServiceSearch) -> tuple[str, dict[str, Any]]:
    conditions, values = ["true"], dict[str, Any]()
    if search.panel is not None:
        conditions.append("s.panel = :panel")
        values["panel"] = search.panel
    if search.type is not None:
        conditions.append("regexp_replace(lower(s.type), '[\\s_-]', '', 'g') = :type")
        values["type"] = normalized(search.type)
    for number, word in enumerate(search.words):
        conditions.append(
            f"strpos(lower(concat_ws(' ', s.service, s.name, s.category)), lower(CAST(:word{number} AS text))) > 0"
        )
        values[f"word{number}"] = word
    return " AND ".join(conditions), values


async def _found(connection: AsyncConnection, statement: TextClause, values: Mapping[str, Any]) -> Found:
    at = await now_of(connection)
    rows = [row._asdict() for row in await connection.execute(statement, values)]
    total = max((row.pop("total") for row in rows), default=0)
    return Found(at, tuple(rows), total)


async def _with_affected(connection: AsyncConnection, found: Found) -> Found:
    """Adds to each row how many orders of its service are open, and how many are recent."""
    about = {"service": sorted({row["service"] for row in found.rows}), "recent": RECENT}
    affected = {
        (row.panel, row.service): {"open_orders": row.open, "recent_orders": row.recent}
        for row in await connection.execute(AFFECTED, about)
    }
    none = {"open_orders": 0, "recent_orders": 0}
    rows = (dict(row) | affected.get((row["panel"], row["service"]), none) for row in found.rows)
    return replace(found, rows=tuple(rows))
