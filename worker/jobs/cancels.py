"""Carries out cancels: of orders that weren't sent, here; of orders that the panel has, by asking the panel."""

from functools import partial

import structlog

from worker.domain.orders.refills_and_cancels import NO_PANEL_ORDER, RefillOrCancelChange, cancel_answered
from worker.domain.orders.states import CancelState
from worker.domain.polling import Pace
from worker.jobs.machinery.batches import CANCELS, ask, enter_with, sizes
from worker.jobs.machinery.gate import Permit
from worker.jobs.machinery.upstream import Upstream
from worker.store.queue.refills_and_cancels import Request, Requests

_log = structlog.get_logger()


class Cancels:
    """Asks the panel for all cancels that are due. The calls go on after a run has ended."""

    def __init__(self, upstream: Upstream, cancels: Requests, pace: Pace) -> None:
        self._upstream = upstream
        self._cancels = cancels
        self._pace = pace

    async def run(self) -> None:
        for ended in await self._cancels.cancel_unsent():
            _log.info("cancel_accepted", cancel_id=ended.request_id, order_id=ended.order_id, panel=ended.panel)
        for ended in await self._cancels.reject_pointless():
            about = {"cancel_id": ended.request_id, "order_id": ended.order_id, "panel": ended.panel}
            _log.warning("cancel_rejected", error_code=NO_PANEL_ORDER, **about)
        while await self._cancels.any_due(self._upstream.name, CancelState.PENDING):
            (size,) = await sizes(self._upstream, CANCELS.action, 1)
            claim = partial(self._cancels.claim, self._upstream.name, CancelState.PENDING, size)
            entered = await enter_with(self._upstream.gate, claim)
            if entered is None:
                return
            permit, batch = entered
            self._upstream.in_flight.launch(
                self._cancel(permit, batch), panel=self._upstream.name, job="cancels", items=len(batch)
            )

    async def _cancel(self, permit: Permit, batch: list[Request]) -> None:
        ids = list(dict.fromkeys(request.panel_order_id for request in batch))
        answers = await ask(self._upstream, CANCELS, permit, ids)
        changes = [
            cancel_answered(request.request_id, answers.get(request.panel_order_id), request.age, self._pace)
            for request in batch
        ]
        recorded = await self._cancels.record(batch, changes)
        for request, change in zip(batch, changes, strict=True):
            if request.request_id in recorded:
                self._log_change(request, change)

    def _log_change(self, request: Request, change: RefillOrCancelChange) -> None:
        about = {
            "cancel_id": request.request_id,
            "order_id": request.order_id,
            "panel": self._upstream.name,
            "panel_order_id": request.panel_order_id,
        }
        if change.state is CancelState.ACCEPTED:
            _log.info("cancel_accepted", **about)
        elif change.state is CancelState.REJECTED:
            _log.warning("cancel_rejected", error_code=change.error_code, error=change.error, **about)
