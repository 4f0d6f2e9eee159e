"""Reads what a panel charged around the open questions, and what its catalogue showed meanwhile."""

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence.prices import Price, PriceBook, RateChange, Rates, Reading, grain_of
from worker.store.db.transactions import Transactions

_SECONDS = "extract(epoch FROM {})::float8"
_PRICE = f"""
    p.service, {_SECONDS.format("p.began_at")} AS began_at, {_SECONDS.format("p.ended_at")} AS ended_at,
    p.units, p.charge
"""

#: Times that are no further apart than this are one stretch: so many seconds, and so many stretches, the newest.
_TOGETHER = 600.0
MOST_STRETCHES = 50

#: A price is known between two orders that are at most a day apart. So many tell enough: before a stretch of each
#: service, in it and after it of all services.
_DAY = 86_400.0
_BEFORE, _WITHIN, _AFTER, _NEWEST = 30, 3000, 100, 20

#: The prices around each stretch. Services whose orders came in it or after it may witness that the account still pays
#: what it paid before.
PRICES = text(f"""
    WITH g AS (
        SELECT * FROM unnest(CAST(:since AS float8[]), CAST(:until AS float8[])) AS g(since, until)
    ), later AS (
        SELECT g.since, p.* FROM g CROSS JOIN LATERAL (
            (
                SELECT * FROM prices p
                WHERE p.panel = :panel AND p.began_at BETWEEN to_timestamp(g.since) AND to_timestamp(g.until)
                ORDER BY p.began_at DESC LIMIT {_WITHIN}
            )
            UNION ALL
            (
                SELECT * FROM prices p
                WHERE p.panel = :panel AND p.began_at > to_timestamp(g.until) ORDER BY p.began_at LIMIT {_AFTER}
            )
        ) p
    ), of AS (
        SELECT g.since, s.service FROM g CROSS JOIN unnest(CAST(:services AS text[])) AS s(service)
        UNION
        SELECT since, service FROM later
    )
    SELECT {_PRICE} FROM later p
    UNION
    SELECT p.* FROM of CROSS JOIN LATERAL (
        SELECT {_PRICE} FROM prices p
        WHERE p.panel = :panel AND p.service = of.service
            AND p.began_at BETWEEN to_timestamp(of.since) - make_interval(secs => {_DAY}) AND to_timestamp(of.since)
        ORDER BY p.began_at DESC LIMIT {_BEFORE}
    ) p
""")  # noqa: S608 - columns and numbers of ours

#: The newest charges as the panel told them, of orders that it had no reason to rewrite them for.
CHARGES = text(f"""
    SELECT o.charge
    FROM (
        SELECT order_id, began_at FROM submissions
        WHERE panel = :panel AND outcome = 'accepted' ORDER BY began_at DESC LIMIT {10 * _NEWEST}
    ) k JOIN orders o ON o.id = k.order_id
    WHERE o.charge > 0 AND o.state IN ('submitted', 'completed')
    ORDER BY k.began_at DESC LIMIT {_NEWEST}
""")  # noqa: S608 - numbers of ours

READINGS = text(f"""
    SELECT {_SECONDS.format("r.asked_at")} AS asked_at, {_SECONDS.format("r.read_at")} AS read_at
    FROM catalogue_readings r
    WHERE r.panel = :panel AND r.read_at > to_timestamp(:since) - make_interval(secs => {_DAY + 7200})
    ORDER BY r.read_at
""")  # noqa: S608 - columns of ours

CHANGES = text(f"""
    SELECT c.service, {_SECONDS.format("c.at")} AS at, c.kind, c.value_before, c.value_after
    FROM service_changes c
    WHERE c.panel = :panel AND c.kind IN ('rate', 'removed', 'returned')
        AND c.at > to_timestamp(:since) - make_interval(secs => {_DAY + 7200})
    ORDER BY c.id
""")  # noqa: S608 - columns of ours

RATES = text("SELECT service, rate FROM services WHERE panel = :panel AND service = ANY(CAST(:services AS text[]))")


class Prices:
    """Reads the prices of one panel."""

    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._transactions = Transactions(engine)
        self._panel = panel

    async def book(self, services: Collection[str], times: Iterable[float]) -> PriceBook:
        """Returns what is known of these services' prices around these times.

        They are those at which the calls in question began, and at which the ids in question were seen.
        """
        stretches = _stretches(times)
        about = {
            "panel": self._panel,
            "services": list(services),
            "since": [since for since, _ in stretches],
            "until": [until for _, until in stretches],
        }
        first = {"panel": self._panel, "since": stretches[0][0] if stretches else 0.0}
        async with self._transactions.begin(of_one_instant=True) as transaction:
            charges = await transaction.execute(CHARGES, about)
            readings = await transaction.execute(READINGS, first)
            changes = await transaction.execute(CHANGES, first)
            prices = [Price(*row) for row in await transaction.fetch(PRICES, about)]
            named = {"panel": self._panel, "services": [*{*services, *(price.service for price in prices)}]}
            rates = await transaction.execute(RATES, named)
            changed: dict[str, list[RateChange]] = {}
            for row in await changes.fetchall():
                changed.setdefault(row.service, []).append(_change(row))
            known = Rates(
                [Reading(row.asked_at, row.read_at) for row in await readings.fetchall()],
                changed,
                {row.service: row.rate for row in await rates.fetchall()},
            )
            newest = [row.charge for row in await charges.fetchall()]
        return PriceBook(prices, known, grain_of(newest[::-1]))


def _stretches(times: Iterable[float]) -> list[tuple[float, float]]:
    stretches: list[tuple[float, float]] = []
    for time in sorted(times):
        if stretches and time <= stretches[-1][1] + _TOGETHER:
            stretches[-1] = stretches[-1][0], time
        else:
            stretches.append((time, time))
    return stretches[-MOST_STRETCHES:]


def _change(row: Any) -> RateChange:
    if row.kind == "rate":
        return RateChange(row.at, _rate(row.value_before), _rate(row.value_after))
    return RateChange(row.at, None, None)


def _rate(text_: str | None) -> Decimal | None:
    return None if text_ is None else Decimal(text_)
