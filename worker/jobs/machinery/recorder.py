"""Writes the outcomes of `add` calls in group commits; the next claim takes waiting outcomes along in its own commit.

A result that can't be written is kept until the database is back: it may be the only copy of the id of an order that
was paid for. A result whose order another session has locked is put off, so that it doesn't hold up the others.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from worker.domain.orders.changes import Change, EventKind
from worker.domain.orders.outcomes import AddOutcome
from worker.domain.orders.submission import Claimed
from worker.domain.polling import back_off
from worker.jobs.machinery.group_commit import Entry, WriteQueue
from worker.jobs.machinery.observer import JobObserver, Tracer
from worker.observe.liveness import at_rest, beat
from worker.store.queue.settle import OrdersLockedError, Outcomes, Settlements

_log = structlog.get_logger()

#: Least seconds for which results wait for a claim that is about to come; they wait at most twice as long.
PATIENCE = 0.02

#: Most seconds until the next try to write a result whose order another session has locked.
LONGEST_PUT_OFF = 5.0


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one `add` call. `seconds`: how long the call took."""

    panel: str
    claimed: Claimed
    outcome: AddOutcome
    seconds: float


@dataclass(slots=True, eq=False)
class _Unwritten:
    """A result that waits to be written. `put_off` counts how often its write was put off."""

    result: Result
    put_off: int = 0


class Recorder:
    """Keeps the results of one panel's `add` calls until they are written."""

    def __init__(
        self, panel: str, settlements: Settlements, observer: JobObserver, tracer: Tracer | None = None
    ) -> None:
        self.panel = panel
        self._settlements = settlements
        self._observer = observer
        self._tracer = tracer
        self._queue: WriteQueue[_Unwritten, None] = WriteQueue()
        self._put_off: set[Entry[_Unwritten, None]] = set()  #: entries that join the queue again later
        self._claim_to_come = False

    def put(self, result: Result) -> asyncio.Future[None]:
        """Keeps a result until it is written, and returns a future that is done then."""
        entry: Entry[_Unwritten, None] = Entry(_Unwritten(result))
        self._queue.append(entry)
        if self._tracer is not None:
            self._tracer.sent(result.claimed, result.outcome)
        return entry.written

    @property
    def unwritten(self) -> list[Result]:
        return [entry.item.result for entry in (*self._queue, *self._put_off)]

    @contextmanager
    def claim_to_come(self) -> Iterator[None]:
        """Leaves results to a claim meanwhile, as long as it comes soon."""
        self._claim_to_come = True
        try:
            yield
        finally:
            self._claim_to_come = False

    @asynccontextmanager
    async def group(self) -> AsyncIterator["Group"]:
        """Yields all waiting results, for the caller alone to write. If the caller raises, they go on waiting."""
        async with self._queue.group() as entries:
            group = Group([entry.item.result for entry in entries])
            yield group
            if entries:
                self._written(entries, group)

    async def run(self) -> None:
        """Writes what no claim takes along, until it is cancelled."""
        failures = 0
        while True:
            with at_rest():
                await self._queue.filled()
            beat()
            if self._claim_to_come and await self._taken_along():
                continue
            try:
                await self.write()
            except Exception:  # noqa: BLE001 - no error may lose the results
                failures += 1
                _log.exception("results_not_written", waiting=len(self._queue))
                self._observer.job_failed("recorder", self.panel)
                await asyncio.sleep(back_off(failures, first=0.2, longest=5))
            else:
                failures = 0

    async def _taken_along(self) -> bool:
        """Waits a while, and returns whether a claim has written the first result of the queue by then.

        If so, the results that came later may wait as long as the first one did.
        """
        first = next(iter(self._queue))
        await asyncio.sleep(PATIENCE)
        await self._queue.turn_over()  # a claim that is writing the result
        return next(iter(self._queue), None) is not first

    async def write(self) -> None:
        """Writes all waiting results, each one alone where they can't be written together."""
        async with self.group() as group:
            if group.results:
                try:
                    group.changes = await self._settlements.settle(group.outcomes)
                except OrdersLockedError as error:
                    group.changes, group.held_up = error.changes, error.tokens

    def _written(self, entries: Sequence[Entry[_Unwritten, None]], group: "Group") -> None:
        self._observer.job_succeeded("recorder", self.panel)
        _log_changes(group.results, group.changes)
        for entry in entries:
            if entry.item.result.claimed.token in group.held_up:
                self._put_it_off(entry)
            elif not entry.written.done():  # it is done where its task was cancelled
                entry.written.set_result(None)

    def _put_it_off(self, entry: Entry[_Unwritten, None]) -> None:
        entry.item.put_off += 1
        seconds = back_off(entry.item.put_off, first=0.2, longest=LONGEST_PUT_OFF)
        order_id = entry.item.result.claimed.order_id
        _log.warning("result_held_up", order_id=order_id, panel=self.panel, retry_in=seconds)
        self._put_off.add(entry)
        asyncio.get_running_loop().call_later(seconds, self._try_again, entry)

    def _try_again(self, entry: Entry[_Unwritten, None]) -> None:
        self._put_off.discard(entry)
        self._queue.append(entry)


@dataclass
class Group:
    """Results that are written together, and the changes that they lead to.

    `held_up`: the tokens of the results that couldn't be written, because another session has locked their orders.
    """

    results: list[Result]
    changes: Sequence[Change] = ()
    held_up: Collection[int] = ()

    @property
    def outcomes(self) -> Outcomes:
        return [(result.claimed, result.outcome) for result in self.results]


def _log_changes(results: Sequence[Result], changes: Sequence[Change]) -> None:
    by_order = {result.claimed.order_id: result for result in results}
    for change in changes:
        result = by_order[change.order_id]
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
                _log.warning("order_unconfirmed", **about, **failed, **_of_duplicate(change))
            case EventKind.LATE_RESULT:
                _log.error("order_result_late", **about, **change.detail)
            case _:
                _log.info("order_requeued", **about, **failed, retry_in=change.retry_in)


def _of_duplicate(change: Change) -> dict[str, Any]:
    """Returns the id that the panel told twice, and the order that has it, if that is why an order is in doubt."""
    if "held_by" not in change.detail:
        return {}
    return {"panel_order_id": change.detail["panel_order_id"], "held_by": change.detail["held_by"]}
