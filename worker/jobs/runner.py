"""What turns a job: a tick of the schedule or a word from a producer wakes it, and it runs until nothing is due."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from worker.jobs.observer import JobObserver
from worker.observe.health import beat

_log = structlog.get_logger()


class Runner:
    """Runs one job, never twice at once. A wake-up during a run leads to another run: none is lost."""

    def __init__(self, job: str, run: Callable[[], Awaitable[None]], observer: JobObserver, *, panel: str = "") -> None:
        """`panel` is empty for a job that is for all panels."""
        self.job = job
        self.panel = panel
        self._run = run
        self._observer = observer
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        self._woken.set()

    async def tick(self) -> None:
        """The same for a scheduler, which runs what isn't a coroutine in a thread of its own."""
        self.wake()

    def stop(self) -> None:
        """Let `turn` return once the run that is under way is over."""
        self._stopping = True
        self._woken.set()

    async def turn(self) -> None:
        while True:
            await self._woken.wait()
            beat()
            if self._stopping:
                return
            self._woken.clear()
            try:
                await self._run()
            except Exception:  # noqa: BLE001 - a job that throws is reported, and runs again at its next tick
                _log.exception("job_failed", job=self.job, **({"panel": self.panel} if self.panel else {}))
                self._observer.job_failed(self.job, self.panel)
            else:
                self._observer.job_succeeded(self.job, self.panel)
