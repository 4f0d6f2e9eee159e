"""The way through to one panel: a slot of this worker's, and a turn in the budget that all workers share."""

import asyncio
import math
from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import structlog

from worker.domain.orders.outcomes import Accepted, Answered, NotSent, Refused, Unknown
from worker.domain.orders.trouble import OUTAGE_AFTER, Pause, PauseScope, proven_over, trouble_of
from worker.observe.liveness import at_rest
from worker.store.shared.budget import Budget, Paused, Resumed, Slots, Wait

_log = structlog.get_logger()

#: Seconds by which a call may start after its slot. One that is later takes another slot: its own has passed, and those
#: of other workers follow it.
LATE = 0.05

#: Seconds. While orders take no longer, the news of others needs no slot of its own: it waits no longer for one.
QUICK = 1.0

#: Orders that are claimed together leave spread over this share of the time that one takes, and over no more than LATE:
#: answers that come all at once wait for each other.
SPREAD = 0.15

Outcome = Accepted | Answered[Any] | Refused | NotSent | Unknown

#: How many calls may be under way: all that a call counts towards.
Limits = tuple[asyncio.Semaphore, ...]


class Closed:
    """The worker is draining: nothing new is begun."""


class Pass:
    """Leave to make one call. Entered when its time has come; left, it frees its slot."""

    def __init__(
        self,
        gate: "Gate",
        slot_at: float,
        leave_at: float,
        limits: Limits,
        *,
        adding: bool,
        next_at: datetime | None,
    ) -> None:
        """It begins at `leave_at`, which is less than LATE after its slot, and `limits` hold a place for it.

        `next_at` is that of the slots that it is one of; None: a probe.
        """
        self._gate = gate
        self._slot_at = slot_at
        self._leave_at = leave_at
        self.limits = limits
        self.adding = adding
        self.next_at = next_at

    @property
    def probe(self) -> bool:
        """Let through a pause, to see whether the trouble is over."""
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
        _release(1, self.limits)

    async def report(self, outcome: Outcome) -> None:
        """Tell what the call came to: trouble of the whole panel pauses it, an answer ends a pause."""
        took = asyncio.get_running_loop().time() - self._began_at
        await self._gate.report(outcome, took, adding=self.adding, probe=self.probe)


class Gate:
    """Holds this worker to CONCURRENCY calls at once, and all workers together to REQUESTS_PER_SECOND."""

    def __init__(self, panel: str, budget: Budget, concurrency: int) -> None:
        self._panel = panel
        self._budget = budget
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        # One slot isn't for slow orders, so that they don't keep the news of all others waiting.
        self._slow_adds = asyncio.Semaphore(max(1, concurrency - 1))
        self.add_took = math.inf  # seconds, the last one; taken for slow as long as that isn't known
        # Jobs take turns at the budget: none is crowded out by another that wants more.
        self._turn = asyncio.Lock()
        self._late: list[asyncio.Future[float]] = []
        self._serving: asyncio.Task[None] | None = None
        self._failures_in_a_row = 0
        self.closed = False

    def close(self) -> None:
        """Let nobody through any more."""
        self.closed = True

    async def enter(self, want: int = 1, *, adding: bool = False) -> list[Pass] | Paused | Closed:
        """Passes for at least one and up to `want` calls, as soon as there are any. Unused ones must be given back."""
        with at_rest():
            limits = self._limits(adding=adding)
            held = await _acquire(want, limits)
            try:
                passes = await self._take(held, limits, adding=adding)
            except BaseException:
                _release(held, limits)
                raise
        _release(held - (len(passes) if isinstance(passes, list) else 0), limits)
        return passes

    async def give_back(self, passes: list[Pass]) -> None:
        if not passes:
            return
        _release(len(passes), passes[0].limits)
        next_at = passes[0].next_at
        if next_at is None:
            await self._budget.give_back_probe(_probed(adding=passes[0].adding))
        else:
            await self._budget.give_back(len(passes), next_at)

    async def report(self, outcome: Outcome, took: float, *, adding: bool, probe: bool) -> None:
        if adding:
            self.add_took = took
        pause = self._trouble(outcome, adding=adding, probe=probe)
        if probe:
            tell_resumed(self._panel, await self._budget.resume(_probed(adding=adding), proven_over(outcome)))
        if pause is not None and await self._budget.pause(pause, probe=probe):
            _log.warning("panel_paused", panel=self._panel, reason=pause.reason, scope=pause.scope, error=pause.detail)
        if probe:
            failed = None if pause is None else pause.reason
            await self._budget.give_back_probe(_probed(adding=adding), failed)

    def _trouble(self, outcome: Outcome, *, adding: bool, probe: bool) -> Pause | None:
        match outcome:
            case Accepted() | Answered():
                self._failures_in_a_row = 0
                return None
            case Refused():
                self._failures_in_a_row = 0
                return trouble_of(outcome, 0, adding=adding)
            case NotSent() | Unknown():
                self._failures_in_a_row += 1
                # What probes a pause of all calls needs no more than one failure to prolong an outage.
                in_a_row = OUTAGE_AFTER if probe and not adding else self._failures_in_a_row
                return trouble_of(outcome, in_a_row, adding=adding)

    async def later_start(self) -> float:
        """When a call may start whose slot has passed. It is decided on, so a pause doesn't hold it back any more."""
        start: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._late.append(start)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve_late())
        return await start

    async def _serve_late(self) -> None:
        """One question for all that are late by now: a database that is slow isn't asked for each."""
        while late := [start for start in self._late if not start.done()]:
            starts = await self._later_starts(len(late))
            for start, at in zip(late, starts, strict=False):
                if not start.done():
                    start.set_result(at)
            self._late = [start for start in self._late if not start.done()]

    async def _later_starts(self, want: int) -> list[float]:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                match await self._budget.take(want, ()):
                    case Slots(count, first_in, gap):
                        first = clock() + first_in
                        return [first + i * gap for i in range(count)]
                    case Wait(seconds) | Paused(seconds=seconds):
                        await asyncio.sleep(min(seconds, 1.0))
        except Exception:  # noqa: BLE001 - an order that is claimed must go its way without a budget, too
            _log.exception("no_later_slot", panel=self._panel)
            return [clock()] * want

    def _apart(self, *, adding: bool) -> float:
        """The least seconds from one call to the next, of those that are let through together."""
        return min(SPREAD * self.add_took, LATE) / self._concurrency if adding else 0.0

    def _limits(self, *, adding: bool) -> Limits:
        return (self._slow_adds, self._slots) if adding and self.add_took > QUICK else (self._slots,)

    async def _take(self, want: int, limits: Limits, *, adding: bool) -> list[Pass] | Paused | Closed:
        async with self._turn:
            while not self.closed:
                match await self._budget.take(want, _scopes(adding=adding)):
                    case Slots(count, first_in, gap, next_at):
                        start = asyncio.get_running_loop().time() + first_in
                        apart = max(gap, self._apart(adding=adding))
                        return [
                            Pass(self, start + i * gap, start + i * apart, limits, adding=adding, next_at=next_at)
                            for i in range(count)
                        ]
                    case Wait(seconds):
                        await asyncio.sleep(min(seconds, 1.0))
                    case Paused() as paused:
                        return paused
        return Closed()


async def _acquire(want: int, limits: Limits) -> int:
    """How many there were, at least one and up to `want`: waits for the first alone."""
    held = 0
    while held == 0 or (held < want and not any(limit.locked() for limit in limits)):
        for limit in limits:
            await limit.acquire()
        held += 1
    return held


def _release(count: int, limits: Limits) -> None:
    for limit in limits:
        for _ in range(count):
            limit.release()


def tell_resumed(panel: str, resumed: Iterable[Resumed]) -> None:
    for pause in resumed:
        _log.info("panel_resumed", panel=panel, reason=pause.reason, paused_for=round(pause.lasted, 1))


def _scopes(*, adding: bool) -> tuple[PauseScope, ...]:
    """The pauses that hold a call back."""
    return (PauseScope.ADD, PauseScope.ALL) if adding else (PauseScope.ALL,)


def _probed(*, adding: bool) -> PauseScope:
    """The pauses that a call can probe."""
    return PauseScope.ADD if adding else PauseScope.ALL
