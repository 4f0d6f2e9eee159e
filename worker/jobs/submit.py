"""Sends pending orders to the panel: claims them with their intent, sends them, and records their outcomes."""

import asyncio
from collections.abc import Callable
from functools import partial
from uuid import UUID

import structlog

from worker.domain.evidence import lookalikes
from worker.domain.orders.add_request import OrderRequest, check
from worker.domain.orders.outcomes import AddOutcome, NotSent, Unknown
from worker.domain.orders.refusals import subject_of
from worker.domain.orders.services import Service, Untyped
from worker.domain.orders.submission import Claimed
from worker.jobs.machinery.freshness import Freshness
from worker.jobs.machinery.gate import Permit
from worker.jobs.machinery.lease import Lease
from worker.jobs.machinery.recorder import Recorder, Result
from worker.jobs.machinery.upstream import Upstream
from worker.observe.liveness import at_rest
from worker.store.queue.claim import Claim, Claims, Decision, Postponed
from worker.store.queue.settle import SettleApartError

_log = structlog.get_logger()

#: Most rows of one claim.
MOST_CLAIMED = 500

#: Seconds until a row that waits for the catalogue is claimed again.
POSTPONE = 1.0


class Submit:
    """Sends orders as long as any may be sent. The calls go on after a run has ended."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        claims: Claims,
        lease: Lease,
        recorder: Recorder,
        freshness: Freshness,
        untyped: Untyped,
        wake: Callable[[], None],
    ) -> None:
        """`freshness` is that of the panel's mirrored catalogue; `wake` makes this job run again.

        `untyped`: what to take services for whose type the catalogue doesn't tell.
        """
        self._upstream = upstream
        self._claims = claims
        self._lease = lease
        self._recorder = recorder
        self._freshness = freshness
        self._untyped = untyped
        self._wake = wake
        self._queue_behind = False  #: the last claim found orders that have to wait in front of those that may go
        self._sending: set[int] = set()  #: tokens of the claims whose calls are in flight
        self._doubtful: UUID | None = None  #: the worker id of a claim that may have been committed without an answer

    async def run(self) -> None:
        await self.return_unsent()
        while want := await self._claims.runnable(self._upstream.name, MOST_CLAIMED):
            while want:
                with self._recorder.claim_to_come():
                    permits = await self._upstream.gate.enter(want, adding=True)
                    if not isinstance(permits, list):
                        return
                    found = await self._claim_and_send(permits)
                if not found:
                    return
                # A full claim means that more orders wait: no need to count them again.
                want = MOST_CLAIMED if found >= len(permits) else 0

    async def _claim_and_send(self, permits: list[Permit]) -> int:
        """Claims orders and starts a call for each that may be sent. Returns how many rows the claim found."""
        sent = 0
        try:
            worker_id = self._lease.current()
            if worker_id is None or self._upstream.gate.closed:
                return 0
            self._doubtful = worker_id
            claim = await self._claim(worker_id, len(permits), probe=permits[0].probe)
            self._doubtful = None
            for claimed in claim.sendable:
                self._sending.add(claimed.token)
                self._upstream.in_flight.launch(
                    self._send(permits[sent], claimed, worker_id), panel=self._upstream.name, job="submit"
                )
                sent += 1
        finally:
            await self._upstream.gate.give_back(permits[sent:])
        self._log_refused(claim)
        if claim.postponed:
            await self._freshness.refresh()
        self._queue_behind = claim.postponed + claim.lookalikes > 0
        if claim.lookalikes or claim.gave_way:
            asyncio.get_running_loop().call_later(lookalikes.WAIT, self._wake)
        if claim.gave_way:
            return 0
        return len(claim.sendable) + len(claim.refused) + claim.postponed + claim.lookalikes

    async def _claim(self, worker_id: UUID, at_most: int, *, probe: bool) -> Claim:
        """Claims orders, and writes the outcomes that wait in the same commit; or before it, if they need more care."""
        claim = partial(
            self._claims.claim,
            self._upstream.name,
            worker_id,
            at_most,
            self._decide,
            read_at_least=MOST_CLAIMED if self._queue_behind or probe else 0,
            probe=probe,
        )
        try:
            async with self._recorder.group() as group:
                claimed = await claim(outcomes=group.outcomes)
                group.changes = claimed.settled
        except SettleApartError:
            await self._recorder.write()
            return await claim()
        return claimed

    async def _send(self, permit: Permit, claimed: Claimed, worker_id: UUID) -> None:
        """Makes one call, and returns once its outcome is written.

        The permit is left before that, as soon as the outcome is known. The claim that takes the place writes all
        waiting outcomes in its commit, so never more rows are open than calls are allowed.
        """
        clock = asyncio.get_running_loop().time
        trouble = None
        async with permit:
            began = clock()
            subject = subject_of(claimed.request)
            outcome = self._upstream.gate.breaker.judge(subject, await self._outcome(claimed, worker_id))
            result = Result(self._upstream.name, claimed, outcome, clock() - began)
            written = self._recorder.put(result)  # first of all: from here on, the outcome can't get lost unseen
            try:
                # Before the place is free: a pause holds back whoever takes it.
                await permit.report(outcome, subject)
            except Exception as error:  # noqa: BLE001 - raised below
                trouble = error
        await written
        self._sending.discard(claimed.token)
        if trouble is not None:
            raise trouble

    async def _outcome(self, claimed: Claimed, worker_id: UUID) -> AddOutcome:
        try:
            # The client asks about the lease once it is connected: a worker may be frozen while it waits for that.
            return await self._upstream.client.add(claimed.request, may_send=partial(self._lease.holds, worker_id))
        except Exception:  # noqa: BLE001 - no error may lose the order
            # The client raises nothing. Should it do so after all, the order may have been sent.
            _log.exception("add_failed", order_id=claimed.order_id, panel=self._upstream.name)
            return Unknown("the call broke off inside the worker")

    async def return_unsent(self) -> None:
        """Returns the orders of a claim whose commit wasn't answered: they were certainly never sent.

        Only this worker can know that, so it does this before it ends, too.
        """
        if self._doubtful is None:
            return
        for claimed in await self._claims.open_claims(self._upstream.name, self._doubtful):
            if claimed.token not in self._sending:
                outcome = NotSent("the database didn't answer the claim: the order was not sent")
                with at_rest():
                    await self._recorder.put(Result(self._upstream.name, claimed, outcome, 0.0))
        self._doubtful = None

    def _decide(self, order: OrderRequest, service: Service | None, removed: bool) -> Decision:
        if service is None and not self._freshness.is_fresh():
            return Postponed(POSTPONE)
        return check(order, service, removed=removed, untyped=self._untyped)

    def _log_refused(self, claim: Claim) -> None:
        for change in claim.refused:
            _log.warning(
                "order_rejected",
                order_id=change.order_id,
                panel=self._upstream.name,
                state=change.after.state,
                error_code=change.after.error_code,
                error=change.after.error,
            )
