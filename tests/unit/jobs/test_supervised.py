"""When a supervisor hears which word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from worker.jobs.machinery.supervised import Supervised
from worker.observe.supervisor import Supervisor


class Ears(Supervisor):
    """A supervisor in this process, whose watchdog is in a hurry."""

    def __init__(self) -> None:
        super().__init__({"NOTIFY_SOCKET": "@nowhere", "WATCHDOG_USEC": "30000"})
        self.heard: list[str] = []
        self._more = asyncio.Event()

    def _say(self, word: str) -> None:
        self.heard.append(word)
        self._more.set()

    async def until(self, word: str, times: int = 1) -> None:
        async with asyncio.timeout(5):
            while self.heard.count(word) < times:
                self._more.clear()
                await self._more.wait()


class Work:
    """A worker's work, which does as it is told."""

    def __init__(self) -> None:
        self.ears = Ears()
        self.lease: str | None = "a lease"
        self.stuck: list[str] = []
        self.supervised = Supervised(self.ears, works=lambda: self.lease, stuck=lambda: self.stuck)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.supervised.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def some_turns(self) -> None:
        """Several times as long as between two words."""
        await asyncio.sleep(0.1)


async def test_it_is_ready_once_it_works() -> None:
    work = Work()
    work.lease = None
    async with work.going_on():
        await work.ears.until("WATCHDOG=1", 3)
        assert "READY=1" not in work.ears.heard
        work.lease = "a lease"
        await work.ears.until("READY=1")
        work.lease = None  # it is lost, and begun anew: that isn't for a supervisor
        await work.ears.until("WATCHDOG=1", len(work.ears.heard) + 3)
        work.lease = "another"
        await work.ears.until("WATCHDOG=1", len(work.ears.heard) + 3)
    assert work.ears.heard.count("READY=1") == 1


async def test_the_watchdog_starves_when_a_loop_has_stopped() -> None:
    work = Work()
    async with work.going_on():
        await work.ears.until("WATCHDOG=1", 2)
        work.stuck = ["submit"]
        await asyncio.sleep(0)
        fed = work.ears.heard.count("WATCHDOG=1")
        await work.some_turns()
        assert work.ears.heard.count("WATCHDOG=1") == fed
        work.stuck = []
        await work.ears.until("WATCHDOG=1", fed + 1)


async def test_a_drain_is_given_its_time() -> None:
    work = Work()
    async with work.going_on():
        await work.ears.until("READY=1")
        work.stuck = ["the loops end one by one"]
        work.supervised.stopping()
        await work.ears.until("EXTEND_TIMEOUT_USEC=30000", 4)
    assert work.ears.heard.index("STOPPING=1") < work.ears.heard.index("EXTEND_TIMEOUT_USEC=30000")
