"""Shares work that one worker does for all when it is due. There is no leader: the first worker to claim it does it."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_KNOW = text("INSERT INTO periodic_jobs (panel, job, due_at) VALUES (:panel, :job, now()) ON CONFLICT DO NOTHING")

_CLAIM = text("""
    UPDATE periodic_jobs SET due_at = clock_timestamp() + make_interval(secs => :every)
    WHERE panel = :panel AND job = :job
        AND (due_at <= clock_timestamp() OR due_at > clock_timestamp() + make_interval(secs => :every))
""")

_SUCCEEDED = text("UPDATE periodic_jobs SET succeeded_at = clock_timestamp() WHERE panel = :panel AND job = :job")

_HASTEN = text("""
    UPDATE periodic_jobs SET due_at = least(due_at, clock_timestamp() + make_interval(secs => :seconds))
    WHERE panel = :panel AND job = :job
""")

_AGE = text("""
    SELECT extract(epoch FROM clock_timestamp() - succeeded_at)::float8
    FROM periodic_jobs WHERE panel = :panel AND job = :job
""")


class PeriodicWork:
    """One job of one panel, which one of the workers does every so many seconds."""

    def __init__(self, engine: AsyncEngine, panel: str, job: str, every: float) -> None:
        self._engine = engine
        self._about = {"panel": panel, "job": job}
        self._every = every

    async def claim(self) -> bool:
        """Claims the job if it is due; returns whether this worker has it now.

        A time further ahead than `every` is left from a longer schedule, and doesn't count.
        """
        async with self._engine.begin() as connection:
            await connection.execute(_KNOW, self._about)
            return (await connection.execute(_CLAIM, self._about | {"every": self._every})).rowcount == 1

    async def succeeded(self) -> None:
        """Notes that the job has succeeded now."""
        async with self._engine.begin() as connection:
            await connection.execute(_SUCCEEDED, self._about)

    async def hasten(self, seconds: float) -> None:
        """Makes the job due in so many seconds, unless it is due before."""
        async with self._engine.begin() as connection:
            await connection.execute(_HASTEN, self._about | {"seconds": seconds})

    async def age(self) -> float | None:
        """Returns the seconds since the job last succeeded; None if it never has."""
        async with self._engine.connect() as connection:
            age = await connection.scalar(_AGE, self._about)
            return None if age is None else float(age)
