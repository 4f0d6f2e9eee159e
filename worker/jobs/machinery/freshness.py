"""Keeps the mirror of a panel's catalogue young enough to say that a service doesn't exist."""

import asyncio
from collections.abc import Callable

from worker.store.shared.periodic_work import PeriodicWork

#: Seconds. A service that the mirror lacks may be new: only a mirror younger than this can deny it.
FRESH = 60.0

#: Least seconds between two requests for a new mirror, should the panel not have given its catalogue.
ASK_AGAIN = 5.0


class Freshness:
    """Knows whether the mirror is fresh, and has it made anew on demand."""

    def __init__(self, mirroring: PeriodicWork, fetch: Callable[[], None]) -> None:
        """`mirroring` is the shared job that makes the mirror; `fetch` wakes this worker's job for it."""
        self._mirroring = mirroring
        self._fetch = fetch
        self._fresh_until = 0.0
        self._ask_again_at = 0.0

    def is_fresh(self) -> bool:
        """Tells whether a service that the mirror lacks doesn't exist, as far as `refresh` has found out."""
        return asyncio.get_running_loop().time() < self._fresh_until

    async def refresh(self) -> None:
        """Reads how old the mirror is; if it is too old, asks for a new one, unless it did so just now."""
        age, now = await self._mirroring.age(), asyncio.get_running_loop().time()
        if age is not None and age < FRESH:
            self._fresh_until = now + FRESH - age
        elif now >= self._ask_again_at:
            self._ask_again_at = now + ASK_AGAIN
            await self._mirroring.hasten(0)
            self._fetch()
