"""Asks panels for refills, and follows each refill to its end."""

from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from worker.domain.orders.refills_and_cancels import NO_PANEL_ORDER, RefillOrCancelChange, refill_answered, refill_news
from worker.domain.orders.states import RefillState
from worker.domain.orders.statuses import ItemError, Recognition
from worker.domain.polling import Pace
from worker.jobs.machinery.batches import REFILL_STATUSES, REFILLS, ask, enter_with, sizes
from worker.jobs.machinery.gate import Permit
from worker.jobs.machinery.upstream import Upstream
from worker.store.queue.refills_and_cancels import Request, Requests

_log = structlog.get_logger()


class Refills:
    """Sends new refills, and polls those that the panel has. The calls go on after a run has ended."""

    def __init__(self, upstream: Upstream, refills: Requests, pace: Pace) -> None:
        self._upstream = upstream
        self._refills = refills
        self._pace = pace

    async def run(self) -> None:
        for ended in await self._refills.reject_pointless():
            about = {"refill_id": ended.request_id, "order_id": ended.order_id, "panel": ended.panel}
            _log.warning("refill_rejected", error_code=NO_PANEL_ORDER, **about)
        await self._each_batch(RefillState.PENDING)
        await self._each_batch(RefillState.SUBMITTED)

    async def _each_batch(self, state: RefillState) -> None:
        while await self._refills.any_due(self._upstream.name, state):
            is_new = state is RefillState.PENDING
            (size,) = await sizes(self._upstream, REFILLS.action if is_new else REFILL_STATUSES.action, 1)
            entered = await enter_with(
                self._upstream.gate, partial(self._refills.claim, self._upstream.name, state, size)
            )
            if entered is None:
                return
            work = self._create if is_new else self._follow
            permit, batch = entered
            self._upstream.in_flight.launch(
                work(permit, batch), panel=self._upstream.name, job="refills", items=len(batch)
            )

    async def _create(self, permit: Permit, batch: list[Request]) -> None:
        ids = list(dict.fromkeys(request.panel_order_id for request in batch))
        answers = await ask(self._upstream, REFILLS, permit, ids)
        changes = [
            refill_answered(request.request_id, answers.get(request.panel_order_id), request.age, self._pace)
            for request in batch
        ]
        await self._record(batch, changes)

    async def _follow(self, permit: Permit, batch: list[Request]) -> None:
        # The panel may have made one refill of several requests.
        ids = list(dict.fromkeys(request.panel_refill_id or "" for request in batch))
        answers = await ask(self._upstream, REFILL_STATUSES, permit, ids)
        await self._record(batch, [self._news(request, answers) for request in batch])

    def _news(self, request: Request, answers: Mapping[str, str | ItemError]) -> RefillOrCancelChange:
        answer = answers.get(request.panel_refill_id or "")
        return refill_news(request.request_id, request.panel_status, answer, request.still_for, self._pace)

    async def _record(self, batch: Sequence[Request], changes: Sequence[RefillOrCancelChange]) -> None:
        requests = {request.request_id: request for request in batch}
        recorded = await self._refills.record(batch, changes)
        for change in changes:
            if change.request_id in recorded:
                self._log_change(requests[change.request_id], change)

    def _log_change(self, request: Request, change: RefillOrCancelChange) -> None:
        about = {
            "refill_id": request.request_id,
            "order_id": request.order_id,
            "panel": self._upstream.name,
            "panel_order_id": request.panel_order_id,
            "state": change.state,
        }
        if change.panel_refill_id is not None:
            _log.info("refill_submitted", panel_refill_id=change.panel_refill_id, **about)
        elif change.state is RefillState.REJECTED:
            _log.warning("refill_rejected", error_code=change.error_code, error=change.error, **about)
        elif change.panel_status != request.panel_status:
            _log.info("refill_changed", panel_status=change.panel_status, **about)
        if change.panel_status == request.panel_status or change.recognition is Recognition.KNOWN:
            return
        unknown = change.recognition is Recognition.UNKNOWN
        _log.warning("status_unrecognized" if unknown else "refill_troubled", panel_status=change.panel_status, **about)
