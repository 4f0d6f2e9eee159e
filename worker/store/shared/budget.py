"""Keeps a panel's request budget, which all workers share: a worker takes slots from it before it calls the panel.

The budget is a row with the first free slot (the generic cell rate algorithm, without a burst). Slots lie so far apart
that no second holds more of them than the rate allows, whichever workers take them.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.trouble import PauseScope
from worker.store.db.pipeline import fetch
from worker.store.shared.pauses import Paused, Pauses, Probe

#: Seconds by which a worker may take a slot ahead of its time. They are enough for the database to answer and to commit
#: a claim before that time, and few enough that a pause takes effect soon.
HORIZON = 0.3

#: The share of the panel's limit that workers use. Calls that leave evenly arrive less evenly, and panels count
#: arrivals.
SHARE = 0.95

#: Doesn't wait for the disk: a server that crashes forgets fewer slots than pass while it restarts.
_TAKE = text("""
    WITH open AS (
        SELECT b.panel, clock.now, greatest(b.next_at, clock.now) AS first
        FROM budgets b, (SELECT clock_timestamp() AS now, set_config('synchronous_commit', 'off', true)) clock
        WHERE b.panel = :panel
            AND NOT EXISTS (SELECT FROM pauses p WHERE p.panel = :panel AND p.scope = ANY(:scopes))
        FOR NO KEY UPDATE OF b
    ), taken AS (
        SELECT panel, now, first,
            least(
                :want, 1 + floor(extract(epoch FROM now + make_interval(secs => :horizon) - first) / :gap)
            )::int AS slots
        FROM open
    )
    UPDATE budgets b SET next_at = t.first + t.slots * make_interval(secs => :gap)
    FROM taken t
    WHERE b.panel = t.panel AND t.slots > 0
    RETURNING t.slots, extract(epoch FROM t.first - t.now)::float8 AS first_in, b.next_at
""")

#: Works only while no worker has taken a later slot: the free slots begin after that one.
_GIVE_BACK = text("""
    UPDATE budgets SET next_at = next_at - :slots * make_interval(secs => :gap)
    WHERE panel = :panel AND next_at = :next_at
""")

_OPEN_BUDGET = text("INSERT INTO budgets (panel, next_at) VALUES (:panel, now()) ON CONFLICT DO NOTHING")

_NEXT_SLOT = text("SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM budgets WHERE panel = :panel")


@dataclass(frozen=True, slots=True)
class Slots:
    """The calls that a worker may make: the first in `first_in` seconds, the others `gap` seconds after one another.

    `next_at` is the first free slot after them. If it is None, this is a probe: one call that passes a pause, to find
    out whether the trouble is over.
    """

    count: int
    first_in: float
    gap: float
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wait:
    """No slot is near enough to take: the worker asks again after so many seconds."""

    seconds: float


class Budget:
    """The budget of one panel, and its pauses."""

    def __init__(self, engine: AsyncEngine, panel: str, requests_per_second: float) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._transactions = engine
        self.pauses = Pauses(engine, panel)
        self._panel = panel
        self._gap = 1 / (requests_per_second * SHARE)

    async def open(self) -> None:
        """Opens the budget, unless a worker already has."""
        async with self._engine.connect() as connection:
            await connection.execute(_OPEN_BUDGET, {"panel": self._panel})

    async def take(self, want: int, scopes: tuple[PauseScope, ...]) -> Slots | Wait | Paused:
        """Takes up to `want` slots for calls that pauses of these scopes hold back."""
        async with self._engine.connect() as connection:
            taken = await fetch(
                connection,
                _TAKE,
                {
                    "panel": self._panel,
                    "want": want,
                    "gap": self._gap,
                    "horizon": HORIZON,
                    "scopes": list(scopes),
                },
            )
        if taken:
            row = taken[0]
            return Slots(row.slots, max(row.first_in, 0.0), self._gap, row.next_at)
        return await self._why_not(scopes)

    async def _why_not(self, scopes: tuple[PauseScope, ...]) -> Slots | Wait | Paused:
        async with self._transactions.begin() as connection:
            match await self.pauses.pass_or_wait(connection, scopes):
                case Paused() as paused:
                    return paused
                case Probe():
                    return Slots(1, 0.0, self._gap, next_at=None)
                case None:
                    pass
            next_in = await connection.scalar(_NEXT_SLOT, {"panel": self._panel})
        if next_in is None:
            await self.open()
        return Wait(max((next_in or 0.0) - HORIZON, 0.001))

    async def give_back(self, slots: int, next_at: datetime) -> None:
        """Gives back the last slots of those that a worker took; `next_at` is what came with them."""
        async with self._engine.connect() as connection:
            await connection.execute(
                _GIVE_BACK, {"panel": self._panel, "slots": slots, "gap": self._gap, "next_at": next_at}
            )
