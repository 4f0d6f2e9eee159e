"""Limits the requests that the panel accepts, and bans callers that keep sending a bad key. All times are real."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: Seconds that a caller is told to wait where no request is allowed at all.
_A_WHILE = 60.0


class Limit:
    """Allows `rate` requests in any second, or, for a rate below 1, one request in 1 / rate seconds; for 0, none."""

    def __init__(self, rate: float, real: Callable[[], float] = time.monotonic) -> None:
        self._most = max(int(rate), 1) if rate > 0 else 0
        self._window = self._most / rate if rate > 0 else _A_WHILE
        self._real = real
        self._taken: deque[float] = deque()

    def take(self) -> float | None:
        """Counts a request that is within the limit and returns None; otherwise returns the seconds to wait."""
        now = self._real()
        while self._taken and now - self._taken[0] >= self._window:
            self._taken.popleft()
        if len(self._taken) >= self._most:
            return self._taken[0] + self._window - now if self._taken else self._window
        self._taken.append(now)
        return None


@dataclass(slots=True)
class Bans:
    """Bans a caller for `seconds` after `after` bad keys. A caller is an address."""

    after: int
    seconds: float
    real: Callable[[], float] = time.monotonic
    _bad: Counter[str] = field(default_factory=Counter)
    _until: dict[str, float] = field(default_factory=dict)

    def holds(self, caller: str) -> bool:
        return self.real() < self._until.get(caller, 0.0)

    def note_bad_key(self, caller: str) -> None:
        self._bad[caller] += 1
        if self._bad[caller] >= self.after:
            self._bad[caller] = 0
            self._until[caller] = self.real() + self.seconds


class Limits:
    """All limits of one panel: for all requests together, by action, and bans.

    A refused caller is told how long to wait: in seconds, or as a date if `is_dated`, or not at all if `is_silent`.
    """

    def __init__(self, rate: float | None) -> None:
        self._all = Limit(rate) if rate else None
        self._by_action: dict[str, Limit] = {}
        self.bans: Bans | None = None
        self.is_dated = False
        self.is_silent = False

    def set_actions(self, rates: Mapping[str, float]) -> None:
        """Limits these actions to so many requests a second, and no others."""
        self._by_action = {action: Limit(rate) for action, rate in rates.items()}

    def take(self, action: str) -> float | None:
        """Counts a request that is within all limits and returns None; otherwise returns the seconds to wait."""
        of_action = self._by_action.get(action)
        wait = of_action.take() if of_action else None
        return wait if wait is not None or self._all is None else self._all.take()
