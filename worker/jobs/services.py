"""Mirrors a panel's catalogue on a schedule, one worker for all."""

from collections.abc import Callable
from datetime import datetime

import structlog

from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Unknown
from worker.domain.orders.services import Service, ServiceChange
from worker.jobs.machinery.due_call import RETRY, call_when_due
from worker.jobs.machinery.upstream import Upstream
from worker.store.records.catalogue import Catalogue, ImplausibleListError
from worker.store.shared.periodic_work import PeriodicWork

_log = structlog.get_logger()


class Services:
    """Reads the panel's list of services when it is due, and records every change."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        catalogue: Catalogue,
        job: PeriodicWork,
        mirrored: Callable[[], None],
    ) -> None:
        """`mirrored` is called after each success, since orders may wait for it."""
        self._upstream = upstream
        self._catalogue = catalogue
        self._job = job
        self._mirrored = mirrored

    async def run(self) -> None:
        match await call_when_due(self._job, self._upstream.gate, self._ask):
            case Answered((asked_at, listed)):
                await self._mirror(listed, asked_at)
            case Refused(_, text) | NotSent(text) | Unknown(text):
                _log.warning("services_not_read", panel=self._upstream.name, error=text)
            case None:
                pass

    async def _ask(self) -> Reply[tuple[datetime, list[Service]]]:
        """Returns the catalogue, and the time at which the worker asked for it."""
        asked_at = await self._catalogue.now()
        match await self._upstream.client.services():
            case Answered(listed):
                return Answered((asked_at, listed))
            case failure:
                return failure

    async def _mirror(self, listed: list[Service], asked_at: datetime) -> None:
        try:
            changes = await self._catalogue.mirror(listed, asked_at)
        except ImplausibleListError as error:
            _log.warning("services_ignored", panel=self._upstream.name, listed=error.listed, known=error.known)
            await self._job.hasten(RETRY)
            return
        await self._job.succeeded()
        self._log_changes(len(listed), changes)
        self._mirrored()

    def _log_changes(self, listed: int, changes: list[ServiceChange]) -> None:
        for change in changes:
            _log.info(
                "service_changed",
                panel=self._upstream.name,
                service=change.service,
                kind=change.kind,
                before=change.before,
                after=change.after,
            )
        _log.info("services_mirrored", panel=self._upstream.name, listed=listed, changes=len(changes))
