"""What our supervisor hears of the work: that it has begun, that it turns, how much there is, that it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from worker.observe.supervisor import Supervisor

#: Seconds between two words, where a watchdog wants none sooner.
EVERY = 5.0

#: Seconds between two looks at how much there is to do.
STATUS_EVERY = 15.0

#: The share of the watchdog's patience after which it is fed: two words may get lost.
SHARE = 1 / 3


class Supervised:
    """Tells a supervisor about one worker.

    `works`: whether it may begin something. `alive`: whether its loops turn. `situation`: one line for a person.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        works: Callable[[], bool],
        alive: Callable[[], bool],
        situation: Callable[[], Awaitable[str]],
    ) -> None:
        self._supervisor = supervisor
        self._works = works
        self._alive = alive
        self._situation = situation
        self._ready = False
        self._stopping = False
        self._every = EVERY if supervisor.watchdog is None else min(EVERY, supervisor.watchdog * SHARE)

    async def run(self) -> None:
        """Until it is cancelled. How much there is to do is asked of the database, which must not hold up the rest."""
        if not self._supervisor.listens:
            return
        async with asyncio.TaskGroup() as both:
            both.create_task(self._feed())
            both.create_task(self._tell_situation())

    def stopping(self) -> None:
        """The worker drains: its loops end one by one, within a time of its own, and it needs to be given that."""
        self._stopping = True
        self._supervisor.stopping()
        self._grow()

    async def _feed(self) -> None:
        while True:
            if not self._ready and self._works():
                self._ready = True
                self._supervisor.ready()
            if self._stopping or self._alive():
                self._supervisor.alive()
                self._grow()
            await asyncio.sleep(self._every if self._ready else min(self._every, 0.1))

    def _grow(self) -> None:
        if self._stopping:
            self._supervisor.extend(self._every / SHARE)

    async def _tell_situation(self) -> None:
        while True:
            with suppress(Exception):  # the work itself tells of a database that is away
                self._supervisor.status(await self._situation())
            await asyncio.sleep(STATUS_EVERY)
