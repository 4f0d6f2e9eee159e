"""Finds the orders that an id which answered may belong to (docs/lost-answers.md).

Only proof excludes an order: the order of ids and of time, the shape of the answer, far too many units, and a price
that is known for certain. A charge that differs from what was expected excludes nobody.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, islice

from worker.domain.evidence.landmarks import Landmarks
from worker.domain.evidence.prices import PACKAGE, PriceBook
from worker.domain.evidence.questions import OpenQuestion, Premises
from worker.domain.evidence.sightings import Sighting
from worker.domain.money.amounts import Amount

#: An id that more orders may own than this links none of them.
CROWD = 64

#: A panel may give so many times the units that were ordered, as a bonus.
_BONUS = 2

#: Among so many suspects, an id's owners are looked up by price, and so many that the price fits are tried.
_MANY, _TRIED = 4 * CROWD, 4 * CROWD


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
        """Says whether the order may have this id, by all but its price."""
        question = suspect.question
        if not suspect.may_lie_at(sighting.number) or question.began_at >= sighting.seen_at:
            return False
        if sighting.denied_at is not None and sighting.denied_at > suspect.last_at + self._premises.hidden:
            return False  # it would have answered by then
        if sighting.has_spawned and not question.is_parent:
            return False
        if sighting.is_parent is not question.is_parent:
            return not self._shapes_tell
        return (
            question.is_parent
            or question.units is None
            or sighting.most_remains is None
            or sighting.most_remains <= _BONUS * question.units
        )

    def _may_cost(self, suspect: Suspect, sighting: Sighting) -> bool:
        question = suspect.question
        if question.is_parent or sighting.uncut_charge is None:
            return True
        known = self._prices.charge(question.service, billed(question), question.began_at, sighting.seen_at)
        return known is None or sighting.uncut_charge in known


def billed(question: OpenQuestion) -> int:
    """Returns the units that an order's price is for."""
    return PACKAGE if question.units is None else question.units


class _Alike:
    """Suspects by what they can have cost, so that a charge finds those whom it fits without trying all."""

    def __init__(self, suspects: Sequence[Suspect], prices: PriceBook) -> None:
        self._prices = prices
        self._units = [billed(suspect.question) for suspect in suspects]
        self._service = [suspect.question.service for suspect in suspects]
        self._parents: list[int] = []
        self._of: dict[str, list[int]] = {}
        self._first: dict[str, float] = {}
        for at, suspect in enumerate(suspects):
            if suspect.question.is_parent:
                self._parents.append(at)
                continue
            self._of.setdefault(suspect.question.service, []).append(at)
            self._first.setdefault(suspect.question.service, suspect.question.began_at)
        before = ((service, prices.of_a_unit_before(service, first)) for service, first in self._first.items())
        self._by_cost = sorted(
            (unit.middle * self._units[at], at) for service, unit in before if unit for at in self._of[service]
        )
        self._known: dict[float, _Known] = {}

    def of(self, sighting: Sighting, stretch: range) -> Iterator[int]:
        """Yields the suspects of a stretch whom no known price excludes. Some whom one excludes may be among them."""
        charge = sighting.uncut_charge
        if charge is None:
            yield from stretch
            return
        known = self._known_at(sighting.seen_at)
        for members in (self._parents, *(self._of[service] for service in known.unknown)):
            yield from members[bisect_left(members, stretch.start) : bisect_left(members, stretch.stop)]
        grain = self._prices.grain
        first = bisect_left(self._by_cost, ((charge - grain) / known.spread, -1))
        last = bisect_left(self._by_cost, ((charge + grain) * known.spread, len(self._units)))
        for _, at in self._by_cost[first:last]:
            unit = known.units.get(self._service[at])
            if at in stretch and unit is not None:
                units = self._units[at]
                if unit.low * units - grain <= charge <= unit.high * units + grain:
                    yield at

    def _known_at(self, seen_at: float) -> "_Known":
        """Returns the prices that are known up to a time.

        A price that was the same from before the first suspect of a service until then was the same for all of them.
        """
        until = self._prices.first_after(seen_at)
        if until not in self._known:
            self._known[until] = _Known(
                {
                    service: unit
                    for service, first in self._first.items()
                    if (unit := self._prices.of_a_unit(service, first, seen_at)) is not None
                },
                self._of,
            )
        return self._known[until]


class _Known:
    """The prices of a unit that are known for certain, by service. `spread`: the highest ratio of their bounds."""

    def __init__(self, units: Mapping[str, Amount], services: Iterable[str]) -> None:
        self.units = units
        self.unknown = [service for service in services if service not in units]
        self.spread = max((unit.high / unit.low for unit in units.values()), default=Decimal(1))
