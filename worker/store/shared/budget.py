"""A panel's request budget, and its pauses: one for all workers together, taken before a call.

The budget is a row with the first slot that nobody has taken (the generic cell rate algorithm, without a burst): slots
lie so far apart that no second holds more of them than the rate allows, whoever takes them.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.trouble import PauseScope
from worker.store.db.pipeline import fetch
from worker.store.shared.pauses import Paused, Pauses, Probe

#: How far ahead a slot may be taken, in seconds. Long enough that the database has answered, and a claim is committed,
#: before its time has come; short enough that a pause is soon felt.
HORIZON = 0.3

#: The share of the limit that is used. What left evenly arrives less evenly, and arrivals are what a panel counts.
SHARE = 0.95

#: Nobody waits for the disk: a server that crashes forgets no more slots than it takes it to come back.
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

#: Only while nobody has taken a later one: what lies behind it is somebody else's by then.
_GIVE_BACK = text("""
    UPDATE budgets SET next_at = next_at - :slots * make_interval(secs => :gap)
    WHERE panel = :panel AND next_at = :next_at
""")

_OPEN_BUDGET = text("INSERT INTO budgets (panel, next_at) VALUES (:panel, now()) ON CONFLICT DO NOTHING")

_NEXT_SLOT = text("SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM budgets WHERE panel = :panel")


@dataclass(frozen=True, slots=True)
class Slots:
    """Calls that may be made: the first in `first_in` seconds, the others `gap` seconds after one another.

    `next_at` is the first that wasn't taken. Without it, this is a probe: a single call, let through a pause to see
    whether the trouble is over.
    """

    count: int
    first_in: float
    gap: float
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wait:
    """No slot is near enough to be taken: ask again in so many seconds."""

    seconds: float


class Budget:
    """The budget and the pauses of one panel."""

    def __init__(self, engine: AsyncEngine, panel: str, requests_per_second: float) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._transactions = engine
        self.pauses = Pauses(engine, panel)
        self._panel = panel
        self._gap = 1 / (requests_per_second * SHARE)

    async def open(self) -> None:
        async with self._engine.connect() as connection:
            await connection.execute(_OPEN_BUDGET, {"panel": self._panel})

    async def take(self, want: int, scopes: tuple[PauseScope, ...]) -> Slots | Wait | Paused:
        """Take up to `want` slots for a call that pauses of these scopes hold back.

        A pause of all calls isn't probed by an `add`: one that is lost in an outage would leave an order in doubt.
        """
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
        """The last ones of slots that were taken, and aren't needed after all; `next_at` is theirs."""
        async with self._engine.connect() as connection:
            await connection.execute(
                _GIVE_BACK, {"panel": self._panel, "slots": slots, "gap": self._gap, "next_at": next_at}
            )
