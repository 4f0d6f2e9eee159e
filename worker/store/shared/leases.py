"""Keeps the leases of workers: a worker owns its claims for as long as it renews its lease."""

from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

#: Seconds that a lease lasts. Other workers take over from a dead one within a minute, so a lease is well below that.
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
    """Begins, renews and ends leases on this database."""

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        """`name` names the worker for people: host and process."""
        self._engine = engine
        self._name = name

    async def begin(self) -> UUID:
        """Begins a lease under a new id, which it returns. No worker uses an id again: others take over its claims."""
        worker_id = uuid4()
        async with self._engine.begin() as connection:
            await connection.execute(_BEGIN, {"id": worker_id, "name": self._name, "lease": LEASE})
        return worker_id

    async def renew(self, worker_id: UUID) -> bool:
        """Renews a lease; returns False if it has ended, and the worker's claims are no longer its own."""
        async with self._engine.begin() as connection:
            return (await connection.execute(_RENEW, {"id": worker_id, "lease": LEASE})).rowcount == 1

    async def end(self, worker_id: UUID) -> None:
        """Ends a lease, so that other workers take over open claims at once."""
        async with self._engine.begin() as connection:
            await connection.execute(_END, {"id": worker_id})
