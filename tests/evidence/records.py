"""Keeps what a worker's other jobs have written down by a time: known orders, prices, the catalogue, the balance."""

import math
from bisect import bisect_left
from collections.abc import Iterator
from decimal import Decimal

from tests.evidence.history import Order
from tests.evidence.world import DELIVERED, Taken, World
from worker.domain.evidence.landmarks import Landmark
from worker.domain.evidence.prices import Price, PriceBook, RateChange, Rates, Reading, grain_of
from worker.domain.evidence.quiet_night import BalanceReading, Paid
from worker.domain.evidence.sightings import uncut_charge

#: Seconds that a call takes.
CALL = 0.1

#: The first charge of an order is read so many seconds after its call ended; and no two charges of one service are
#: kept of orders that were sent within so many seconds of each other.
_CHARGE_AFTER, _APART = 30.0, 10.0

#: Seconds between two polls of an open order.
_POLLS = 60.0

#: Known orders count from so many seconds before the oldest open question, and so many more.
_BEFORE, _MORE = 7200.0, 40

#: Every order is at its end so many seconds after its call, and the worker knows.
_OPEN_AT_MOST = 4 * DELIVERED

#: Shapes are learned from orders whose calls ended so many seconds ago.
_SHAPE_AFTER = 60.0


class Records:
    """What is on record at a time, which only moves forward."""

    def __init__(self, world: World) -> None:
        self._world = world
        heard = [order for order in world.orders if order.heard]
        self._by_end = sorted(heard, key=lambda order: order.ended_at)
        self._ended = [order.ended_at for order in self._by_end]
        self.known = 0  #: how many of them are known by now
        self.numbers: set[int] = set()
        self.parents: list[Order] = []
        self._unpriced = _Queue(
            (max(order.ended_at + _CHARGE_AFTER, world.of_order[order].shows_at), order)
            for order in heard
            if not order.is_parent
        )
        self._shapes = _Queue(
            (max(order.ended_at + _SHAPE_AFTER, world.of_order[order].shows_at), order) for order in heard
        )
        self._shapes_read = [0, 0]
        self.prices: list[Price] = []
        self._priced_at: dict[str, float] = {}
        self._readings: list[Reading] = []
        self._changes: dict[str, list[RateChange]] = {}
        self._shown: dict[str, Decimal] = {}
        self.balances: list[BalanceReading] = []
        habits, first = world.habits, world.orders[0].began_at
        self._catalogue_at = math.floor(first / habits.catalogue_every) * habits.catalogue_every
        self._balance_at = (math.floor(first / habits.balance_every) - 1) * habits.balance_every
        self._book: PriceBook | None = None

    def advance(self, now: float) -> None:
        """Adds all that was written until now."""
        while self.known < len(self._by_end) and self._ended[self.known] <= now:
            order = self._by_end[self.known]
            self.numbers.add(self.number(order))
            if order.is_parent:
                self.parents.append(order)
            self.known += 1
        for order in self._unpriced.until(now):
            self._price(order)
        for order in self._shapes.until(now):
            self._shapes_read[order.is_parent] += 1
        while self._catalogue_at + CALL <= now:
            self.read_catalogue(self._catalogue_at)
            self._catalogue_at += self._world.habits.catalogue_every
        while self._balance_at + CALL <= now:
            self.read_balance(self._balance_at)
            self._balance_at += self._world.habits.balance_every

    def number(self, order: Order) -> int:
        return self._world.of_order[order].number

    def landmarks(self, since: float) -> Iterator[Landmark]:
        """Yields the known orders from some time before this one."""
        first = max(bisect_left(self._ended, since - _BEFORE) - _MORE, 0)
        for order in self._by_end[first : self.known]:
            yield Landmark(self.number(order), order.began_at, order.ended_at)

    def shapes_tell(self, enough: int) -> bool:
        return min(self._shapes_read) >= enough

    def read_catalogue(self, asked_at: float) -> None:
        """Notes a reading of the catalogue that was asked for then, if none was since."""
        if self._readings and self._readings[-1].asked_at >= asked_at:
            return
        read_at = asked_at + CALL
        for service in range(len(self._world.habits.rates)):
            name, rate = str(service), decimal(self._world.rate(service, asked_at + CALL / 2))
            before = self._shown.get(name)
            if before is not None and before != rate:
                self._changes.setdefault(name, []).append(RateChange(read_at, before, rate))
            self._shown[name] = rate
        self._readings.append(Reading(asked_at, read_at))
        self._book = None

    def read_balance(self, asked_at: float) -> None:
        if self.balances and self.balances[-1].asked_at >= asked_at:
            return
        amount = self._world.balance(asked_at + CALL / 2)
        self.balances.append(BalanceReading(asked_at, asked_at + CALL, amount))

    def expected(self, order: Order) -> Decimal:
        """Returns the charge by the catalogue as the worker read it last before it sent the order."""
        every = self._world.habits.catalogue_every
        read_at = math.floor((order.began_at - CALL) / every) * every + CALL / 2
        return decimal(self._world.rate(order.service, read_at)) * order.units / 1000

    def book(self) -> PriceBook:
        if self._book is None:
            rates = Rates(self._readings, self._changes, self._shown)
            grain = grain_of([price.charge for price in self.prices])
            self._book = PriceBook(self.prices, rates, grain)
        return self._book

    def paid(self, since: float, now: float) -> Iterator[Paid]:
        """Yields the known orders that hadn't ended by then, as they are when all of them are asked about now."""
        first = bisect_left(self._ended, since - _OPEN_AT_MOST)
        for order in self._by_end[first : self.known]:
            paid = paid_of(self._world, self._world.of_order[order], order.began_at, order.ended_at, now)
            if paid.closed_at > since:
                yield paid

    def _price(self, order: Order) -> None:
        name, taken = str(order.service), self._world.of_order[order]
        read_at = max(order.ended_at + _CHARGE_AFTER, taken.shows_at)
        charge = uncut_charge(self._world.report(taken, read_at))
        if charge is None or order.began_at < self._priced_at.get(name, -math.inf) + _APART:
            return
        self._priced_at[name] = order.began_at
        self.prices.append(Price(name, order.began_at, order.ended_at, order.units, charge))
        self._book = None


class _Queue:
    """Orders that something happens to, each at a time of its own."""

    def __init__(self, entries: Iterator[tuple[float, Order]]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry[0])
        self._done = 0

    def until(self, now: float) -> Iterator[Order]:
        while self._done < len(self._entries) and self._entries[self._done][0] <= now:
            yield self._entries[self._done][1]
            self._done += 1


def decimal(rate: float) -> Decimal:
    return Decimal(str(round(rate, 8)))


def paid_of(world: World, taken: Taken, since: float, until: float, now: float) -> Paid:
    """Returns what the worker knows now of the money of an order that was taken between two times.

    It was polled from then on, and is asked about now if it hasn't ended.
    """
    first_poll = max(until, taken.shows_at)
    ends_at = min(taken.cut_at, taken.done_at)
    polls_until_end = max(math.ceil((ends_at - first_poll) / _POLLS), 0)
    ended_at = first_poll + polls_until_end * _POLLS + CALL
    charges = (world.report(taken, at) for at in (first_poll, first_poll + _POLLS) if at <= now)
    uncut_until = now
    if taken.cut_at <= now:
        uncut_until = first_poll + (polls_until_end - 1) * _POLLS if polls_until_end else -math.inf
    return Paid(
        since=since,
        until=until,
        charge=next((charge for report in charges if (charge := uncut_charge(report))), None),
        uncut_until=uncut_until,
        closed_at=ended_at if ended_at <= now else math.inf,
        is_parent=taken.is_parent,
    )
