"""What is closed and settled for long is put away: a little at a time, by one worker for all."""

import structlog

from worker.observe.liveness import beat
from worker.store.records.archive import Archive, Tidied
from worker.store.shared.periodic_work import PeriodicJob

_log = structlog.get_logger()

#: Most steps of one run: some seconds, well within the drain time. What is left is gone on with soon.
MOST_STEPS = 100

#: Seconds until a walk that isn't over is gone on with.
GO_ON = 15.0


class Housekeeping:
    def __init__(self, archive: Archive, job: PeriodicJob) -> None:
        self._archive = archive
        self._job = job
        self._after = 0  #: the event at which the last run stopped; a worker that knows of none begins anew

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
        _tell(tidied)


def _tell(tidied: Tidied) -> None:
    if tidied:
        _log.info(
            "history_archived",
            orders=tidied.orders,
            events=tidied.events,
            submissions=tidied.submissions,
            workers=tidied.workers,
            examinations=tidied.examinations,
        )
