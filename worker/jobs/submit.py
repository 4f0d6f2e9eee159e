"""Pending orders, out to the panel: claimed with their intent, sent, and settled with their outcome."""

import asyncio
from collections.abc import Callable
from functools import partial
from uuid import UUID

import structlog

from worker.domain.evidence import lookalikes
from worker.domain.orders.add_request import OrderRequest, check
from worker.domain.orders.changes import Claimed
from worker.domain.orders.outcomes import AddOutcome, NotSent, Unknown
from worker.domain.orders.services import Service
from worker.jobs.machinery.gate import Pass
from worker.jobs.machinery.lease import Lease
from worker.jobs.machinery.recorder import Recorder, Result
from worker.jobs.machinery.upstream import Upstream
from worker.observe.liveness import at_rest
from worker.store.queue.claim import Claim, Claims, Decision, Postponed
from worker.store.queue.settle import SettleApartError
from worker.store.shared.periodic_work import PeriodicJob

_log = structlog.get_logger()

#: Most rows that are claimed at once.
BUNCH = 500

#: Seconds. A service that isn't in the mirror may be new: only a mirror younger than this can deny it.
FRESH = 60.0

#: Seconds until a row that waits for the catalogue is looked at again.
POSTPONE = 1.0

#: Seconds after which the panel is asked for its catalogue again, should it not have given it.
ASK_AGAIN = 5.0


class Submit:
    """Sends what may be sent, as long as there is any; the calls go on after a run has ended."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        claims: Claims,
        lease: Lease,
        recorder: Recorder,
        catalogue: PeriodicJob,
        fetch_catalogue: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        """`fetch_catalogue` has the mirror made anew; `wake` has this job run again."""
        self._upstream = upstream
        self._claims = claims
        self._lease = lease
        self._recorder = recorder
        self._catalogue = catalogue
        self._fetch_catalogue = fetch_catalogue
        self._wake = wake
        self._catalogue_fresh_until = 0.0
        self._ask_again_at = 0.0
        self._queue_behind = False  # orders that have to wait were before those that could go
        self._sending: set[int] = set()  # tokens
        self._doubtful: UUID | None = None  # a claim under this id may have been committed without our knowing

    async def run(self) -> None:
        await self.return_unsent()
        while want := await self._claims.runnable(self._upstream.name, BUNCH):
            while want:
                with self._recorder.claim_to_come():
                    passes = await self._upstream.gate.enter(want, adding=True)
                    if not isinstance(passes, list):
                        return
                    found = await self._claim_and_send(passes)
                if not found:
                    return
                # Where a claim was filled, there is more: that needn't be counted again.
                want = BUNCH if found >= len(passes) else 0

    async def _claim_and_send(self, passes: list[Pass]) -> int:
        """How many rows there were to claim."""
        sent = 0
        try:
            worker_id = self._lease.current()
            if worker_id is None or self._upstream.gate.closed:
                return 0
            self._doubtful = worker_id
            claim = await self._claim(worker_id, len(passes))
            self._doubtful = None
            for claimed in claim.sendable:
                self._sending.add(claimed.token)
                self._upstream.in_flight.launch(
                    self._send(passes[sent], claimed, worker_id), panel=self._upstream.name, job="submit"
                )
                sent += 1
        finally:
            await self._upstream.gate.give_back(passes[sent:])
        self._tell_refused(claim)
        if claim.postponed:
            await self._see_to_catalogue()
        self._queue_behind = claim.postponed + claim.lookalikes > 0
        if claim.lookalikes or claim.gave_way:
            asyncio.get_running_loop().call_later(lookalikes.WAIT, self._wake)
        if claim.gave_way:
            return 0
        return len(claim.sendable) + len(claim.refused) + claim.postponed + claim.lookalikes

    async def _claim(self, worker_id: UUID, at_most: int) -> Claim:
        """With what calls came to meanwhile, in one commit; or after it, where it can't be written together."""
        claim = partial(
            self._claims.claim,
            self._upstream.name,
            worker_id,
            at_most,
            self._decide,
            read_at_least=BUNCH if self._queue_behind else 0,
        )
        try:
            async with self._recorder.bunch() as bunch:
                claimed = await claim(outcomes=bunch.outcomes)
                bunch.changes = claimed.settled
        except SettleApartError:
            await self._recorder.write()
            return await claim()
        return claimed

    async def _send(self, leave: Pass, claimed: Claimed, worker_id: UUID) -> None:
        """Make one call, and end once its outcome is written.

        The slot is free before that, as soon as the outcome is known: the claim that takes it writes all that waits to
        be written in the same commit, so no more rows are open than calls can be.
        """
        clock = asyncio.get_running_loop().time
        trouble = None
        async with leave:
            began = clock()
            outcome = await self._outcome(claimed, worker_id)
            result = Result(self._upstream.name, claimed, outcome, clock() - began)
            written = self._recorder.put(result)  # before all else: from here on it can't be lost unseen
            try:
                await leave.report(outcome)  # a pause holds back who takes the slot
            except Exception as error:  # noqa: BLE001 - raised below
                trouble = error
        await written
        self._sending.discard(claimed.token)
        if trouble is not None:
            raise trouble

    async def _outcome(self, claimed: Claimed, worker_id: UUID) -> AddOutcome:
        try:
            # Asked when the connection is there: a worker may be frozen while it waits for that.
            return await self._upstream.client.add(claimed.request, may_send=partial(self._lease.holds, worker_id))
        except Exception:  # noqa: BLE001 - whatever it is, the order must not be lost by it
            # The client has no such way out. Should it have one after all, the order must not be taken for unsent.
            _log.exception("add_failed", order_id=claimed.order_id, panel=self._upstream.name)
            return Unknown("the call broke off inside the worker")

    async def return_unsent(self) -> None:
        """After a claim whose commit wasn't answered: what it put down as intended was certainly never sent.

        Nobody but this worker can know, so it has to be done before its end, too.
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
        if service is None and asyncio.get_running_loop().time() >= self._catalogue_fresh_until:
            return Postponed(POSTPONE)
        return check(order, service, removed=removed)

    async def _see_to_catalogue(self) -> None:
        """A row names a service that isn't mirrored: see to a mirror that is young enough to say that there is none."""
        age, now = await self._catalogue.age(), asyncio.get_running_loop().time()
        if age is not None and age < FRESH:
            self._catalogue_fresh_until = now + FRESH - age
        elif now >= self._ask_again_at:
            self._ask_again_at = now + ASK_AGAIN
            await self._catalogue.hasten(0)
            self._fetch_catalogue()

    def _tell_refused(self, claim: Claim) -> None:
        for change in claim.refused:
            _log.warning(
                "order_rejected",
                order_id=change.order_id,
                panel=self._upstream.name,
                state=change.after.state,
                error_code=change.after.error_code,
                error=change.after.error,
            )
