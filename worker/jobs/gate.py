"""The way through to one panel: a slot of this worker's, and a turn in the budget that all workers share."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import structlog

from worker.domain.outcome import Accepted, Answered, NotSent, Refused, Unknown
from worker.domain.trouble import OUTAGE_AFTER, Pause, PauseScope, proven_over, trouble_of
from worker.observe.health import at_rest
from worker.store.budget import Budget, Paused, Resumed, Slots, Wait

_log = structlog.get_logger()

#: Seconds by which a call may start after its slot. One that is later takes another slot: its own has passed, and those
#: of other workers follow it.
LATE = 0.05

Outcome = Accepted | Answered[Any] | Refused | NotSent | Unknown


class Closed:
    """The worker is draining: nothing new is begun."""


class Pass:
    """Leave to make one call. Entered when its time has come; left, it frees its slot."""

    def __init__(self, gate: "Gate", start_at: float, *, adding: bool, next_at: datetime | None) -> None:
        """`next_at` is that of the slots that it is one of; None: a probe."""
        self._gate = gate
        self._start_at = start_at
        self.adding = adding
        self.next_at = next_at

    @property
    def probe(self) -> bool:
        """Let through a pause, to see whether the trouble is over."""
        return self.next_at is None

    async def __aenter__(self) -> Self:
        clock = asyncio.get_running_loop().time
        if not self.probe and clock() > self._start_at + LATE:
            self._start_at = await self._gate.later_start()
        if (early := self._start_at - clock()) > 0:
            await asyncio.sleep(early)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.release(1, adding=self.adding)

    async def report(self, outcome: Outcome) -> None:
        """Tell what the call came to: trouble of the whole panel pauses it, an answer ends a pause."""
        await self._gate.report(outcome, adding=self.adding, probe=self.probe)


class Gate:
    """Holds this worker to CONCURRENCY calls at once, and all workers together to REQUESTS_PER_SECOND."""

    def __init__(self, panel: str, budget: Budget, concurrency: int) -> None:
        self._panel = panel
        self._budget = budget
        self._slots = asyncio.Semaphore(concurrency)
        # One slot is never for `add`, so that slow orders don't keep the news of all others waiting.
        self._add_slots = asyncio.Semaphore(max(1, concurrency - 1))
        # Jobs take turns at the budget: none is crowded out by another that wants more.
        self._turn = asyncio.Lock()
        self._late: list[asyncio.Future[float]] = []
        self._serving: asyncio.Task[None] | None = None
        self._failures_in_a_row = 0
        self._closed = False

    def close(self) -> None:
        """Let nobody through any more."""
        self._closed = True

    async def enter(self, want: int = 1, *, adding: bool = False) -> list[Pass] | Paused | Closed:
        """Passes for at least one and up to `want` calls, as soon as there are any. Unused ones must be given back."""
        with at_rest():
            held = await self._acquire(want, adding=adding)
            try:
                passes = await self._take(held, adding=adding)
            except BaseException:
                self.release(held, adding=adding)
                raise
        self.release(held - (len(passes) if isinstance(passes, list) else 0), adding=adding)
        return passes

    async def give_back(self, passes: list[Pass]) -> None:
        if not passes:
            return
        adding = passes[0].adding
        self.release(len(passes), adding=adding)
        next_at = passes[0].next_at
        if next_at is None:
            await self._budget.give_back_probe(_probed(adding=adding))
        else:
            await self._budget.give_back(len(passes), next_at)

    def release(self, count: int, *, adding: bool) -> None:
        for _ in range(count):
            self._slots.release()
            if adding:
                self._add_slots.release()

    async def report(self, outcome: Outcome, *, adding: bool, probe: bool) -> None:
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

    async def _acquire(self, want: int, *, adding: bool) -> int:
        if adding:
            await self._add_slots.acquire()
        await self._slots.acquire()
        held = 1
        while held < want and not self._slots.locked() and not (adding and self._add_slots.locked()):
            await self._slots.acquire()
            if adding:
                await self._add_slots.acquire()
            held += 1
        return held

    async def _take(self, want: int, *, adding: bool) -> list[Pass] | Paused | Closed:
        async with self._turn:
            while not self._closed:
                match await self._budget.take(want, _scopes(adding=adding)):
                    case Slots(count, first_in, gap, next_at):
                        start = asyncio.get_running_loop().time() + first_in
                        return [Pass(self, start + i * gap, adding=adding, next_at=next_at) for i in range(count)]
                    case Wait(seconds):
                        await asyncio.sleep(min(seconds, 1.0))
                    case Paused() as paused:
                        return paused
        return Closed()


def tell_resumed(panel: str, resumed: Iterable[Resumed]) -> None:
    for pause in resumed:
        _log.info("panel_resumed", panel=panel, reason=pause.reason, paused_for=round(pause.lasted, 1))


def _scopes(*, adding: bool) -> tuple[PauseScope, ...]:
    """The pauses that hold a call back."""
    return (PauseScope.ADD, PauseScope.ALL) if adding else (PauseScope.ALL,)


def _probed(*, adding: bool) -> PauseScope:
    """The pauses that a call can probe."""
    return PauseScope.ADD if adding else PauseScope.ALL
