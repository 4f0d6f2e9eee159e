"""Keeps the lease of this worker alive."""

import time
from uuid import UUID

import structlog

from worker.store.shared.leases import LEASE, Workers

_log = structlog.get_logger()

#: Seconds between two renewals. Two may fail before the lease ends.
RENEW_EVERY = LEASE / 4

#: A clock that goes on while the machine is suspended, as the database's clock does.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _now() -> float:
    return time.clock_gettime(_CLOCK)


class Lease:
    """Knows under which id this worker may claim, and whether claims under an id are still its own."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._worker_id: UUID | None = None
        self._good_until = 0.0

    async def begin(self) -> None:
        asked_at = _now()
        self._worker_id = await self._workers.begin()
        self._good_until = asked_at + LEASE

    def current(self) -> UUID | None:
        """Returns the id to claim under; None while there is no lease, and the worker may begin nothing."""
        return self._worker_id if self._worker_id is not None and self.holds(self._worker_id) else None

    def holds(self, worker_id: UUID) -> bool:
        """Tells whether a claim under this id is certainly still this worker's, by the worker's own clock."""
        return worker_id == self._worker_id and _now() < self._good_until

    async def renew(self) -> None:
        """Renews the lease. If it was lost, begins one under a new id; others take over the claims of the old id."""
        if self._worker_id is None:
            await self.begin()
            return
        asked_at = _now()
        if await self._workers.renew(self._worker_id):
            self._good_until = asked_at + LEASE
        else:
            _log.warning("lease_lost", worker=str(self._worker_id))
            self._worker_id = None
            await self.begin()

    async def end(self) -> None:
        if self._worker_id is not None:
            await self._workers.end(self._worker_id)
