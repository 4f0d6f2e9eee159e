"""The turnstile of one panel: hands out permits for calls, within CONCURRENCY and the budget of all workers."""

import asyncio
import math
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog

from worker.domain.orders.outcomes import Outcome
from worker.domain.orders.refusals import Subject
from worker.domain.orders.trouble import PauseReason
from worker.jobs.machinery.account import AccountCheck
from worker.jobs.machinery.breaker import Breaker, held_back_by
from worker.observe.liveness import at_rest
from worker.store.shared.budget import Budget, Slots, Wait
from worker.store.shared.pauses import Paused

_log = structlog.get_logger()

#: Seconds by which a call may start after its slot. A later call takes a new slot: its own has passed, and the slots of
#: other workers follow it.
LATE = 0.05

#: Seconds. While an `add` takes no longer, other calls need no place of their own: they don't wait longer than that.
QUICK = 1.0

#: Orders that are claimed together leave spread over this share of the time that one takes, and over no more than LATE.
#: Otherwise their answers arrive all at once, and wait for each other.
SPREAD = 0.15

#: The semaphores that a call takes a place in.
Places = tuple[asyncio.Semaphore, ...]


class Closed:
    """The answer of a gate that lets no call through any more, since the worker drains."""


class Permit:
    """Permission to make one call: entered, it waits for the time of the call; left, it frees the call's place."""

    def __init__(
        self,
        gate: "Gate",
        *,
        slot_at: float,
        leave_at: float,
        places: Places,
        adding: bool,
        next_at: datetime | None,
    ) -> None:
        """`slot_at` and `leave_at` are times of the event loop: of the slot, and of the call, less than LATE after it.

        `next_at` is the end of the slots that were taken together; None for a probe, which has no slot.
        """
        self._gate = gate
        self._slot_at = slot_at
        self._leave_at = leave_at
        self.places = places
        self.adding = adding
        self.next_at = next_at

    @property
    def probe(self) -> bool:
        """Whether the call is let through a pause, to find out whether the trouble is over."""
        return self.next_at is None

    async def __aenter__(self) -> Self:
        clock = asyncio.get_running_loop().time
        if not self.probe and clock() > self._slot_at + LATE:
            self._leave_at = await self._gate.later_start()
        if (early := self._leave_at - clock()) > 0:
            await asyncio.sleep(early)
        self._began_at = clock()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _release(1, self.places)

    async def report(self, outcome: Outcome, subject: Subject | None = None) -> None:
        """Tells the gate how long the call took, and the breaker its outcome. `subject`: what an `add` was for."""
        if self.adding:
            self._gate.add_took = asyncio.get_running_loop().time() - self._began_at
        await self._gate.breaker.report(outcome, adding=self.adding, probe=self.probe, subject=subject)


class Gate:
    """Holds this worker to CONCURRENCY calls at once, and all workers together to REQUESTS_PER_SECOND.

    It lets no call through before `account` has found the panel's settings to lead to the right account.
    """

    def __init__(
        self, panel: str, budget: Budget, breaker: Breaker, concurrency: int, account: AccountCheck | None = None
    ) -> None:
        self.breaker = breaker
        self._account = account
        self._budget = budget
        self._concurrency = concurrency
        self._places = asyncio.Semaphore(concurrency)
        # Slow orders leave one place free, so that they don't keep all other calls waiting.
        self._slow_add_places = asyncio.Semaphore(max(1, concurrency - 1))
        self.add_took = math.inf  #: seconds that the last `add` took; the first one counts as slow
        # Jobs take turns at the budget, so that a job which wants more crowds out no other.
        self._turn = asyncio.Lock()
        self._late_starts = _LateStarts(panel, budget)
        self.closed = False

    def close(self) -> None:
        """Lets no further call through."""
        self.closed = True

    async def enter(self, want: int = 1, *, adding: bool = False) -> list[Permit] | Paused | Closed:
        """Waits for places and slots, and returns at least one and at most `want` permits.

        `adding`: the calls are `add`. Each permit has to be entered or given back.
        """
        with at_rest():
            places = self._places_for(adding=adding)
            held = await _acquire(want, places)
            try:
                permits = await self._take(held, places, adding=adding)
            except BaseException:
                _release(held, places)
                raise
        _release(held - (len(permits) if isinstance(permits, list) else 0), places)
        return permits

    async def give_back(self, permits: list[Permit]) -> None:
        """Frees the places and the slots of permits that aren't used. They must come from one call of `enter`."""
        if not permits:
            return
        _release(len(permits), permits[0].places)
        next_at = permits[0].next_at
        if next_at is None:
            await self.breaker.end_probe(adding=permits[0].adding)
        else:
            await self._budget.give_back(len(permits), next_at)

    async def later_start(self) -> float:
        """Returns the time at which a call may start whose slot has passed."""
        return await self._late_starts.next()

    def _spacing(self, *, adding: bool) -> float:
        """Returns the least seconds from one call to the next, of those that are let through together."""
        return min(SPREAD * self.add_took, LATE) / self._concurrency if adding else 0.0

    def _places_for(self, *, adding: bool) -> Places:
        return (self._slow_add_places, self._places) if adding and self.add_took > QUICK else (self._places,)

    async def _take(self, want: int, places: Places, *, adding: bool) -> list[Permit] | Paused | Closed:
        async with self._turn:
            while not self.closed:
                if self._account is not None and (held := await self._account.held_back(self._turn_to_ask)):
                    return held
                match await self._budget.take(want, held_back_by(adding=adding)):
                    case Slots(count, first_in, gap, next_at):
                        start = asyncio.get_running_loop().time() + first_in
                        spacing = max(gap, self._spacing(adding=adding))
                        return [
                            Permit(
                                self,
                                slot_at=start + i * gap,
                                leave_at=start + i * spacing,
                                places=places,
                                adding=adding,
                                next_at=next_at,
                            )
                            for i in range(count)
                        ]
                    case Wait(seconds):
                        await asyncio.sleep(min(seconds, 1.0))
                    case Paused(PauseReason.OTHER_ACCOUNT) if self._account is not None:
                        self._account.doubt()
                    case Paused() as paused:
                        return paused
        return Closed()

    async def _turn_to_ask(self) -> None:
        """Waits for the slot of a call that no pause holds back."""
        await asyncio.sleep(max(await self.later_start() - asyncio.get_running_loop().time(), 0))


class _LateStarts:
    """Finds new slots for calls whose slots have passed. The calls were decided on, so no pause holds them back."""

    def __init__(self, panel: str, budget: Budget) -> None:
        self._panel = panel
        self._budget = budget
        self._waiting: list[asyncio.Future[float]] = []
        self._serving: asyncio.Task[None] | None = None

    async def next(self) -> float:
        """Returns the time of the event loop at which the call may start."""
        start: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(start)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        return await start

    async def _serve(self) -> None:
        """Asks the budget once for all calls that wait by now: a slow database isn't asked for each."""
        while late := [start for start in self._waiting if not start.done()]:
            for start, at in zip(late, await self._take(len(late)), strict=False):
                if not start.done():
                    start.set_result(at)
            self._waiting = [start for start in self._waiting if not start.done()]

    async def _take(self, want: int) -> list[float]:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                match await self._budget.take(want, ()):
                    case Slots(count, first_in, gap):
                        first = clock() + first_in
                        return [first + i * gap for i in range(count)]
                    case Wait(seconds) | Paused(seconds=seconds):
                        await asyncio.sleep(min(seconds, 1.0))
        except Exception:  # noqa: BLE001 - a claimed order must be sent, even without a budget
            _log.exception("no_later_slot", panel=self._panel)
            return [clock()] * want


async def _acquire(want: int, places: Places) -> int:
    """Waits for one place, takes up to `want` that are free, and returns how many it took."""
    held = 0
    while held == 0 or (held < want and not any(semaphore.locked() for semaphore in places)):
        for semaphore in places:
            await semaphore.acquire()
        held += 1
    return held


def _release(count: int, places: Places) -> None:
    for semaphore in places:
        for _ in range(count):
            semaphore.release()
