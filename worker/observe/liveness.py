"""Whether this worker lives, and whether it is ready for work. Who asks is answered from memory: no database, no panel.

It lives as long as its loops give signs of life. One that has given none for longer than it can take stands still, and
only a new start helps. A loop says where it waits for something that may take any time: there it rests.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

Clock = Callable[[], float]

#: Seconds between two measurements of the event loop's lag, and how many of them are kept: a minute's.
MEASURE_EVERY = 1.0
MEASUREMENTS = 60

#: Seconds for which a check of the database counts.
CHECK_COUNTS = 20.0


class _Heart:
    """The sign of life of one loop."""

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
    """That of this very task. Tasks that a loop begins are not the loop, and yet inherit what it has set."""
    heart = _heart.get(None)
    return heart if heart is not None and heart.task is asyncio.current_task() else None


def beat() -> None:
    """A sign of life of the loop that this is called in, if it is a watched one."""
    if heart := _own_heart():
        heart.beat()


@contextmanager
def at_rest() -> Iterator[None]:
    """The loop waits meanwhile for something that may take any time: its silence means nothing."""
    heart = _own_heart()
    if heart is None:
        yield
        return
    with heart.resting():
        yield


class Hearts:
    """The loops that are watched."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._hearts: list[_Heart] = []

    async def watch(self, name: str, longest: float, loop: Callable[[], Awaitable[None]]) -> None:
        """Run a loop that gives a sign of life at least every `longest` seconds, or rests.

        One that returns has come to its end in order. One that throws is seen to stand still.
        """
        heart = _Heart(name, longest, self._clock)
        self._hearts.append(heart)
        _heart.set(heart)
        await loop()
        self._hearts.remove(heart)

    def silences(self) -> dict[str, float]:
        """For each loop, the seconds since its last sign of life; 0 while it rests."""
        return {heart.name: heart.silent_for for heart in self._hearts}

    def standing_still(self) -> list[str]:
        return [heart.name for heart in self._hearts if heart.stands_still]


class EventLoopLag:
    """By how much the event loop is late. What blocks it holds up everything, answers about its health included."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=MEASUREMENTS)

    async def measure(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + MEASURE_EVERY
            await asyncio.sleep(MEASURE_EVERY)
            self._lags.append(max(clock() - due, 0.0))
            beat()

    @property
    def worst(self) -> float:
        """Seconds: the longest lag of the last minute."""
        return max(self._lags, default=0.0)


class Readiness:
    """Whether work can be done: the last check of the database, and whether the worker is on its way out."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._checked_at: float | None = None
        self._obstacle: str | None = None
        self._draining = False

    def checked(self, obstacle: str | None) -> None:
        """What a check has come to. None: all is well."""
        self._checked_at = self._clock()
        self._obstacle = obstacle

    def drain(self) -> None:
        self._draining = True

    @property
    def obstacle(self) -> str | None:
        """Why it isn't ready; None: it is."""
        if self._draining:
            return "the worker is stopping"
        if self._checked_at is None:
            return "the database hasn't been looked at yet"
        age = self._clock() - self._checked_at
        if self._obstacle is None and age > CHECK_COUNTS:
            return f"the database was last seen {age:.0f} s ago"
        return self._obstacle


@dataclass(frozen=True, slots=True)
class Health:
    hearts: Hearts = field(default_factory=Hearts)
    lag: EventLoopLag = field(default_factory=EventLoopLag)
    readiness: Readiness = field(default_factory=Readiness)
