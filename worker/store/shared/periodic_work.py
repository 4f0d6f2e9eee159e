"""Work that one worker does for all, at its time, without a fixed leader: who comes first when it is due, does it."""

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


class PeriodicJob:
    """One job of one panel, done every so many seconds by whichever worker is there."""

    def __init__(self, engine: AsyncEngine, panel: str, job: str, every: float) -> None:
        self._engine = engine
        self._about = {"panel": panel, "job": job}
        self._every = every

    async def claim(self) -> bool:
        """Whether the job is due and now ours. A time further ahead than `every` is of a longer schedule, and void."""
        async with self._engine.begin() as connection:
            await connection.execute(_KNOW, self._about)
            return (await connection.execute(_CLAIM, self._about | {"every": self._every})).rowcount == 1

    async def succeeded(self) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(_SUCCEEDED, self._about)

    async def hasten(self, seconds: float) -> None:
        """Have it done again in so many seconds, if it isn't due before."""
        async with self._engine.begin() as connection:
            await connection.execute(_HASTEN, self._about | {"seconds": seconds})

    async def age(self) -> float | None:
        """Seconds since it last succeeded; None: never."""
        async with self._engine.connect() as connection:
            age = await connection.scalar(_AGE, self._about)
            return None if age is None else float(age)
