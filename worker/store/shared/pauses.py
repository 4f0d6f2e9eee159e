"""Keeps a panel's pauses, which hold back its calls for all workers while the panel is in trouble."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.orders.trouble import Pause, PauseReason, PauseScope

#: Seconds for which one call probes a pause that has run out, while no other call may.
PROBE = 60.0

#: Seconds that stand for "until a worker lifts it": Python has no date for Postgres' own infinity.
_FOR_EVER = 1e9

_STANDING = """
    SELECT panel, scope, reason, detail, since, CASE WHEN until < now() + interval '1 year' THEN until END AS until,
        extract(epoch FROM until)::float8 - extract(epoch FROM clock_timestamp())::float8 AS lasts
    FROM pauses WHERE panel = coalesce(:panel, panel) AND scope = ANY(:scopes)
    ORDER BY panel, since, reason, scope
"""

#: The pauses in force: of one panel, or of all where `panel` is null. `standing_pause` reads a row.
STANDING = text(_STANDING)

LOCK_STANDING = text(f"{_STANDING} FOR UPDATE")

#: The value of `scopes` for pauses of every scope.
ALL_SCOPES = [scope.value for scope in PauseScope]

_PROBE = text("""
    UPDATE pauses SET until = clock_timestamp() + make_interval(secs => :probe)
    WHERE panel = :panel AND scope = ANY(:scopes)
""")

#: Each failed probe doubles the wait.
_LONGER = """
    failures = pauses.failures + 1,
    until = clock_timestamp()
        + make_interval(secs => least(:first * power(2.0, least(pauses.failures, 60)), greatest(:first, :longest)))
"""

#: Calls that were in flight when the pause began fail too, and prove nothing more: only a probe prolongs a pause.
_BEGIN = text(f"""
    INSERT INTO pauses (panel, scope, reason, detail, until)
    VALUES (:panel, :scope, :reason, :detail, clock_timestamp() + make_interval(secs => :first))
    ON CONFLICT (panel, scope, reason) DO UPDATE SET detail = excluded.detail, {_LONGER}
    WHERE :probe
    RETURNING failures
""")  # noqa: S608 - no value is put into the text

_PROLONG = text(f"""
    UPDATE pauses SET detail = :detail, {_LONGER} WHERE panel = :panel AND scope = :scope AND reason = :reason
""")  # noqa: S608 - no value is put into the text

#: Leaves alone the pauses that last until a worker lifts them.
_GIVE_BACK_PROBE = text("""
    UPDATE pauses SET until = clock_timestamp()
    WHERE panel = :panel AND scope = :scope AND reason IS DISTINCT FROM :failed
        AND until <= clock_timestamp() + make_interval(secs => :probe)
""")

_END = text("""
    DELETE FROM pauses WHERE panel = :panel AND scope = :scope AND reason = ANY(:reasons)
    RETURNING reason, extract(epoch FROM clock_timestamp() - since)::float8 AS lasted
""")


@dataclass(frozen=True, slots=True)
class StandingPause:
    """A pause in force. `scope` is a PauseScope; `reason` is a PauseReason, or a word of a newer version's.

    `detail` is in the panel's words, times are the database's. At `until`, one call may probe the panel; None: the
    pause lasts until its cause is over.
    """

    scope: str
    reason: str
    detail: str | None
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause holds the call back for at least so many seconds more."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Probe:
    """One call may pass the pauses, to find out whether the trouble is over."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A pause that a worker has lifted, and the seconds that it lasted."""

    reason: str
    lasted: float


class Pauses:
    """The pauses of one panel."""

    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._panel = panel

    async def standing(self) -> list[tuple[StandingPause, float]]:
        """Returns the pauses in force, each with the seconds for which it lasts; below 0: one call may probe."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(STANDING, {"panel": self._panel, "scopes": ALL_SCOPES})
            return [(standing_pause(row), row.lasts) for row in rows]

    async def pass_or_wait(self, connection: AsyncConnection, scopes: tuple[PauseScope, ...]) -> Paused | Probe | None:
        """Tells what pauses of these scopes mean for a call; None: nothing holds it back.

        A probe is the caller's alone for PROBE seconds, once the caller commits. An `add` never probes a pause of all
        calls: an `add` lost in an outage would leave an order in doubt.
        """
        about = {"panel": self._panel, "scopes": list(scopes)}
        pauses = (await connection.execute(LOCK_STANDING, about)).all()
        if not pauses:
            return None
        longest = max(pauses, key=lambda pause: pause.lasts)
        if longest.lasts > 0:
            return Paused(longest.reason, longest.lasts)
        if PauseScope.ADD in scopes and any(pause.scope == PauseScope.ALL for pause in pauses):
            return Paused(longest.reason, 0.0)
        await connection.execute(_PROBE, about | {"probe": PROBE})
        return Probe()

    async def give_back_probe(self, scope: PauseScope, failed: PauseReason | None = None) -> None:
        """Lets another call probe at once: the probe wasn't used, or proved nothing but that `failed` stands."""
        about = {"panel": self._panel, "scope": scope, "failed": failed, "probe": PROBE}
        async with self._engine.connect() as connection:
            await connection.execute(_GIVE_BACK_PROBE, about)

    async def begin(self, pause: Pause, *, probe: bool) -> bool:
        """Holds calls back, for all workers; returns whether this pause is new.

        `probe`: a probe met the trouble, so the next wait is twice as long.
        """
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(_BEGIN, self._about(pause) | {"probe": probe}) == 1)

    async def prolong(self, pause: Pause) -> bool:
        """Makes the next wait of a pause twice as long, if the pause stands; returns whether it does."""
        async with self._engine.connect() as connection:
            return (await connection.execute(_PROLONG, self._about(pause))).rowcount == 1

    async def end(self, scope: PauseScope, reasons: tuple[PauseReason, ...]) -> list[Resumed]:
        """Lifts the pauses of this scope that have one of these reasons; returns those that stood."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(_END, {"panel": self._panel, "scope": scope, "reasons": list(reasons)})
            return [Resumed(row.reason, row.lasted) for row in rows]

    def _about(self, pause: Pause) -> dict[str, Any]:
        return {
            "panel": self._panel,
            "scope": pause.scope,
            "reason": pause.reason,
            "detail": pause.detail,
            "first": _FOR_EVER if pause.first is None else pause.first,
            "longest": pause.longest,
        }


def standing_pause(row: Row[Any]) -> StandingPause:
    """Reads a row of STANDING."""
    return StandingPause(row.scope, row.reason, row.detail, row.since, row.until)
