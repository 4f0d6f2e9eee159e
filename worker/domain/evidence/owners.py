"""Finds the orders that an id which answered may belong to (docs/lost-answers.md).

Only proof excludes an order: the order of ids and of time, the shape of the answer, far too many units, and a price
that is known for certain. A charge that differs from what was expected excludes nobody.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, islice

from worker.domain.evidence.landmarks import Landmarks
from worker.domain.evidence.prices import PriceBook
from worker.domain.evidence.questions import OpenQuestion, Premises
from worker.domain.evidence.sightings import Sighting

#: An id that more orders may own than this links none of them.
CROWD = 64

#: A panel may give so many times the units that were ordered, as a bonus.
_BONUS = 2

#: Among so many suspects, a price is compared with all of them at once, not with one after the other.
_MANY = 4 * CROWD


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


@dataclass(frozen=True, slots=True)
class Owners:
    """Who may own an id. `possible`: those whom nothing excludes. `by_ids`: a price may exclude some of these.

    `is_crowd`: they are too many to link any of them. `is_complete`: `by_ids` has all of them. `stretch`: the suspects
    among which all of them are.
    """

    possible: Sequence[int]
    by_ids: Sequence[int]
    is_complete: bool
    stretch: range

    @property
    def is_crowd(self) -> bool:
        return len(self.possible) > CROWD


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
        self._alike = _Alike(suspects, prices)

    def owners(self, sighting: Sighting) -> Owners:
        """Returns the positions of the suspects to whom an id may belong."""
        end = min(bisect_left(self._began, sighting.seen_at), bisect_left(self._lows, sighting.number))
        start = bisect_left(self._highs, sighting.number + 1, hi=end)
        stretch = range(start, end)
        is_complete = len(stretch) <= _MANY
        if is_complete:
            by_ids = [at for at in stretch if self._may_own(self.suspects[at], sighting)]
            possible = by_ids
            if len(by_ids) > 1:
                possible = [at for at in by_ids if self._may_cost(self.suspects[at], sighting)]
        else:
            by_ids = list(islice((at for at in stretch if self._may_own(self.suspects[at], sighting)), 2))
            among = self._alike.of(sighting, stretch)
            possible = list(islice((at for at in among if self._may_own(self.suspects[at], sighting)), CROWD + 1))
        return Owners(possible, by_ids, is_complete, stretch)

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
    """Returns the units that an order's price is for; 1 for a package."""
    return 1 if question.units is None else question.units


class _Alike:
    """Suspects by what they can have cost, so that a charge finds those whom it fits without trying all."""

    def __init__(self, suspects: Sequence[Suspect], prices: PriceBook) -> None:
        self._prices = prices
        self._others: list[int] = []
        self._of: dict[str, list[tuple[int, int]]] = {}
        self._first: dict[str, float] = {}
        for at, suspect in enumerate(suspects):
            question = suspect.question
            if question.is_parent:
                self._others.append(at)
                continue
            self._of.setdefault(question.service, []).append((billed(question), at))
            self._first.setdefault(question.service, question.began_at)
        for members in self._of.values():
            members.sort()

    def of(self, sighting: Sighting, stretch: range) -> Iterator[int]:
        """Yields the suspects of a stretch whom no known price excludes. Some whom one excludes may be among them."""
        yield from (at for at in self._others if at in stretch)
        for service, members in self._of.items():
            yield from (at for _, at in self._fitting(service, members, sighting) if at in stretch)

    def _fitting(
        self, service: str, members: Sequence[tuple[int, int]], sighting: Sighting
    ) -> Sequence[tuple[int, int]]:
        charge = sighting.uncut_charge
        if charge is None:
            return members
        # A price that was the same from before the first of them until after the sighting was the same for all.
        one = self._prices.of_a_unit(service, self._first[service], sighting.seen_at)
        if one is None or one.low <= 0:
            return members
        grain = self._prices.grain
        fewest = max(int((charge - grain) / one.high) - 1, 0)
        most = int((charge + grain) / one.low) + 1
        return members[bisect_left(members, (fewest, -1)) : bisect_left(members, (most + 1, -1))]
