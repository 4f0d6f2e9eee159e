"""Finds the orders that an id which answered may belong to (docs/lost-answers.md).

Only proof excludes an order: the order of ids and of time, the shape of the answer, far too many units, and a price
that is known for certain. A charge that differs from what was expected excludes nobody.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate, islice
from typing import TypeAlias

from worker.domain.amounts import Amount
from worker.domain.evidence.landmarks import Landmarks
from worker.domain.evidence.prices import PACKAGE, PriceBook
from worker.domain.evidence.questions import OpenQuestion, Premises
from worker.domain.evidence.sightings import Sighting

#: An id that more orders may own than this links none of them.
CROWD = 64

#: A panel may give so many times the units that were ordered, as a bonus.
_BONUS = 2

#: Among so many suspects, an id's owners are looked up by price, and so many that the price fits are tried.
_MANY, _TRIED = 4 * CROWD, 4 * CROWD


class WhyNot(StrEnum):
    """The reasons why an id can't be an order's own."""

    IDS = "ids"  #: the id lies outside the ids between which the order lies
    TIME = "time"  #: the id answered before the order was sent, or was still denied when the order had to answer
    SHAPE = "shape"  #: one of them is a drip-feed or subscription, and the other is none
    UNITS = "units"  #: far more units remain than were ordered
    PRICE = "price"  #: the price at that time is known for certain, and the charge differs


@dataclass(frozen=True, slots=True)
class Suspect:
    """An open question, and the ids between which its order would lie; None where nothing bounds it.

    `last_at`: until when the panel may have taken it, infinity while its call is in flight.
    """

    question: OpenQuestion
    low: int | None
    high: int | None
    last_at: float

    def may_lie_at(self, number: int) -> bool:
        return (self.low is None or number > self.low) and (self.high is None or number < self.high)

    def may_lie_at_any(self, numbers: Sequence[int]) -> bool:
        """Says whether one of these ids, in ascending order, lies between its bounds."""
        at = 0 if self.low is None else bisect_right(numbers, self.low)
        return at < len(numbers) and self.may_lie_at(numbers[at])


@dataclass(frozen=True, slots=True)
class Owners:
    """Who may own an id. `possible`: those whom nothing excludes. `by_ids`: a price may exclude some of these.

    `is_crowd`: they are too many to link any of them, and `possible` hasn't all. `is_complete`: `by_ids` has all of
    them. `stretch`: the suspects among which all of them are.
    """

    possible: Sequence[int]
    by_ids: Sequence[int]
    stretch: range
    is_crowd: bool
    is_complete: bool


def suspects_of(questions: Iterable[OpenQuestion], landmarks: Landmarks, premises: Premises) -> list[Suspect]:
    """Returns the suspects in the order in which their calls began."""
    return [
        Suspect(
            question,
            landmarks.below(question.began_at),
            None if math.isinf(last_at := question.last_at(premises)) else landmarks.above(last_at),
            last_at,
        )
        for question in sorted(questions, key=lambda one: one.began_at)
    ]


class Lineup:
    """All suspects of one account, in the order in which their calls began."""

    def __init__(
        self, suspects: Sequence[Suspect], prices: PriceBook, premises: Premises, *, shapes_tell: bool
    ) -> None:
        """`shapes_tell`: the panel answers for parents in one shape, and for all others in another."""
        self.suspects = suspects
        self._prices = prices
        self._premises = premises
        self._shapes_tell = shapes_tell
        self._began = [suspect.question.began_at for suspect in suspects]
        self._lows = list(accumulate((-1 if one.low is None else one.low for one in suspects), max))
        self._highs = list(accumulate((math.inf if one.high is None else one.high for one in suspects), max))
        self._alike: _Alike | None = None

    def owners(self, sighting: Sighting) -> Owners:
        """Returns the positions of the suspects to whom an id may belong."""
        end = min(bisect_left(self._began, sighting.seen_at), bisect_left(self._lows, sighting.number))
        start = bisect_left(self._highs, sighting.number + 1, hi=end)
        stretch = range(start, end)
        if len(stretch) > _MANY:
            return self._among_many(sighting, stretch)
        by_ids = list(self._by_ids(sighting, stretch))
        possible = by_ids
        if len(by_ids) > 1:
            possible = [at for at in by_ids if self._may_cost(self.suspects[at], sighting)]
        return Owners(possible, by_ids, stretch, is_crowd=len(possible) > CROWD, is_complete=True)

    def _among_many(self, sighting: Sighting, stretch: range) -> Owners:
        """Returns the owners without trying all: those of its price, and others only where there are none."""
        if self._alike is None:
            self._alike = _Alike(self.suspects, self._prices)
        possible: list[int] = []
        for tried, at in enumerate(self._by_ids(sighting, self._alike.of(sighting, stretch))):
            if tried == _TRIED or len(possible) > CROWD:
                return Owners(possible, [at], stretch, is_crowd=True, is_complete=False)
            if self._may_cost(self.suspects[at], sighting):
                possible.append(at)
        by_ids = possible or list(islice(self._by_ids(sighting, stretch), 2))
        if len(by_ids) == 1:
            possible = by_ids
        return Owners(possible, by_ids, stretch, is_crowd=len(possible) > CROWD, is_complete=False)

    def _by_ids(self, sighting: Sighting, positions: Iterable[int]) -> Iterator[int]:
        return (at for at in positions if self._may_own(self.suspects[at], sighting))

    def _may_own(self, suspect: Suspect, sighting: Sighting) -> bool:
        return self.why_not(suspect, sighting) is None

    def why_not(self, suspect: Suspect, sighting: Sighting) -> WhyNot | None:
        """Returns why the id can't be the order's own, by all but its price; None: it may be."""
        question = suspect.question
        if not suspect.may_lie_at(sighting.number):
            return WhyNot.IDS
        if question.began_at >= sighting.seen_at:
            return WhyNot.TIME
        if sighting.denied_at is not None and sighting.denied_at > suspect.last_at + self._premises.hidden:
            return WhyNot.TIME  # it would have answered by then
        if sighting.has_spawned and not question.is_parent:
            return WhyNot.SHAPE
        if sighting.is_parent is not question.is_parent:
            return WhyNot.SHAPE if self._shapes_tell else None
        return None if question.is_parent or _fits(question, sighting) else WhyNot.UNITS

    def _may_cost(self, suspect: Suspect, sighting: Sighting) -> bool:
        question = suspect.question
        if question.is_parent or sighting.uncut_charge is None:
            return True
        known = self._prices.charge(question.service, billed(question), question.began_at, sighting.seen_at)
        return known is None or sighting.uncut_charge in known


def _fits(question: OpenQuestion, sighting: Sighting) -> bool:
    """Says whether no more units remain than the order can have, with a bonus."""
    return question.units is None or sighting.most_remains is None or sighting.most_remains <= _BONUS * question.units


def billed(question: OpenQuestion) -> int:
    """Returns the units that an order's price is for."""
    return PACKAGE if question.units is None else question.units


#: Suspects of one service that no known order of the service lies between: its last one before them began then.
_Group: TypeAlias = tuple[str, float | None]


class _Alike:
    """Suspects by what they can have cost, so that a charge finds those whom it fits without trying all."""

    def __init__(self, suspects: Sequence[Suspect], prices: PriceBook) -> None:
        self._prices = prices
        self._units = [billed(suspect.question) for suspect in suspects]
        self._parents: list[int] = []
        self._group: list[_Group] = []
        self._of: dict[_Group, list[int]] = {}
        self._first: dict[_Group, float] = {}
        for at, suspect in enumerate(suspects):
            question = suspect.question
            group = question.service, prices.last_before(question.service, question.began_at)
            self._group.append(group)
            if question.is_parent:
                self._parents.append(at)
                continue
            self._of.setdefault(group, []).append(at)
            self._first.setdefault(group, question.began_at)
        before = ((group, prices.of_a_unit_before(group[0], first)) for group, first in self._first.items())
        self._by_cost = sorted(
            (unit.middle * self._units[at], at) for group, unit in before if unit for at in self._of[group]
        )
        self._known: dict[float, _Known] = {}

    def of(self, sighting: Sighting, stretch: range) -> Iterator[int]:
        """Yields the suspects of a stretch whom no known price excludes. Some whom one excludes may be among them."""
        charge = sighting.uncut_charge
        if charge is None:
            yield from stretch
            return
        known = self._known_at(sighting.seen_at)
        for members in (self._parents, *(self._of[group] for group in known.unknown)):
            yield from members[bisect_left(members, stretch.start) : bisect_left(members, stretch.stop)]
        grain = self._prices.grain
        first = bisect_left(self._by_cost, ((charge - grain) / known.spread, -1))
        last = bisect_left(self._by_cost, ((charge + grain) * known.spread, len(self._units)))
        for _, at in self._by_cost[first:last]:
            unit = known.units.get(self._group[at])
            if at in stretch and unit is not None:
                units = self._units[at]
                if unit.low * units - grain <= charge <= unit.high * units + grain:
                    yield at

    def _known_at(self, seen_at: float) -> "_Known":
        """Returns the prices that are known up to a time. Suspects of one group have the same."""
        until = self._prices.first_after(seen_at)
        if until not in self._known:
            self._known[until] = _Known(
                {
                    group: unit
                    for group, first in self._first.items()
                    if (unit := self._prices.of_a_unit(group[0], first, seen_at)) is not None
                },
                self._of,
            )
        return self._known[until]


class _Known:
    """The prices of a unit that are known for certain, by group. `spread`: the highest ratio of their bounds."""

    def __init__(self, units: Mapping[_Group, Amount], groups: Iterable[_Group]) -> None:
        self.units = units
        self.unknown = [group for group in groups if group not in units]
        self.spread = max((unit.high / unit.low for unit in units.values()), default=Decimal(1))
