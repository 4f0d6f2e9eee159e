"""Tells which ids a panel had given out by when: from orders of ours whose ids are known, and from ids that answered.

One sequence of ids runs through the whole panel, so what we know about some ids bounds all others. Any selection of
landmarks is as true as all of them together: with fewer, the bounds are wider.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter
from typing import TypeVar

_T = TypeVar("_T", int, float)

#: The pace of a panel is that of its newest landmarks: of so many, and of at least so many seconds.
_NEWEST, _LONG_ENOUGH = 12, 600.0

#: By how many ids an estimate may be off; and by which share of the ids between the landmarks around it, or of the
#: distance from the newest landmark.
_MARGIN, _BETWEEN, _BEYOND = 20.0, 0.05, 0.3


@dataclass(frozen=True, slots=True)
class Landmark:
    """An id of ours on the panel, and between which times the panel gave it out, in seconds of the database's clock.

    `earliest` is minus infinity for an id whose order nobody knows.
    """

    number: int
    earliest: float
    latest: float


def ids_increase(landmarks: Sequence[Landmark]) -> bool:
    """Says whether a panel's ids follow the order of time, as far as these landmarks tell.

    They do if every id that was given out after another for certain is the higher one.
    """
    highest = -1
    by_latest = sorted(landmarks, key=attrgetter("latest"))
    ended = 0
    for landmark in sorted(landmarks, key=attrgetter("earliest")):
        while ended < len(by_latest) and by_latest[ended].latest < landmark.earliest:
            highest = max(highest, by_latest[ended].number)
            ended += 1
        if landmark.number <= highest:
            return False
    return True


class Landmarks:
    """Landmarks of one account, in the order of time and of their ids. The ids must increase."""

    def __init__(self, landmarks: Iterable[Landmark]) -> None:
        by_latest = sorted(landmarks, key=attrgetter("latest"))
        self._latest = [landmark.latest for landmark in by_latest]
        self._highest = list(accumulate((landmark.number for landmark in by_latest), max))
        by_earliest = sorted(by_latest, key=attrgetter("earliest"))
        self._earliest = [landmark.earliest for landmark in by_earliest]
        self._lowest = _from_the_end((landmark.number for landmark in by_earliest), min)
        by_number = sorted(by_latest, key=attrgetter("number"))
        self._numbers = [landmark.number for landmark in by_number]
        self._given_out = _from_the_end((landmark.latest for landmark in by_number), min)
        dated = [landmark for landmark in by_number if landmark.earliest > -math.inf]
        self._dated = [landmark.number for landmark in dated]
        self._times = list(accumulate(((landmark.earliest + landmark.latest) / 2 for landmark in dated), max))
        #: The ids that the panel gives out in a second, as far as its newest landmarks tell.
        self.pace = _pace(self._dated, self._times)

    def __bool__(self) -> bool:
        return bool(self._numbers)

    @property
    def newest(self) -> int | None:
        """Returns the highest id whose order is known; None if there is none."""
        return self._dated[-1] if self._dated else None

    @property
    def oldest(self) -> int | None:
        """Returns the lowest id whose order is known; None if there is none."""
        return self._dated[0] if self._dated else None

    def below(self, began_at: float) -> int | None:
        """Returns the highest id that was given out before this time for certain."""
        before = bisect_left(self._latest, began_at)
        return self._highest[before - 1] if before else None

    def above(self, last_at: float) -> int | None:
        """Returns the lowest id that was given out after this time for certain."""
        after = bisect_right(self._earliest, last_at)
        return self._lowest[after] if after < len(self._lowest) else None

    def given_out(self, number: int) -> float:
        """Returns by when this id was given out for certain; infinity where no landmark says."""
        at = bisect_left(self._numbers, number)
        return self._given_out[at] if at < len(self._given_out) else math.inf

    def nearest(self, number: int) -> int | None:
        """Returns the id nearest to this one whose order is known; None if no order is known."""
        at = bisect_left(self._dated, number)
        around = self._dated[max(at - 1, 0) : at + 1]
        return min(around, key=lambda known: abs(known - number), default=None)

    def number_at(self, time: float) -> tuple[float, float]:
        """Returns about which id was given out at this time, and by how much that may be off.

        There must be a known order.
        """
        at = bisect_right(self._times, time)
        if at == 0:
            return self._dated[0], 5 * _MARGIN
        if at == len(self._times):
            beyond = (time - self._times[-1]) * self.pace
            return self._dated[-1] + beyond, _MARGIN + _BEYOND * beyond
        between = self._dated[at] - self._dated[at - 1]
        share = (time - self._times[at - 1]) / max(self._times[at] - self._times[at - 1], 1e-9)
        return self._dated[at - 1] + between * share, _MARGIN + _BETWEEN * between

    def time_at(self, number: int) -> float:
        """Returns about when this id was given out. There must be a known order."""
        at = bisect_left(self._dated, number)
        if at == 0:
            return self._times[0]
        if at == len(self._dated):
            return self._times[-1] + (number - self._dated[-1]) / max(self.pace, 1e-6)
        share = (number - self._dated[at - 1]) / max(self._dated[at] - self._dated[at - 1], 1)
        return self._times[at - 1] + (self._times[at] - self._times[at - 1]) * share

    def known_before(self, number: int) -> float | None:
        """Returns about when the highest known order up to this id was given out; None if there is none."""
        at = bisect_right(self._dated, number)
        return self._times[at - 1] if at else None

    def fastest_pace(self, seconds: float) -> float:
        """Returns the most ids a second that the panel gave out over so many seconds, as far as landmarks tell."""
        fastest, first = self.pace, 0
        for last, time in enumerate(self._times):
            while first < last and time - self._times[first] >= seconds:
                fastest = max(fastest, (self._dated[last] - self._dated[first]) / (time - self._times[first]))
                first += 1
        return fastest


def _pace(numbers: Sequence[int], times: Sequence[float]) -> float:
    if len(numbers) < 2:  # noqa: PLR2004 - it takes two
        return 1.0
    first = max(0, len(numbers) - _NEWEST)
    while first > 0 and times[-1] - times[first] < _LONG_ENOUGH:
        first -= 1
    return (numbers[-1] - numbers[first]) / max(times[-1] - times[first], 1.0)


def _from_the_end(values: Iterable[_T], choose: Callable[[_T, _T], _T]) -> list[_T]:
    """Returns, for each value, which one of it and all later ones is chosen."""
    return list(accumulate(reversed(list(values)), choose))[::-1]
