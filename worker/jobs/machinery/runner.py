"""Runs a job whenever a tick of the schedule or an insert of a producer wakes it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog

from worker.jobs.machinery.observer import JobObserver
from worker.observe.liveness import beat

_log = structlog.get_logger()

Work: TypeAlias = Callable[[], Awaitable[None]]

#: Seconds until the work at the end is tried again.
TRY_AGAIN = 1.0


class Runner:
    """Runs one job, never twice at once. A wake-up during a run leads to another run."""

    def __init__(
        self, job: str, run: Work, observer: JobObserver, *, panel: str = "", at_end: Work | None = None
    ) -> None:
        """`panel` is empty for a job of all panels. `at_end` is done after the last run, until it succeeds."""
        self.job = job
        self.panel = panel
        self._run = run
        self._observer = observer
        self._at_end = at_end
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        self._woken.set()

    async def tick(self) -> None:
        """Wakes the job, for a scheduler that would run a plain function in a thread of its own."""
        self.wake()

    def stop(self) -> None:
        """Makes `turn` return once the current run is over."""
        self._stopping = True
        self._woken.set()

    async def turn(self) -> None:
        """Runs the job at each wake-up, until `stop`."""
        while True:
            await self._woken.wait()
            beat()
            if self._stopping:
                break
            self._woken.clear()
            await self._succeeds(self._run)
        # A database that is back announces it to nobody.
        while self._at_end is not None and not await self._succeeds(self._at_end):  # noqa: ASYNC110
            await asyncio.sleep(TRY_AGAIN)

    async def _succeeds(self, work: Work) -> bool:
        """Returns whether the work raised no error. Reports one that it raised; the job runs again at its next tick."""
        try:
            await work()
        except Exception:  # noqa: BLE001 - no error may end the loop
            _log.exception("job_failed", job=self.job, **({"panel": self.panel} if self.panel else {}))
            self._observer.job_failed(self.job, self.panel)
            return False
        self._observer.job_succeeded(self.job, self.panel)
        return True
