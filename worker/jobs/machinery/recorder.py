"""What came of each `add` is written in bunches that form by themselves: whatever has arrived goes in one commit, and
with the next claim where there is one.

A result that can't be written is kept, and written when the database is back: it may be the only copy of the id of an
order that was paid for. One whose order somebody else has locked is put off, so that it doesn't hold up the others.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog

from worker.domain.orders.changes import Change, Claimed, EventKind
from worker.domain.orders.outcomes import AddOutcome
from worker.domain.polling import back_off
from worker.jobs.machinery.observer import JobObserver, Tracer
from worker.observe.liveness import at_rest, beat
from worker.store.queue.settle import OrdersLockedError, Outcomes, Settlements

_log = structlog.get_logger()

#: Seconds for which results wait for a claim that is about to come, at least; at most twice that.
PATIENCE = 0.02

#: Seconds until a result whose order somebody else has locked is tried again, at most.
LONGEST_PUT_OFF = 5.0


@dataclass(frozen=True, slots=True)
class Result:
    panel: str
    claimed: Claimed
    outcome: AddOutcome
    seconds: float


@dataclass(slots=True, eq=False)
class _Waiting:
    """A result that isn't written yet, and was put off so many times."""

    result: Result
    written: asyncio.Future[None]
    put_off: int = 0


class Recorder:
    """Has the results of one panel's calls written, one bunch after the other."""

    def __init__(
        self, panel: str, settlements: Settlements, observer: JobObserver, tracer: Tracer | None = None
    ) -> None:
        self.panel = panel
        self._settlements = settlements
        self._observer = observer
        self._tracer = tracer
        self._waiting: deque[_Waiting] = deque()
        self._put_off: set[_Waiting] = set()  # these join those that wait once more
        self._arrived = asyncio.Event()
        self._turn = asyncio.Lock()
        self._claim_to_come = False

    def put(self, result: Result) -> asyncio.Future[None]:
        """Have a result written; what is returned is done once it is."""
        written = asyncio.get_running_loop().create_future()
        self._wait(_Waiting(result, written))
        if self._tracer is not None:
            self._tracer.sent(result.claimed, result.outcome)
        return written

    @property
    def unwritten(self) -> list[Result]:
        return [each.result for each in (*self._waiting, *self._put_off)]

    @contextmanager
    def claim_to_come(self) -> Iterator[None]:
        """Meanwhile results are left for a claim to take along, as long as it comes soon."""
        self._claim_to_come = True
        try:
            yield
        finally:
            self._claim_to_come = False

    @asynccontextmanager
    async def bunch(self) -> AsyncIterator["Bunch"]:
        """All results that wait, to be written meanwhile, by nobody else. If that raises, they go on waiting."""
        async with self._turn:
            bunch = Bunch([each.result for each in self._waiting])
            yield bunch
            if bunch.results:
                self._written(bunch)

    async def run(self) -> None:
        """Write what no claim takes along, until it is cancelled."""
        failures = 0
        while True:
            with at_rest():
                await self._arrived.wait()
            beat()
            if self._claim_to_come and await self._taken_along():
                continue
            try:
                await self.write()
            except Exception:  # noqa: BLE001 - whatever it is, the results must not be lost by it
                failures += 1
                _log.exception("results_not_written", waiting=len(self._waiting))
                self._observer.job_failed("recorder", self.panel)
                await asyncio.sleep(back_off(failures, first=0.2, longest=5))
            else:
                failures = 0

    async def _taken_along(self) -> bool:
        """Whether, after a while, a claim has written the one that waits longest: what came later may wait as long."""
        first = self._waiting[0]
        await asyncio.sleep(PATIENCE)
        async with self._turn:  # a claim that has it in hand
            return not self._waiting or self._waiting[0] is not first

    async def write(self) -> None:
        """Have all written that waits, each by itself where they can't be written together."""
        async with self.bunch() as bunch:
            if bunch.results:
                try:
                    bunch.changes = await self._settlements.settle(bunch.outcomes)
                except OrdersLockedError as error:
                    bunch.changes, bunch.held_up = error.changes, error.tokens

    def _written(self, bunch: "Bunch") -> None:
        self._observer.job_succeeded("recorder", self.panel)
        _tell(bunch.results, bunch.changes)
        for _ in bunch.results:
            each = self._waiting.popleft()
            if each.result.claimed.token in bunch.held_up:
                self._put_it_off(each)
            elif not each.written.done():  # nobody waits for it any more, where its task was cancelled
                each.written.set_result(None)
        if not self._waiting:
            self._arrived.clear()

    def _put_it_off(self, each: _Waiting) -> None:
        each.put_off += 1
        seconds = back_off(each.put_off, first=0.2, longest=LONGEST_PUT_OFF)
        claimed = each.result.claimed
        _log.warning("result_held_up", order_id=claimed.order_id, panel=self.panel, retry_in=seconds)
        self._put_off.add(each)
        asyncio.get_running_loop().call_later(seconds, self._wait, each)

    def _wait(self, each: _Waiting) -> None:
        self._put_off.discard(each)
        self._waiting.append(each)
        self._arrived.set()


@dataclass
class Bunch:
    """Results that are written together, and the changes that they came to; less those that are held up, by token."""

    results: list[Result]
    changes: Sequence[Change] = ()
    held_up: Collection[int] = ()

    @property
    def outcomes(self) -> Outcomes:
        return [(result.claimed, result.outcome) for result in self.results]


def _tell(bunch: list[Result], changes: Sequence[Change]) -> None:
    results = {result.claimed.order_id: result for result in bunch}
    for change in changes:
        result = results[change.order_id]
        about = {
            "order_id": change.order_id,
            "panel": result.panel,
            "state": change.after.state,
            "attempt": result.claimed.attempt,
            "duration_ms": round(result.seconds * 1000),
        }
        failed = {"error_code": change.after.error_code, "error": change.after.error}
        match change.kind:
            case EventKind.SUBMITTED:
                _log.info("order_submitted", panel_order_id=change.after.panel_order_id, **about)
            case EventKind.REJECTED:
                _log.warning("order_rejected", **about, **failed)
            case EventKind.UNCONFIRMED:
                _log.warning("order_unconfirmed", **about, **failed)
            case EventKind.LATE_RESULT:
                _log.error("order_result_late", **about, **change.detail)
            case _:
                _log.info("order_requeued", **about, **failed, retry_in=change.retry_in)
