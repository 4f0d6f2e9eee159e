"""When a supervisor hears which word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from worker.jobs.supervised import Supervised
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
        self.works = True
        self.alive = True
        self.looked = 0
        self.supervised = Supervised(
            self.ears, works=lambda: self.works, alive=lambda: self.alive, situation=self.situation
        )

    async def situation(self) -> str:
        self.looked += 1
        await asyncio.Event().wait()
        return "never"

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
    work.works = False
    async with work.going_on():
        await work.ears.until("WATCHDOG=1", 3)
        assert "READY=1" not in work.ears.heard
        work.works = True
        await work.ears.until("READY=1")
        work.works = False  # a lease is lost and begun anew: that isn't for a supervisor
        work.works = True
        await work.ears.until("WATCHDOG=1", len(work.ears.heard) + 3)
    assert work.ears.heard.count("READY=1") == 1


async def test_the_watchdog_starves_when_a_loop_has_stopped() -> None:
    work = Work()
    async with work.going_on():
        await work.ears.until("WATCHDOG=1", 2)
        work.alive = False
        await asyncio.sleep(0)
        fed = work.ears.heard.count("WATCHDOG=1")
        await work.some_turns()
        assert work.ears.heard.count("WATCHDOG=1") == fed
        work.alive = True
        await work.ears.until("WATCHDOG=1", fed + 1)


async def test_a_database_that_does_not_answer_starves_nobody() -> None:
    work = Work()
    async with work.going_on():
        await work.ears.until("WATCHDOG=1", 5)
    assert work.looked == 1


async def test_a_drain_is_given_its_time() -> None:
    work = Work()
    async with work.going_on():
        await work.ears.until("READY=1")
        work.alive = False  # the loops end one by one
        work.supervised.stopping()
        await work.ears.until("EXTEND_TIMEOUT_USEC=30000", 4)
    assert work.ears.heard.index("STOPPING=1") < work.ears.heard.index("EXTEND_TIMEOUT_USEC=30000")


async def test_without_a_supervisor_nothing_is_looked_at() -> None:
    work = Work()
    work.supervised = Supervised(Supervisor({}), works=lambda: True, alive=lambda: True, situation=work.situation)
    await work.supervised.run()
    assert work.looked == 0
