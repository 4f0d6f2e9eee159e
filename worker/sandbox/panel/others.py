"""Other customers of the panel. Nobody keeps their orders: only how many there were between two moments counts."""

from dataclasses import dataclass, field
from datetime import UTC
from math import ceil, pi, sin

from worker.sandbox.chance import Chance
from worker.sandbox.panel.clock import Clock

_DAY = 86_400
_NIGHT_ENDS = 6 * 3600

#: Seconds within which the rate stays the same.
_STRETCH = 600

#: How much more others order than on average when the day is busiest; by so much less when it is calmest.
_SWING = 0.5

#: A stretch is busier or calmer than its time of the day by up to this factor.
_WHIM = 1.35


@dataclass(slots=True)
class Others:
    """How much other customers order: `rate` a simulated second, on average over the day if `by_day`.

    With `quiet_nights` they order nothing from midnight to six, UTC.
    """

    clock: Clock
    chance: Chance
    rate: float
    by_day: bool
    quiet_nights: bool
    _began: float = field(init=False)  #: seconds since midnight at which the clock began

    def __post_init__(self) -> None:
        began = self.clock.date(0).astimezone(UTC)
        self._began = (began - began.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()

    def between(self, start: float, end: float) -> int:
        """Returns the number of their orders between two times of the clock. The same times give the same number."""
        if self.rate <= 0 or end <= start:
            return 0
        return self.chance.count(self._mean(start, end), "others", start, end)

    def _mean(self, start: float, end: float) -> float:
        if not (self.by_day or self.quiet_nights):
            return self.rate * (end - start)
        at, last, mean = self._began + start, self._began + end, 0.0
        for stretch in range(int(at // _STRETCH), ceil(last / _STRETCH)):
            until = min(float((stretch + 1) * _STRETCH), last)
            mean += (until - at) * self._rate_in(stretch)
            at = until
        return mean

    def _rate_in(self, stretch: int) -> float:
        of_day = stretch * _STRETCH % _DAY
        if self.quiet_nights and of_day < _NIGHT_ENDS:
            return 0.0
        if not self.by_day:
            return self.rate
        tide = 1 - _SWING * sin(2 * pi * of_day / _DAY)
        return self.rate * tide * self.chance.around(1.0, _WHIM, "whim", stretch)
