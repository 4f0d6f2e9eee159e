"""The lease of a worker: what it has in hand is its own for as long as it renews it."""

from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

#: Seconds. A worker that dies is taken over within a minute, so a lease is well below that.
LEASE = 30.0

_BEGIN = text("""
    INSERT INTO workers (id, name, lease_until)
    VALUES (:id, :name, clock_timestamp() + make_interval(secs => :lease))
""")

_RENEW = text("""
    UPDATE workers SET lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE id = :id AND ended_at IS NULL
""")

_END = text("UPDATE workers SET ended_at = clock_timestamp() WHERE id = :id AND ended_at IS NULL")


class Workers:
    """The workers that share this database."""

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        """`name` is for people: host and process."""
        self._engine = engine
        self._name = name

    async def begin(self) -> UUID:
        """A lease under a new id. An id is never taken up again: what it left behind is nobody's."""
        worker_id = uuid4()
        async with self._engine.begin() as connection:
            await connection.execute(_BEGIN, {"id": worker_id, "name": self._name, "lease": LEASE})
        return worker_id

    async def renew(self, worker_id: UUID) -> bool:
        """Whether the lease could be renewed; False: it ended, and what was in hand is no longer ours."""
        async with self._engine.begin() as connection:
            return (await connection.execute(_RENEW, {"id": worker_id, "lease": LEASE})).rowcount == 1

    async def end(self, worker_id: UUID) -> None:
        """Say goodbye: whatever is still open is taken over at once."""
        async with self._engine.begin() as connection:
            await connection.execute(_END, {"id": worker_id})
