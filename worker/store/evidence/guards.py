"""Keeps who examines an account's lost orders, and whether somebody else orders on it."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.elements import TextClause

_SECONDS = "extract(epoch FROM {})::float8"

_KNOW = text("INSERT INTO guards (panel) VALUES (:panel) ON CONFLICT DO NOTHING")

#: One worker examines, and goes on as long as it lives and says so in time.
_TAKE = text(f"""
    UPDATE guards SET worker_id = :worker_id, examined_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE panel = :panel
        AND (worker_id = :worker_id OR examined_until IS NULL OR examined_until < clock_timestamp()
            OR examined_until > clock_timestamp() + make_interval(secs => :longest)
            OR NOT EXISTS (
                SELECT FROM workers w
                WHERE w.id = guards.worker_id AND w.ended_at IS NULL AND w.lease_until > clock_timestamp()
            ))
    RETURNING {_SECONDS.format("searched_at")} AS searched_at,
        {_SECONDS.format("shared_since")} AS shared_since
""")  # noqa: S608 - columns of ours

_SEARCHED = text("""
    UPDATE guards SET searched_at = clock_timestamp() WHERE panel = :panel
""")

_SHARED = text("""
    UPDATE guards SET shared_since = clock_timestamp() WHERE panel = :panel AND shared_since IS NULL
""")

#: No worker says that it examines for longer than this, in seconds.
LONGEST = 600.0


@dataclass(frozen=True, slots=True)
class Guard:
    """What is known of an account as a whole. Times are seconds of the database's clock.

    `searched_at`: when the newest ids were last searched for
    orders that are nobody's. `is_shared`: such orders were found.
    """

    searched_at: float | None
    is_shared: bool


class Guards:
    """The guard of one account."""

    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._panel = panel

    async def take(self, worker_id: UUID, seconds: float) -> Guard | None:
        """Makes this worker the one that examines, for so many seconds; None: another one does."""
        about = {"panel": self._panel, "worker_id": worker_id, "seconds": seconds, "longest": LONGEST}
        async with self._engine.begin() as connection:
            await connection.execute(_KNOW, about)
            row = (await connection.execute(_TAKE, about)).one_or_none()
            return None if row is None else Guard(row.searched_at, row.shared_since is not None)

    async def searched(self) -> None:
        """Notes that the newest ids were searched."""
        await self._write(_SEARCHED)

    async def shared(self) -> None:
        """Notes that somebody else orders on this account."""
        await self._write(_SHARED)

    async def _write(self, statement: TextClause) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(statement, {"panel": self._panel})
