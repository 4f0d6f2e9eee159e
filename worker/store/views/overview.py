"""Reads the state of all open orders, panel by panel. It doesn't count closed orders, which are too many."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.money.spending import hours_left
from worker.store.db.clock import now_of
from worker.store.db.loose_index_scan import distinct_values
from worker.store.records.audit_results import LatestAudit, latest_audits
from worker.store.shared.abilities import KNOWN as KNOWN_LIMITS
from worker.store.shared.abilities import Limit, limit_of
from worker.store.shared.pauses import ALL_SCOPES, STANDING, StandingPause, standing_pause
from worker.store.views.recent import Rates, RecentError, errors, rates
from worker.store.views.spending import spending_of

#: The number of unconfirmed orders that the overview lists, those that wait longest.
MOST_UNCONFIRMED = 20

#: An order waits since it could be sent. An order for later doesn't wait yet.
PENDING = text("""
    SELECT panel, count(*) AS orders,
        (max(extract(epoch FROM now() - greatest(created_at, not_before))) FILTER (WHERE not_before <= now()))::float8
            AS oldest
    FROM orders WHERE state = 'pending' GROUP BY panel
""")

UNCONFIRMED = text("""
    SELECT panel, count(*) AS orders, max(extract(epoch FROM now() - updated_at))::float8 AS oldest
    FROM orders WHERE state = 'unconfirmed' GROUP BY panel
""")

ON_THE_WAY = text("""
    SELECT panel, state, count(*) AS orders FROM orders WHERE state IN ('submitting', 'submitted') GROUP BY panel, state
""")

LONGEST_UNCONFIRMED = text("""
    SELECT o.id, o.panel, o.updated_at, extract(epoch FROM now() - o.updated_at)::float8 AS age,
        e.verdict, to_timestamp((e.progress->>'until')::float8) AS known_from
    FROM orders o LEFT JOIN examinations e ON e.order_id = o.id
    WHERE o.state = 'unconfirmed' ORDER BY o.updated_at, o.id LIMIT :at_most
""")

#: `overdue` is by how much the first due poll is late; `age` the time since the panel reported the open order that is
#: due first.
POLLS = text(f"""
    WITH RECURSIVE {distinct_values("watched", "polls", "panel", "NOT settling", "settling")}
    SELECT w.panel,
        greatest(extract(epoch FROM now() - least(moving.due_at, settling.due_at)), 0)::float8 AS overdue,
        extract(epoch FROM now() - moving.seen_at)::float8 AS age
    FROM watched w
    LEFT JOIN LATERAL (
        SELECT p.due_at, p.seen_at FROM polls p WHERE p.panel = w.panel AND NOT p.settling ORDER BY p.due_at LIMIT 1
    ) moving ON true
    LEFT JOIN LATERAL (
        SELECT p.due_at FROM polls p WHERE p.panel = w.panel AND p.settling ORDER BY p.due_at LIMIT 1
    ) settling ON true
    WHERE w.panel IS NOT NULL
""")  # noqa: S608 - names of ours

#: The panels on whose accounts somebody else was found to order, and since when that is known.
SHARED = text("SELECT panel, shared_since FROM guards WHERE shared_since IS NOT NULL")

_SERVICES = text("SELECT panel, succeeded_at FROM periodic_jobs WHERE job = 'services'")

_WORKERS = text("""
    SELECT id, name, started_at, lease_until FROM workers
    WHERE ended_at IS NULL AND lease_until > clock_timestamp() ORDER BY started_at, name
""")


@dataclass(frozen=True, slots=True)
class BalanceStands:
    """A balance. `hours_left`: how long it lasts at the rate of the last day; None if there is no rate."""

    amount: Decimal
    currency: str | None
    at: datetime
    hours_left: float | None = None


@dataclass(slots=True)
class PanelStands:
    """The state of one panel. `oldest_...` are seconds; None: there is no such order.

    `services_at`: when a worker last mirrored the catalogue. `status_age_seconds`: the time since the panel last
    reported the open order whose next poll is due first. `status_overdue_seconds`: by how much the first due poll is
    late. `shared_since`: since when the worker knows that somebody else orders on the account; None: it doesn't.
    """

    panel: str
    configured: bool
    pending: int = 0
    oldest_pending_seconds: float | None = None
    submitting: int = 0
    unconfirmed: int = 0
    oldest_unconfirmed_seconds: float | None = None
    submitted: int = 0
    status_age_seconds: float | None = None
    status_overdue_seconds: float = 0.0
    services_at: datetime | None = None
    last_minute: Rates = field(default_factory=Rates)
    last_hour: Rates = field(default_factory=Rates)
    balance: BalanceStands | None = None
    audit: LatestAudit | None = None
    pauses: list[StandingPause] = field(default_factory=list)
    shared_since: datetime | None = None
    batch_limits: list[Limit] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class UnconfirmedOrder:
    """An order in doubt. `verdict` is that of the last examination, `doubt` says why it was less than proof.

    `known_from` is when the worker can know at the earliest that it wasn't bought. All three are None if there was
    no examination yet. `candidates` are the ids on the panel that may be its own.
    """

    order_id: int
    panel: str
    since: datetime
    age_seconds: float
    verdict: str | None
    doubt: str | None
    known_from: datetime | None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LivingWorker:
    """A worker that holds a lease. `name` is its host and process."""

    worker_id: str
    name: str
    started_at: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of all panels. Times are the database's. `unconfirmed` are the orders that wait longest.

    `errors` are the latest among the newest events.
    """

    at: datetime
    panels: tuple[PanelStands, ...]
    unconfirmed: tuple[UnconfirmedOrder, ...]
    errors: tuple[RecentError, ...]
    workers: tuple[LivingWorker, ...]


async def overview(engine: AsyncEngine, configured: Iterable[str]) -> Overview:
    """Reads the state of the configured panels, and of every other panel with open orders or records."""
    panels = {name: PanelStands(name, configured=True) for name in configured}

    def about(name: str) -> PanelStands:
        return panels.setdefault(name, PanelStands(name, configured=False))

    async with engine.connect() as connection:
        at = await now_of(connection)
        for row in await connection.execute(PENDING):
            about(row.panel).pending, about(row.panel).oldest_pending_seconds = row.orders, row.oldest
        for row in await connection.execute(UNCONFIRMED):
            about(row.panel).unconfirmed, about(row.panel).oldest_unconfirmed_seconds = row.orders, row.oldest
        for row in await connection.execute(ON_THE_WAY):
            setattr(about(row.panel), row.state, row.orders)
        for row in await connection.execute(POLLS):
            about(row.panel).status_age_seconds, about(row.panel).status_overdue_seconds = row.age, row.overdue
        for row in await connection.execute(_SERVICES):
            about(row.panel).services_at = row.succeeded_at
        await _read_panels(connection, about)
        await _read_accounts(connection, about)
        for name, minute, hour in await rates(connection):
            about(name).last_minute, about(name).last_hour = minute, hour
        longest = await connection.execute(LONGEST_UNCONFIRMED, {"at_most": MOST_UNCONFIRMED})
        unconfirmed = tuple(map(_unconfirmed, longest))
        latest = await errors(connection)
        workers = tuple(LivingWorker(str(row.id), *row[1:]) for row in await connection.execute(_WORKERS))
    return Overview(at, tuple(panels[name] for name in sorted(panels)), unconfirmed, latest, workers)


async def _read_panels(connection: AsyncConnection, about: Callable[[str], PanelStands]) -> None:
    for row in await connection.execute(SHARED):
        about(row.panel).shared_since = row.shared_since
    for row in await connection.execute(STANDING, {"panel": None, "scopes": ALL_SCOPES}):
        about(row.panel).pauses.append(standing_pause(row))
    for row in await connection.execute(KNOWN_LIMITS, {"panel": None}):
        about(row.panel).batch_limits.append(limit_of(row))


async def _read_accounts(connection: AsyncConnection, about: Callable[[str], PanelStands]) -> None:
    spent = await spending_of(connection)
    audits = await latest_audits(connection, [one.panel for one in spent])
    for one in spent:
        left = hours_left(one.spending)
        about(one.panel).balance = BalanceStands(one.spending.balance, one.currency, one.at, left)
        about(one.panel).audit = audits.get(one.panel)


def _unconfirmed(row: Row[Any]) -> UnconfirmedOrder:
    verdict = row.verdict or {}
    found = [verdict["panel_order_id"]] if "panel_order_id" in verdict else verdict.get("candidates", [])
    return UnconfirmedOrder(
        row.id,
        row.panel,
        row.updated_at,
        row.age,
        verdict.get("verdict"),
        verdict.get("doubt"),
        row.known_from,
        tuple(map(str, found)),
    )
