"""Calls that are under way: begun by a job, finished on their own."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from worker.jobs.machinery.observer import JobObserver, Tracer

_log = structlog.get_logger()


class InFlight:
    """Tasks that outlive the run of the job that began them. One that throws is reported, and stops no other."""

    def __init__(self, observer: JobObserver, tracer: Tracer | None = None) -> None:
        self._observer = observer
        self._tracer = tracer
        self.tasks: set[asyncio.Task[None]] = set()

    def launch(self, work: Coroutine[Any, Any, None], *, panel: str, job: str, items: int = 1) -> None:
        """Begin work of a job for a panel, which are named in the report, should it throw; on so many items."""
        if self._tracer is not None:
            work = self._tracer.followed(work, panel=panel, job=job, items=items)
        task = asyncio.get_running_loop().create_task(self._reported(work, panel, job))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def __len__(self) -> int:
        return len(self.tasks)

    async def finished(self) -> None:
        """Return once nothing is under way."""
        while self.tasks:
            await asyncio.wait(self.tasks)

    async def _reported(self, work: Coroutine[Any, Any, None], panel: str, job: str) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - whatever it is, it is this call's own trouble
            _log.exception("call_failed", panel=panel, job=job)
            self._observer.job_failed(job, panel)
