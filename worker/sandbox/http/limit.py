"""Limits the requests that the panel accepts."""

import time
from collections import deque
from collections.abc import Callable


class Limit:
    """Allows `rate` requests in any second, or, for a rate below 1, one request in 1 / rate seconds."""

    def __init__(self, rate: float, real: Callable[[], float] = time.monotonic) -> None:
        self._most = max(int(rate), 1)
        self._window = self._most / rate
        self._real = real
        self._taken: deque[float] = deque()

    def take(self) -> float | None:
        """Counts a request that is within the limit and returns None; otherwise returns the seconds to wait."""
        now = self._real()
        while self._taken and now - self._taken[0] >= self._window:
            self._taken.popleft()
        if len(self._taken) >= self._most:
            return self._taken[0] + self._window - now
        self._taken.append(now)
        return None
