"""What our supervisor hears of the work: that it has begun, that it turns, that it ends."""

import asyncio
from collections.abc import Callable

from worker.observe.supervisor import Supervisor

#: Seconds between two words, where a watchdog wants none sooner.
EVERY = 5.0

#: The same until the worker is ready.
EVERY_AT_START = 0.1

#: The share of the watchdog's patience after which it is fed: two words may get lost.
SHARE = 1 / 3


class Supervised:
    """Tells a supervisor about one worker."""

    def __init__(self, supervisor: Supervisor, *, works: Callable[[], object], stuck: Callable[[], list[str]]) -> None:
        """`works`: what it may begin something under, if anything. `stuck`: the loops that stand still."""
        self._supervisor = supervisor
        self._works = works
        self._stuck = stuck
        self._stopping = False
        self._every = EVERY if supervisor.watchdog is None else min(EVERY, supervisor.watchdog * SHARE)

    async def run(self) -> None:
        """Until it is cancelled."""
        ready = False
        while True:
            if not ready and self._works() is not None:
                ready = True
                self._supervisor.ready()
            if self._stopping or not self._stuck():
                self._supervisor.alive()
                self._grow()
            await asyncio.sleep(self._every if ready else min(self._every, EVERY_AT_START))

    def stopping(self) -> None:
        """The worker drains: its loops end one by one, within a time of its own, and it needs to be given that."""
        self._stopping = True
        self._supervisor.stopping()
        self._grow()

    def _grow(self) -> None:
        if self._stopping:
            self._supervisor.extend(self._every / SHARE)
