"""Settles the lost orders of a world by the worker's own rules, on a clock that only calls and pauses move.

It does each round what the worker's job does, and sees of the world what the worker sees.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tests.evidence.history import Order
from tests.evidence.records import CALL, Records, paid_of
from tests.evidence.world import World
from worker.domain.evidence.landmarks import Landmark, Landmarks, ids_increase
from worker.domain.evidence.owners import Lineup, Suspect, suspects_of
from worker.domain.evidence.planning import FIRST, Allowance, next_round, parents_to_read, wanted_chunks
from worker.domain.evidence.questions import OpenQuestion, Premises
from worker.domain.evidence.quiet_night import unpaid
from worker.domain.evidence.sightings import CHUNK, Asked, Sighting, chunk_of, numbers_of
from worker.domain.evidence.verdicts import Absent, Doubt, Knowledge, KnownParent, Linked, Undecided, Weighing, weigh

#: Items in one call.
_BATCH = 100

#: Seconds between two readings of the catalogue on demand, of parents that no known order is, and of the ledger.
_CATALOGUE_AGAIN, _PARENTS_AGAIN, _LEDGER_AGAIN = 60.0, 15.0, 300.0

#: So many of the newest ids are asked about before the first verdict and once a day.
_NEWEST = 4000
_DAY = 86_400.0

#: The specification's examiner made two calls a second, a fifth of these.
REQUESTS_PER_SECOND = 10.0


@dataclass(frozen=True, slots=True)
class Settled:
    """A verdict: the id of a linked order, and None for one that wasn't bought."""

    at: float
    number: int | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A true owner that wasn't among the possible owners of its id."""

    at: float
    order: Order
    sighting: Sighting


@dataclass(slots=True)
class Outcome:
    """What an examiner did. `bought`: when an order was first told to be bought, whatever its id."""

    verdicts: dict[Order, Settled] = field(default_factory=dict)
    bought: dict[Order, float] = field(default_factory=dict)
    doubts: dict[Order, Doubt] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    calls: int = 0
    shared_at: float | None = None


class Examiner:
    def __init__(
        self,
        world: World,
        premises: Premises,
        *,
        daily: bool = False,
        watched: bool = False,
        requests_per_second: float = REQUESTS_PER_SECOND,
    ) -> None:
        """`daily`: the newest ids are asked about once a day. `watched`: each round is compared with the truth."""
        self.world, self.premises = world, premises
        self.outcome = Outcome()
        self.records = Records(world)
        self.now = 0.0
        self._daily_at = -math.inf if daily else math.inf
        self._watched = watched
        self._allowance = Allowance(requests_per_second)
        self._pending = sorted(world.lost, key=lambda order: order.ended_at)
        self._came = 0
        self._open: list[Order] = []
        self._began = [order.began_at for order in world.orders]
        self._longest = max((order.ended_at - order.began_at for order in world.orders), default=0.0)
        self._index = {order: index for index, order in enumerate(world.orders)}
        self._sent_at: dict[int, float] = {}
        self._sightings: dict[int, Sighting] = {}
        self._live: set[int] = set()
        self._children: set[int] = set()
        self._parents: dict[int, KnownParent] = {}
        self._parents_known = 0
        self._parents_seen_at = self._catalogue_at = self._ledger_at = -math.inf
        self._wants_catalogue = False
        self._unpaid: frozenset[int] = frozenset()
        self._changed = 0
        self._landmarks: tuple[tuple[float, ...], Landmarks, bool] | None = None
        self._questions: dict[Order, OpenQuestion] = {}

    def run(self) -> Outcome:
        while self.now <= self.world.ends_at:
            if not self._open:
                if self._came == len(self._pending):
                    break
                self.now = max(self.now, self._pending[self._came].ended_at + FIRST)
                if self.now > self.world.ends_at:
                    break
            self._round()
        return self.outcome

    def _round(self) -> None:
        began_at = self.now
        self._observe()
        self._ask_newest()
        suspects = self._suspects()
        wanted = wanted_chunks(suspects, self._marks()[0], Asked(self._sent_at), self.premises, self.now)
        allowed = self._allowance.calls(self.now)
        for chunk in wanted[:allowed]:
            self._ask(chunk)
        self._read_parents()
        if self._wants_catalogue and self.now >= self._catalogue_at + _CATALOGUE_AGAIN:
            self._read_catalogue()
        self._read_balance(suspects)
        self._observe()
        self._weigh()
        lost = [one for one in self._suspects() if one.question.is_lost]
        pause = next_round(lost, self.now, waiting=len(wanted) > allowed)
        if self._came < len(self._pending):
            pause = min(pause, max(self._pending[self._came].ended_at + FIRST - self.now, 0.5))
        self.now = max(began_at + pause, self.now)

    # What is known at this moment

    def _observe(self) -> None:
        """Takes up what happened meanwhile: calls that ended, ids that an answer told."""
        self.records.advance(self.now)
        while self._came < len(self._pending) and self._pending[self._came].ended_at <= self.now:
            self._open.append(self._pending[self._came])
            self._came += 1
        self._live -= self.records.numbers
        for order in self.records.parents[self._parents_known :]:
            self._add_parent(order, self.records.number(order))
        self._parents_known = len(self.records.parents)

    def _add_parent(self, order: Order, number: int) -> None:
        self._parents[number] = KnownParent(number, str(order.service), order.units, order.began_at)

    def _suspects(self) -> list[Suspect]:
        first = bisect_right(self._began, self.now - self._longest)
        last = bisect_right(self._began, self.now)
        in_flight = [order for order in self.world.orders[first:last] if order.ended_at > self.now]
        questions = [self._question(order) for order in self._open]
        questions += [replace(self._question(order), ended_at=None, replied=False) for order in in_flight]
        return suspects_of(questions, self._marks()[0], self.premises)

    def _question(self, order: Order) -> OpenQuestion:
        if order not in self._questions:
            self._questions[order] = OpenQuestion(
                order_id=self._index[order],
                token=self._index[order],
                service=str(order.service),
                expected_charge=self.records.expected(order),
                units=None if order.is_parent else order.units,
                is_parent=order.is_parent,
                began_at=order.began_at,
                ended_at=order.ended_at,
                replied=order.replied,
                child_units=order.units if order.is_parent else None,
            )
        return self._questions[order]

    def _marks(self) -> tuple[Landmarks, bool]:
        """Returns the landmarks around the open questions, and whether their ids increase."""
        oldest = min((order.began_at for order in self._open), default=self.now)
        since = math.floor(oldest / 600) * 600.0
        state = since, float(self.records.known), float(self._changed)
        if self._landmarks is None or self._landmarks[0] != state:
            marks = [*self.records.landmarks(since), *self._seen(since)]
            self._landmarks = state, Landmarks(marks), ids_increase(marks)
        return self._landmarks[1:]

    def _seen(self, since: float) -> Iterable[Landmark]:
        for sighting in self._sightings.values():
            if sighting.seen_at > since - 2 * _LONG_BEFORE:
                order = None if sighting.order_id is None else self.world.orders[sighting.order_id]
                yield Landmark(sighting.number, -math.inf if order is None else order.began_at, sighting.seen_at)

    def _sighted(self) -> list[Sighting]:
        return [self._sightings[number] for number in sorted(self._live)]

    # Calls

    def _call(self) -> float:
        """Makes one call; returns when the panel answered it."""
        self.outcome.calls += 1
        self._allowance.spend(1)
        self.now += CALL
        return self.now - CALL / 2

    def _fails(self) -> bool:
        return self.world.chance.random() < self.world.habits.fails

    def _ask(self, chunk: int) -> None:
        sent_at = self.now
        answered_at = self._call()
        if self._fails():
            return
        denied_at = self._sent_at.get(chunk)
        self._sent_at[chunk] = sent_at
        numbers = numbers_of(chunk)
        for taken in self.world.own_ids(numbers[0], numbers[-1]):
            if taken.number in self.records.numbers or answered_at < taken.shows_at:
                continue
            if taken.number not in self._sightings:
                self._sightings[taken.number] = Sighting(taken.number, self.now, denied_at)
                self._changed += 1
                if taken.number not in self._children:
                    self._live.add(taken.number)
            told = self._sightings[taken.number].told(self.world.report(taken, answered_at))
            self._sightings[taken.number] = told

    def _ask_newest(self) -> None:
        newest = self._marks()[0].newest
        if newest is None or self.now < self._daily_at + _DAY or (math.isinf(self._daily_at) and self._daily_at > 0):
            return
        self._daily_at = self.now
        lowest = min(self.records.numbers)
        for chunk in range(chunk_of(max(newest - _NEWEST, lowest)), chunk_of(newest) + 1):
            self._ask(chunk)

    def _read_parents(self) -> None:
        sightings = self._sighted()
        due = parents_to_read(self._parents.values(), sightings, self.premises, self.now)
        for first in range(0, len(due), _BATCH):
            sent_at = self.now
            answered_at = self._call()
            if self._fails():
                continue
            for parent in due[first : first + _BATCH]:
                if self._read_children(parent.number, answered_at):
                    self._parents[parent.number] = replace(parent, read_at=sent_at)
        hidden = [sighting.number for sighting in sightings if sighting.is_parent]
        if not hidden or len(hidden) == len(sightings) or self.now < self._parents_seen_at + _PARENTS_AGAIN:
            return
        self._parents_seen_at = self.now
        for first in range(0, len(hidden), _BATCH):
            answered_at = self._call()
            if not self._fails():
                for number in hidden[first : first + _BATCH]:
                    self._read_children(number, answered_at)

    def _read_children(self, number: int, at: float) -> bool:
        report = self.world.status(number, at)
        if report is None:
            return False
        if number in self._sightings:
            self._sightings[number] = self._sightings[number].told(report)
        self._children |= {int(child) for child in report.spawned}
        self._live -= self._children
        return True

    def _read_catalogue(self) -> None:
        self._catalogue_at = self.now
        self._call()
        self.records.read_catalogue(self._catalogue_at)
        self._wants_catalogue = False

    def _read_balance(self, suspects: Sequence[Suspect]) -> None:
        """Reads the balance once the panel can't take a lost order any more, if no later order is known."""
        waiting = [one.last_at + 1 for one in suspects if one.high is None and self.now >= one.last_at + 1]
        newest = self.records.balances[-1].asked_at if self.records.balances else -math.inf
        if any(since > newest for since in waiting):
            sent_at = self.now
            self._call()
            self.records.read_balance(sent_at)

    # Verdicts

    def _weigh(self) -> None:
        landmarks, is_ordered = self._marks()
        book = self.records.book()
        known = Knowledge(
            now=self.now,
            suspects=self._suspects(),
            landmarks=landmarks,
            sightings=self._sighted(),
            asked=Asked(self._sent_at),
            prices=book,
            parents=list(self._parents.values()),
            shapes_tell=self.records.shapes_tell(self.premises.shapes),
            is_ordered=is_ordered,
            is_shared=self.outcome.shared_at is not None,
            unpaid=self._unpaid,
        )
        if self._watched:
            self._compare(known)
        weighing = weigh(known, self.premises)
        if weighing.nobodys and self.outcome.shared_at is None:
            self.outcome.shared_at = self.now
        self._wants_catalogue |= book.wants_reading
        self._settle(weighing)
        self._open = [order for order in self._open if order not in self.outcome.verdicts]
        quiet = any(verdict == Undecided(Doubt.QUIET) for verdict in weighing.verdicts.values())
        if quiet and not self._live and self.now >= self._ledger_at + _LEDGER_AGAIN:
            self._read_ledger(known.suspects)

    def _settle(self, weighing: Weighing) -> None:
        for index, verdict in weighing.verdicts.items():
            order = self.world.orders[index]
            match verdict:
                case Linked(panel_order_id):
                    number = int(panel_order_id)
                    self.outcome.verdicts[order] = Settled(self.now, number)
                    self._sightings[number] = replace(self._sightings[number], order_id=index)
                    self._live.discard(number)
                    self._changed += 1
                    if order.is_parent:
                        self._add_parent(order, number)
                case Absent():
                    self.outcome.verdicts[order] = Settled(self.now, None)
                case Undecided(doubt):
                    self.outcome.doubts[order] = doubt
                    if doubt is Doubt.BOUGHT:
                        self.outcome.bought.setdefault(order, self.now)
                    self._wants_catalogue |= doubt is Doubt.FITS_LOOSELY

    def _read_ledger(self, suspects: Sequence[Suspect]) -> None:
        """Asks about all orders that may have moved money lately, and compares the balance with them."""
        self._ledger_at = self.now
        oldest = min(one.question.began_at for one in suspects) - _DAY
        began_at = self.now
        paid = list(self.records.paid(oldest, began_at))
        for order, settled in self.outcome.verdicts.items():
            if settled.number is not None:
                taken, seen_at = self.world.by_number[settled.number], self._sightings[settled.number].seen_at
                paid.append(paid_of(self.world, taken, order.began_at, seen_at, began_at))
        for _ in range(0, sum(math.isinf(one.closed_at) for one in paid), _BATCH):
            self._call()
        self._observe()
        balances = [one for one in self.records.balances if one.asked_at > oldest]
        self._unpaid |= unpaid(suspects, balances, paid)

    def _compare(self, known: Knowledge) -> None:
        """Notes each lost order that isn't among the possible owners of its own id."""
        lineup = Lineup(known.suspects, known.prices, self.premises, shapes_tell=known.shapes_tell)
        at = {one.question.order_id: place for place, one in enumerate(known.suspects)}
        for sighting in known.sightings:
            order = self.world.by_number[sighting.number].order
            if order is None or (order.heard and self._index[order] not in at):
                continue
            owners = lineup.owners(sighting)
            place = at.get(self._index[order])
            if place is None or (place not in owners.possible and not owners.is_crowd):
                self.outcome.left_out.append(LeftOut(self.now, order, sighting))


_LONG_BEFORE = 7200.0

assert CHUNK < _BATCH
