"""Knows whether this worker lives and whether it is ready for work, without asking the database or a panel.

A worker lives as long as its loops give signs of life. A loop that has given none for longer than it may take stands
still, and only a restart helps. A loop rests while it waits for something that may take any time.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

Clock = Callable[[], float]

#: Seconds between two measurements of the event loop's lag, and how many are kept: those of the last minute.
MEASURE_EVERY = 1.0
MEASUREMENTS = 60

#: Seconds for which an answer of the database counts.
ANSWER_COUNTS = 20.0


class _Heart:
    """The last sign of life of one loop."""

    def __init__(self, name: str, longest: float, clock: Clock) -> None:
        self.name = name
        self.task = asyncio.current_task()
        self._longest = longest
        self._clock = clock
        self._beat_at = clock()
        self._resting = False

    def beat(self) -> None:
        self._beat_at = self._clock()

    @contextmanager
    def resting(self) -> Iterator[None]:
        self._resting = True
        try:
            yield
        finally:
            self._resting = False
            self.beat()

    @property
    def silent_for(self) -> float:
        return 0.0 if self._resting else self._clock() - self._beat_at

    @property
    def stands_still(self) -> bool:
        return self.silent_for > self._longest


_heart: ContextVar[_Heart] = ContextVar("heart")


def _own_heart() -> _Heart | None:
    """Returns the heart of the current task. A task that a loop starts inherits the variable, but isn't the loop."""
    heart = _heart.get(None)
    return heart if heart is not None and heart.task is asyncio.current_task() else None


def beat() -> None:
    """Gives a sign of life of the loop that calls it, if that is a watched one."""
    if heart := _own_heart():
        heart.beat()


@contextmanager
def at_rest() -> Iterator[None]:
    """Marks a wait of the loop that may take any time: meanwhile its silence means nothing."""
    heart = _own_heart()
    if heart is None:
        yield
        return
    with heart.resting():
        yield


class Hearts:
    """The watched loops."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._hearts: list[_Heart] = []

    async def watch(self, name: str, longest: float, loop: Callable[[], Awaitable[None]]) -> None:
        """Runs a loop that gives a sign of life at least every `longest` seconds, or rests.

        A loop that returns is watched no longer. A loop that raises an error stands still from then on.
        """
        heart = _Heart(name, longest, self._clock)
        self._hearts.append(heart)
        _heart.set(heart)
        await loop()
        self._hearts.remove(heart)

    def silences(self) -> dict[str, float]:
        """Returns the seconds since the last sign of life of each loop; 0 while it rests."""
        return {heart.name: heart.silent_for for heart in self._hearts}

    def standing_still(self) -> list[str]:
        """Returns the names of the loops that stand still."""
        return [heart.name for heart in self._hearts if heart.stands_still]


class EventLoopLag:
    """Measures by how much the event loop is late. Code that blocks it holds up everything, `/healthz` included."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=MEASUREMENTS)

    async def measure(self) -> None:
        """Measures the lag every second, until it is cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + MEASURE_EVERY
            await asyncio.sleep(MEASURE_EVERY)
            self._lags.append(max(clock() - due, 0.0))
            beat()

    @property
    def worst(self) -> float:
        """The longest lag of the last minute, in seconds."""
        return max(self._lags, default=0.0)


class Readiness:
    """Whether the worker can work: the database answers with a schema that serves it, and it isn't stopping."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._noted_at: float | None = None
        self._obstacle: str | None = None
        self._draining = False

    def note(self, obstacle: str | None) -> None:
        """Notes what keeps the worker from working, by what the database has just answered; None: nothing."""
        self._noted_at = self._clock()
        self._obstacle = obstacle

    def drain(self) -> None:
        """Notes that the worker is stopping: it isn't ready any more."""
        self._draining = True

    @property
    def obstacle(self) -> str | None:
        """Why the worker isn't ready; None if it is."""
        if self._draining:
            return "the worker is stopping"
        if self._noted_at is None:
            return "the database hasn't answered yet"
        age = self._clock() - self._noted_at
        if self._obstacle is None and age > ANSWER_COUNTS:
            return f"the database was last seen {age:.0f} s ago"
        return self._obstacle


@dataclass(frozen=True, slots=True)
class Liveness:
    """The signs of life of one worker."""

    hearts: Hearts = field(default_factory=Hearts)
    lag: EventLoopLag = field(default_factory=EventLoopLag)
