"""Moves the history of orders that are settled for long to the archive: a little at a time, one worker for all."""

import structlog

from worker.observe.liveness import beat
from worker.store.records.archive import Archive, Tidied
from worker.store.shared.periodic_work import PeriodicWork

_log = structlog.get_logger()

#: Most steps of one run, which take some seconds: far less than the drain time. A later run does the rest.
MOST_STEPS = 100

#: Seconds until the next run if this one left something.
GO_ON = 15.0


class Housekeeping:
    """Walks through the events of settled orders, and goes on in the next run where the last one stopped."""

    def __init__(self, archive: Archive, job: PeriodicWork) -> None:
        self._archive = archive
        self._job = job
        self._after = 0  #: id of the event at which the last run stopped; a new worker begins at the first

    async def run(self) -> None:
        if not await self._job.claim():
            return
        tidied = await self._archive.sweep()
        for _ in range(MOST_STEPS):
            beat()
            step = await self._archive.step(self._after)
            tidied += step.tidied
            self._after = step.after or 0
            if step.after is None:
                break
        else:
            await self._job.hasten(GO_ON)
        await self._job.succeeded()
        _log_tidied(tidied)


def _log_tidied(tidied: Tidied) -> None:
    if tidied:
        _log.info(
            "history_archived",
            orders=tidied.orders,
            events=tidied.events,
            submissions=tidied.submissions,
            workers=tidied.workers,
            examinations=tidied.examinations,
        )
