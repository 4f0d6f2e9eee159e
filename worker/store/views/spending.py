"""Reads how fast each panel's balance falls, and what for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.money.movements import Call, History, Taken, Told, likely_cost
from worker.domain.money.spending import RATE_OVER, Spending
from worker.domain.orders.states import OrderState
from worker.store.records.balances import KNOWN

#: Reads one index entry for each panel, and the readings of the period itself, however long the history is. Leaves out
#: readings in another currency than the latest.
SPENDING = text(f"""
    WITH RECURSIVE {KNOWN}
    SELECT k.panel, l.currency, l.at, l.balance,
        coalesce(r.spent, 0) AS spent, coalesce(extract(epoch FROM l.at - r.first_at), 0)::float8 AS seconds
    FROM known k
    CROSS JOIN LATERAL (SELECT * FROM balances n WHERE n.panel = k.panel ORDER BY n.at DESC, n.id DESC LIMIT 1) l
    CROSS JOIN LATERAL (
        SELECT sum(greatest(step.before - step.balance, 0)) AS spent, min(step.at) AS first_at
        FROM (
            SELECT b.at, b.balance, lag(b.balance) OVER (ORDER BY b.at, b.id) AS before
            FROM balances b
            WHERE b.panel = k.panel AND b.at > now() - make_interval(secs => :seconds)
                AND b.currency IS NOT DISTINCT FROM l.currency
        ) step
    ) r
""")  # noqa: S608 - no value is put into the text

_ABOUT = "panel = :panel AND at BETWEEN :since AND :until AND currency IS NOT DISTINCT FROM :currency"

#: The last reading in each of so many equal parts of the period.
CURVE = text(f"""
    SELECT DISTINCT ON (part) part, balance
    FROM (
        SELECT at, id, balance,
            least(floor(extract(epoch FROM at - :since) * :parts / :seconds), :parts - 1)::int AS part
        FROM balances WHERE {_ABOUT}
    ) parted
    ORDER BY part, at DESC, id DESC
""")  # noqa: S608 - no value is put into the text

DAYS = text(f"""
    SELECT (at AT TIME ZONE 'UTC')::date AS day, min(balance) AS lowest,
        (array_agg(balance ORDER BY at DESC, id DESC))[1] AS closing
    FROM balances WHERE {_ABOUT} GROUP BY day
""")  # noqa: S608 - no value is put into the text

#: The decimals to which most panels round.
_GRAIN = Decimal("0.00001")

#: The orders that were sent on each day, alike ones counted together: how they stand now, what they were expected to
#: cost, and, of those that were cut short, the first charge that the panel told. `likely_cost` prices them.
BOUGHT = text("""
    SELECT (b.sent_at AT TIME ZONE 'UTC')::date AS day, b.service, s.name, b.state, b.charge, b.remains, b.units,
        b.expected_charge, b.first_state, b.first_charge, count(*) AS orders
    FROM (
        SELECT o.panel, o.service, o.state, o.charge, coalesce(n.began_at, e.at) AS sent_at, n.expected_charge,
            CASE WHEN o.state = 'partial' THEN o.remains END AS remains,
            CASE WHEN o.state = 'partial' THEN n.units END AS units,
            f.state_after AS first_state, f.charge AS first_charge
        FROM order_events_all e
        JOIN orders o ON o.id = e.order_id
        LEFT JOIN LATERAL (
            SELECT began_at, expected_charge, units FROM submissions_all m WHERE m.order_id = o.id
            ORDER BY m.id DESC LIMIT 1
        ) n ON true
        LEFT JOIN LATERAL (
            SELECT charge, state_after FROM order_events_all t
            WHERE t.order_id = o.id AND t.kind = 'status' AND t.charge IS NOT NULL
                AND NOT (t.charge = 0 AND t.state_after = 'submitted')
            ORDER BY t.id LIMIT 1
        ) f ON o.state IN ('partial', 'canceled')
        WHERE e.at BETWEEN :since AND :until AND o.panel = :panel
            AND e.state_after = 'submitted' AND e.state_before IN ('submitting', 'unconfirmed')
    ) b
    LEFT JOIN services s ON s.panel = b.panel AND s.service = b.service
    WHERE b.sent_at >= :since
    GROUP BY day, b.service, s.name, b.state, b.charge, b.remains, b.units, b.expected_charge, b.first_state,
        b.first_charge
""")


@dataclass(frozen=True, slots=True)
class PanelSpending:
    """The spending of one panel up to the last reading of its balance, which was at `at`."""

    panel: str
    currency: str | None
    at: datetime
    spending: Spending


async def recent_spending(engine: AsyncEngine, seconds: float = RATE_OVER) -> list[PanelSpending]:
    """Returns the spending of the last so many seconds, of each panel whose balance a worker has ever read."""
    async with engine.connect() as connection:
        return await spending_of(connection, seconds)


async def spending_of(connection: AsyncConnection, seconds: float = RATE_OVER) -> list[PanelSpending]:
    """Reads the same as `recent_spending`, on a connection that is open already."""
    rows = await connection.execute(SPENDING, {"seconds": seconds})
    return [
        PanelSpending(row.panel, row.currency, row.at, Spending(row.balance, row.spent, row.seconds)) for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Day:
    """One day, in UTC. `lowest` and `closing` are None if no worker read the balance that day."""

    day: date
    orders: int
    spent: Decimal
    lowest: Decimal | None
    closing: Decimal | None


@dataclass(frozen=True, slots=True)
class ServiceSpending:
    """The orders of one service, and what they cost."""

    service: str
    name: str | None
    orders: int
    spent: Decimal


@dataclass(frozen=True, slots=True)
class Course:
    """The spending of one panel over some days: by day, and by service, the highest first.

    `curve` has the last balance in each of some equal parts of the period; None where no worker read it.
    """

    days: tuple[Day, ...]
    services: tuple[ServiceSpending, ...]
    curve: tuple[Decimal | None, ...]


async def course(engine: AsyncEngine, panel: PanelSpending, *, days: int, parts: int) -> Course:
    """Returns the course over so many days, the last of which is the day of the last reading."""
    until = panel.at.astimezone(UTC)
    since = until.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    about = {"panel": panel.panel, "currency": panel.currency, "since": since, "until": until}
    parted = {"parts": parts, "seconds": max((until - since).total_seconds(), 1.0)}
    async with engine.connect() as connection:
        curve = {row.part: row.balance for row in await connection.execute(CURVE, about | parted)}
        read = {row.day: row for row in await connection.execute(DAYS, about)}
        bought = (await connection.execute(BOUGHT, about)).all()
    services: dict[str, ServiceSpending] = {}
    by_day: dict[date, tuple[int, Decimal]] = {}
    for row in bought:
        cost = row.orders * likely_cost(_history(row), _GRAIN)
        known = services.get(row.service, ServiceSpending(row.service, row.name, 0, Decimal(0)))
        services[row.service] = ServiceSpending(row.service, row.name, known.orders + row.orders, known.spent + cost)
        orders, spent = by_day.get(row.day, (0, Decimal(0)))
        by_day[row.day] = (orders + row.orders, spent + cost)
    dates = [since.date() + timedelta(days=number) for number in range(days)]
    return Course(
        tuple(
            Day(
                day,
                *by_day.get(day, (0, Decimal(0))),
                *((read[day].lowest, read[day].closing) if day in read else (None, None)),
            )
            for day in dates
        ),
        tuple(sorted(services.values(), key=lambda one: (-one.spent, one.service))),
        tuple(curve.get(part) for part in range(parts)),
    )


def _history(row: Row[Any]) -> History:
    """Builds the history that alike orders have in common. Its times are those of their day: they price nothing."""
    at = datetime.combine(row.day, time(), UTC)
    call = Call(at, at, Taken.YES, row.expected_charge, row.units)
    now = Told(at, None, OrderState(row.state), row.charge, row.remains)
    if row.first_state is None:
        return History(0, (call,), (now,))
    return History(0, (call,), (Told(at, None, OrderState(row.first_state), row.first_charge, None), now))
