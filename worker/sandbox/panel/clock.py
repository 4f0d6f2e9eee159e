"""Simulated time, and the steps that are due in it."""

import heapq
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count


class Clock:
    """Counts simulated seconds since the sandbox's start. They pass `speed` times as fast as real ones."""

    def __init__(self, speed: float, epoch: datetime, real: Callable[[], float] = time.monotonic) -> None:
        self._real = real
        self._speed = speed
        self._epoch = epoch
        self._base = 0.0
        self._since = real()

    def now(self) -> float:
        return self._base + (self._real() - self._since) * self._speed

    def advance(self, seconds: float) -> None:
        """Skips forward. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        self._base += seconds

    @property
    def speed(self) -> float:
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        if speed < 0:
            raise ValueError("the clock only goes forward")
        self._base, self._since = self.now(), self._real()
        self._speed = speed

    def date(self, at: float) -> datetime:
        """Returns the simulated date at so many seconds of this clock."""
        return self._epoch + timedelta(seconds=at)


class Agenda:
    """Runs steps when they are due. Each step gets the time at which it was due, which may be before it runs."""

    def __init__(self) -> None:
        self._steps: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = count()

    def put(self, at: float, step: Callable[[float], None]) -> None:
        heapq.heappush(self._steps, (at, next(self._number), step))

    def run(self, until: float) -> None:
        """Runs all due steps in the order of time, also those that these steps add."""
        while self._steps and self._steps[0][0] <= until:
            at, _, step = heapq.heappop(self._steps)
            step(at)
