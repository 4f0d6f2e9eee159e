"""Decides what a panel's ids prove about orders whose `add` has no usable answer (docs/lost-answers.md).

One sequence of ids runs through the whole panel, and the panel answers with a status for our own orders alone. So an
id that answers, and that no `add` ever told, belongs to an order whose answer was lost. All ways to give each such id
an owner are considered together: what they have in common is certain, whatever else was bought and not seen yet.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from worker.domain.evidence.assignment import assign
from worker.domain.evidence.landmarks import Landmarks
from worker.domain.evidence.owners import Lineup, Suspect, billed
from worker.domain.evidence.prices import PriceBook
from worker.domain.evidence.questions import Premises
from worker.domain.evidence.quiet_night import frontier
from worker.domain.evidence.sightings import Asked, Sighting

#: So many parents that may have spawned an id are not looked at one by one.
_MANY_PARENTS = 50


@dataclass(frozen=True, slots=True)
class Linked:
    """Proof that the order has this id on the panel."""

    panel_order_id: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Proof that the order wasn't bought."""


class Doubt(StrEnum):
    """The reasons why evidence is less than proof."""

    TOO_YOUNG = "too_young"  #: nothing was found, and the order may still come to light
    NO_BOUNDS = "no_bounds"  #: no known order on one side or both, and nothing was found
    NOT_COVERED = "not_covered"  #: nothing was found, and not all ids were asked about late enough to count
    QUIET = "quiet"  #: nothing was found and no later order is known: the balance has to agree
    AMBIGUOUS = "ambiguous"  #: an id was found that may belong to more than one order
    BOUGHT = "bought"  #: the panel took the order for certain, under one of these ids
    FITS_LOOSELY = "fits_loosely"  #: an id can only be the order's, but nothing explains its charge
    MONEY_IS_GONE = "money_is_gone"  #: nothing was found, and money left the account that nothing else explains
    MAYBE_SPAWNED = "maybe_spawned"  #: an id was found that may be the order's, or a child order of another
    SHARED_ACCOUNT = "shared_account"  #: ids answer that are nobody's: somebody else orders on this account
    IDS_NOT_INCREASING = "ids_not_increasing"  #: the panel's ids don't follow the order of time


@dataclass(frozen=True, slots=True)
class Undecided:
    """Less than proof: the order stays unconfirmed. `candidates` are the ids that may be its own."""

    doubt: Doubt
    candidates: tuple[int, ...] = ()


Verdict = Linked | Absent | Undecided


@dataclass(frozen=True, slots=True)
class KnownParent:
    """A drip-feed or subscription of ours, which spawns child orders with ids of their own.

    `child_units` are those of each child, as in `OpenQuestion`. `read_at`: when the call was sent that last told its
    child orders; minus infinity if none did.
    """

    number: int
    service: str
    child_units: int | None
    began_at: float
    read_at: float = -math.inf


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that is known of one account when its open questions are weighed.

    `suspects`: all open questions, lost or in flight, in the order in which their calls began. `sightings`: the ids
    that answered, without those of known orders, of linked ones and of listed child orders. `unexplained` has, by
    order, the money that left the account while the panel may have taken it, less all that other orders may have cost.
    `unpaid`: the orders for which the balance proves that nothing was paid. `is_shared`: somebody else was found to
    order on this account, and no person has said otherwise since.
    """

    now: float
    suspects: Sequence[Suspect]
    landmarks: Landmarks
    sightings: Sequence[Sighting]
    asked: Asked
    prices: PriceBook
    parents: Sequence[KnownParent] = ()
    shapes_tell: bool = False
    is_ordered: bool = True
    is_shared: bool = False
    unexplained: Mapping[int, Decimal | None] = field(default_factory=dict)
    unpaid: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Weighing:
    """What was decided. `verdicts` has the lost orders, by id. `nobodys`: ids that can't be anybody's."""

    verdicts: Mapping[int, Verdict]
    nobodys: tuple[int, ...] = ()


@dataclass(slots=True)
class _Found:
    """What the sightings say together, by position of the suspect.

    `owners` has for each id that must have an owner those who may own it. `also`: the ids that a suspect may own, for
    all that is known. `maybe_spawned`: ids that may be child orders. `crowded`: suspects that may own an id which too
    many may own.
    """

    owners: dict[int, Sequence[int]] = field(default_factory=dict)
    also: dict[int, list[int]] = field(default_factory=dict)
    maybe_spawned: set[int] = field(default_factory=set)
    crowded: list[range] = field(default_factory=list)
    nobodys: list[int] = field(default_factory=list)

    def may_own(self, number: int, positions: Iterable[int]) -> None:
        for at in positions:
            self.also.setdefault(at, []).append(number)


def weigh(known: Knowledge, premises: Premises) -> Weighing:
    """Decides on each lost order, after weighing all that answered together."""
    lost = [(at, suspect) for at, suspect in enumerate(known.suspects) if suspect.question.is_lost]
    if not known.is_ordered:
        undecided = Undecided(Doubt.IDS_NOT_INCREASING)
        return Weighing({suspect.question.order_id: undecided for _, suspect in lost})
    found = _sorted_out(known, premises)
    together = assign(found.owners)
    found.nobodys += together.impossible
    for number in together.impossible:
        found.may_own(number, found.owners[number])
    verdicts: dict[int, Verdict] = {}
    owned: dict[int, Sighting] = {}
    by_number = {sighting.number: sighting for sighting in known.sightings}
    for number, owners in together.owners.items():
        if len(owners) == 1:
            owned[next(iter(owners))] = by_number[number]
        else:
            found.may_own(number, owners)
    is_shared = known.is_shared or bool(found.nobodys)
    crowded = _covered_by(found.crowded, len(known.suspects))
    gaps = _Gaps(known, premises)
    for at, suspect in lost:
        if at in owned:
            verdict = _owned(suspect, owned[at], known.prices)
        elif candidates := tuple(sorted(found.also.get(at, ()))):
            verdict = Undecided(_doubt_about(candidates, found, at in together.surely), candidates)
        elif crowded[at]:
            verdict = Undecided(Doubt.AMBIGUOUS)
        else:
            verdict = _silence(suspect, known, premises, gaps)
        if is_shared and not isinstance(verdict, Undecided):
            verdict = Undecided(Doubt.SHARED_ACCOUNT, (owned[at].number,) if at in owned else ())
        verdicts[suspect.question.order_id] = verdict
    return Weighing(verdicts, tuple(sorted(found.nobodys)))


def _sorted_out(known: Knowledge, premises: Premises) -> _Found:
    """Finds the possible owners of each id that answered."""
    found = _Found()
    lineup = Lineup(known.suspects, known.prices, premises, shapes_tell=known.shapes_tell)
    nursery = _Nursery(known, premises)
    for sighting in known.sightings:
        owners = lineup.owners(sighting)
        maybe_spawned = nursery.may_have_spawned(sighting)
        if owners.possible and not maybe_spawned and not owners.is_crowd:
            found.owners[sighting.number] = owners.possible
            continue
        if maybe_spawned:
            found.maybe_spawned.add(sighting.number)
        elif not owners.by_ids:
            found.nobodys.append(sighting.number)
            continue
        if owners.is_complete:
            found.may_own(sighting.number, owners.by_ids)
        else:
            found.crowded.append(owners.stretch)
    return found


class _Nursery:
    """Tells which ids may be child orders that a drip-feed or subscription placed."""

    def __init__(self, known: Knowledge, premises: Premises) -> None:
        self._prices = known.prices
        self._lag = premises.lag
        newest = max((sighting.seen_at for sighting in known.sightings), default=-math.inf)
        self._unread = [parent for parent in known.parents if parent.read_at < newest + premises.lag]
        self._hidden = [suspect for suspect in known.suspects if suspect.question.is_parent]

    def may_have_spawned(self, sighting: Sighting) -> bool:
        """Says whether some parent may have placed this order, though none was seen to list it."""
        if sighting.is_parent:
            return False
        unread = [
            parent
            for parent in self._unread
            if parent.number < sighting.number and parent.read_at < sighting.seen_at + self._lag
        ]
        return (
            len(unread) > _MANY_PARENTS
            or any(self._is_child(sighting, one.service, one.child_units, one.began_at) for one in unread)
            or any(self._is_hidden_child(sighting, parent) for parent in self._hidden)
        )

    def _is_hidden_child(self, sighting: Sighting, parent: Suspect) -> bool:
        question = parent.question
        if question.began_at >= sighting.seen_at or (parent.low is not None and parent.low >= sighting.number):
            return False
        return self._is_child(sighting, question.service, question.child_units, question.began_at)

    def _is_child(self, sighting: Sighting, service: str, units: int | None, began_at: float) -> bool:
        if sighting.uncut_charge is None or units is None:
            return True
        known = self._prices.charge(service, units, began_at, sighting.seen_at)
        return known is None or sighting.uncut_charge in known


class _Gaps:
    """Until when each gap between two known orders is covered, worked out once for all orders that share it."""

    def __init__(self, known: Knowledge, premises: Premises) -> None:
        self._known = known
        self._hidden = premises.hidden
        self._until: dict[tuple[int, int], float] = {}

    def covered_until(self, low: int, high: int) -> float:
        if (low, high) not in self._until:
            self._until[low, high] = self._known.asked.covered_until(low, high, self._known.landmarks, self._hidden)
        return self._until[low, high]


def _covered_by(ranges: Iterable[range], size: int) -> list[bool]:
    """Says for each position whether one of the ranges holds it."""
    steps = [0] * (size + 1)
    for one in ranges:
        steps[one.start] += 1
        steps[one.stop] -= 1
    depth, covered = 0, []
    for step in steps[:size]:
        depth += step
        covered.append(depth > 0)
    return covered


def _owned(suspect: Suspect, sighting: Sighting, prices: PriceBook) -> Verdict:
    """Returns the verdict on an order that owns this id in every way."""
    if _is_plausible(suspect, sighting, prices):
        return Linked(str(sighting.number))
    return Undecided(Doubt.FITS_LOOSELY, (sighting.number,))


def _is_plausible(suspect: Suspect, sighting: Sighting, prices: PriceBook) -> bool:
    question, charge, expected = suspect.question, sighting.uncut_charge, suspect.question.expected_charge
    if question.is_parent:
        return sighting.is_parent or sighting.charge is None
    if sighting.is_parent:
        return True
    if charge is None:
        return sighting.charge is None or expected is None or sighting.charge <= 2 * expected + prices.grain
    return prices.is_plausible(
        charge,
        question.service,
        billed(question),
        expected=expected,
        began_at=question.began_at,
        seen_at=sighting.seen_at,
    )


def _doubt_about(candidates: Iterable[int], found: _Found, is_bought: bool) -> Doubt:
    if is_bought:
        return Doubt.BOUGHT
    return Doubt.MAYBE_SPAWNED if any(number in found.maybe_spawned for number in candidates) else Doubt.AMBIGUOUS


def _silence(suspect: Suspect, known: Knowledge, premises: Premises, gaps: _Gaps) -> Verdict:
    """Returns the verdict on an order that nothing which answered can be."""
    question, low, high = suspect.question, suspect.low, suspect.high
    if known.now < (question.ended_at or 0.0) + premises.hidden:
        return Undecided(Doubt.TOO_YOUNG)
    if low is None:
        return Undecided(Doubt.NO_BOUNDS)
    if high is None:
        if known.now < suspect.last_at + premises.hidden:
            return Undecided(Doubt.NO_BOUNDS)
        end = frontier(low, suspect.last_at, known.landmarks)
        if end is None:
            return Undecided(Doubt.NO_BOUNDS)
        if not known.asked.sent_since(low, end, suspect.last_at + premises.hidden):
            return Undecided(Doubt.NOT_COVERED)
        return Absent() if question.order_id in known.unpaid else Undecided(Doubt.QUIET)
    if gaps.covered_until(low, high) < suspect.last_at:
        return Undecided(Doubt.NOT_COVERED)
    gone, price = known.unexplained.get(question.order_id), question.expected_charge
    if gone is not None and price is not None and price > 0 and gone >= price - known.prices.grain:
        return Undecided(Doubt.MONEY_IS_GONE)
    return Absent()
