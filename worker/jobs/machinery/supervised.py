"""Tells the supervisor that the worker is ready, lives and stops."""

import asyncio
from collections.abc import Callable

from worker.observe.supervisor import Supervisor

#: Seconds between two messages, unless a watchdog wants them sooner.
EVERY = 5.0

#: Seconds between two messages until the worker is ready.
EVERY_AT_START = 0.1

#: The share of the watchdog's interval after which the worker feeds it: two messages may get lost.
SHARE = 1 / 3


class Supervised:
    """Tells a supervisor about one worker."""

    def __init__(self, supervisor: Supervisor, *, works: Callable[[], object], stuck: Callable[[], list[str]]) -> None:
        """`works` returns the id under which the worker may claim, or None; `stuck` the loops that stand still."""
        self._supervisor = supervisor
        self._works = works
        self._stuck = stuck
        self._stopping = False
        self._every = EVERY if supervisor.watchdog is None else min(EVERY, supervisor.watchdog * SHARE)

    async def run(self) -> None:
        """Sends messages until it is cancelled."""
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
        """Announces the drain. From here on loops end one by one, so the supervisor is fed without regard to them."""
        self._stopping = True
        self._supervisor.stopping()
        self._grow()

    def _grow(self) -> None:
        """Asks the supervisor for more time, since the drain keeps a limit of its own."""
        if self._stopping:
            self._supervisor.extend(self._every / SHARE)
