"""The calls in flight: a job starts them, and they finish on their own."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from worker.jobs.machinery.observer import JobObserver, Tracer

_log = structlog.get_logger()


class InFlight:
    """Runs tasks that outlive the run of the job that started them, and reports those that raise."""

    def __init__(self, observer: JobObserver, tracer: Tracer | None = None) -> None:
        self._observer = observer
        self._tracer = tracer
        self.tasks: set[asyncio.Task[None]] = set()

    def launch(self, work: Coroutine[Any, Any, None], *, panel: str, job: str, items: int = 1) -> None:
        """Starts work of a job for a panel, on so many claimed items. The report of an error names both."""
        if self._tracer is not None:
            work = self._tracer.followed(work, panel=panel, job=job, items=items)
        task = asyncio.get_running_loop().create_task(self._reported(work, panel, job))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def __len__(self) -> int:
        return len(self.tasks)

    async def finished(self) -> None:
        """Returns once no call is in flight."""
        while self.tasks:
            await asyncio.wait(self.tasks)

    async def _reported(self, work: Coroutine[Any, Any, None], panel: str, job: str) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - an error of one call stops no other
            _log.exception("call_failed", panel=panel, job=job)
            self._observer.job_failed(job, panel)
