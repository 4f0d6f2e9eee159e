"""Plays a panel and its ledger: gives out ids, answers for them at any time, and knows the balance at any time."""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate

from tests.evidence.history import ByHand, Cut, Habits, History, Order, RateChange
from worker.domain.orders.statuses import OrderReport

#: The id that a panel gives out just before the first order of a world.
_FIRST = 1000

#: Seconds from an order's being taken until it is in progress, and until it is delivered.
_IN_PROGRESS, DELIVERED = 30.0, 3600.0

_SECONDS_OF_A_DAY, _STEADY = 86_400.0, 600.0


@dataclass(slots=True, eq=False)
class Taken:
    """An order that the panel took. `order`: the shop's; None for a child order and for one that was placed by hand."""

    at: float
    service: int
    units: int
    hidden: float = 0.0
    cut: Cut | None = None
    is_parent: bool = False
    order: Order | None = None
    is_child: bool = False
    children: list["Taken"] = field(default_factory=list)
    number: int = 0
    price: int = 0
    told: Decimal = Decimal(0)

    @property
    def shows_at(self) -> float:
        return self.at + self.hidden

    @property
    def cut_at(self) -> float:
        return math.inf if self.cut is None else self.at + self.cut.after

    @property
    def done_at(self) -> float:
        """When it is delivered, with all child orders, if it isn't cut short before."""
        return max((child.at for child in self.children), default=self.at) + DELIVERED


class World:
    """A panel on which a history takes place."""

    def __init__(self, history: History) -> None:
        self.habits = history.habits
        self.ends_at = history.ends_at
        self.orders = sorted(history.orders, key=lambda order: order.began_at)
        self._pace = _Pace(history.habits)
        self._changes: dict[int, list[RateChange]] = {}
        for change in sorted(history.habits.changes, key=lambda one: one.at):
            self._changes.setdefault(change.service, []).append(change)
        self._custom = dict(history.habits.custom)
        self._step = 10 ** (5 - history.habits.decimals)
        taken = [one for order in self.orders if order.taken_at is not None for one in _taken(order, order.taken_at)]
        taken += [_placed(order) for order in history.by_hand]
        self.taken = sorted(taken, key=lambda one: (one.at, one.is_child))
        self._number()
        self.by_number = {one.number: one for one in self.taken}
        self._numbers = [one.number for one in self.taken]
        self.of_order = {one.order: one for one in self.taken if one.order is not None}
        moves = sorted(self._moves())
        self._moved_at = [at for at, _ in moves]
        self._balances = list(accumulate((amount for _, amount in moves), initial=0))
        self.chance = random.Random(history.habits.seed)

    @property
    def lost(self) -> list[Order]:
        return [order for order in self.orders if not order.heard]

    def rate(self, service: int, at: float) -> float:
        """Returns what the catalogue asks for 1,000 units."""
        rate = self.habits.rates[service]
        for change in self._changes.get(service, ()):
            if change.at <= at:
                rate = change.rate
        return rate

    def own_ids(self, first: int, last: int) -> Iterator[Taken]:
        """Yields the account's orders with ids from first to last."""
        for at in range(bisect_left(self._numbers, first), bisect_right(self._numbers, last)):
            yield self.taken[at]

    def status(self, number: int, at: float) -> OrderReport | None:
        """Returns what the panel tells of an id; None if it denies it."""
        one = self.by_number.get(number)
        return None if one is None or at < one.shows_at else self.report(one, at)

    def report(self, one: Taken, at: float) -> OrderReport:
        age = at - one.at
        if one.is_parent:
            spawned = (child for child in one.children if child.at + self.habits.list_lag <= at)
            word = "Completed" if at >= one.done_at else "In progress"
            return OrderReport(word, spawned=tuple(str(child.number) for child in spawned))
        if one.cut is not None and age >= one.cut.after:
            done = int(one.units * one.cut.delivered)
            share = {"kept": 1.0, "share": one.cut.delivered, "zero": 0.0}[one.cut.charge]
            charge = one.told if share == 1 else self._tell(int(one.price * share))
            return OrderReport("Partial" if done else "Canceled", charge, remains=one.units - done)
        left = max(one.units - int(one.units * age / DELIVERED), 0)
        remains = {"units": left, "none": None, "zero": 0}[self.habits.remains]
        if age < self.habits.free_first:
            return OrderReport("Pending", Decimal(0), remains=remains)
        word = "Completed" if age >= DELIVERED else "In progress" if age > _IN_PROGRESS else "Pending"
        return OrderReport(word, one.told, remains=remains)

    def balance(self, at: float) -> Decimal:
        return money(self._balances[bisect_right(self._moved_at, at)])

    def _price(self, service: int, units: int, at: float) -> int:
        paid = next((factor for since, factor in reversed(self.habits.factors) if since <= at), 1.0)
        full = self.rate(service, at) * units / 1000
        return max(round(full * paid * self._custom.get(service, 1.0) * 100_000), 1)

    def _tell(self, amount: int) -> Decimal:
        rounded = (2 * amount + self._step) // (2 * self._step) * self._step
        return money(rounded)

    def _number(self) -> None:
        number, before = _FIRST, self.taken[0].at if self.taken else 0.0
        for one in self.taken:
            number += 1 + self._pace.orders(before, one.at)
            one.number, before = number, one.at
            if not one.is_parent:
                one.price = self._price(one.service, one.units - (one.order.bonus if one.order else 0), one.at)
            one.told = self._tell(one.price)

    def _moves(self) -> Iterator[tuple[float, int]]:
        for one in self.taken:
            if one.is_parent:
                continue
            yield one.at, -one.price
            if one.cut is not None:
                yield one.cut_at, one.price - int(one.price * one.cut.delivered)
        yield from ((credit.at, credit.amount) for credit in self.habits.credits)


def money(amount: int) -> Decimal:
    """Returns hundred-thousandths as the domain has them."""
    return Decimal(amount).scaleb(-5)


def _taken(order: Order, at: float) -> Iterator[Taken]:
    children = [
        Taken(at + child.after, order.service, order.units, child.hidden, is_child=True) for child in order.children
    ]
    units = order.units + order.bonus
    yield Taken(at, order.service, units, order.hidden, order.cut, order.is_parent, order, children=children)
    yield from children


def _placed(order: ByHand) -> Taken:
    return Taken(order.taken_at, order.service, order.units)


class _Pace:
    """How fast the panel's other customers order."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._chance = random.Random(f"others {habits.seed}")
        self._luck: dict[int, float] = {}

    def orders(self, since: float, until: float) -> int:
        """Returns how many orders of others came in between."""
        if self._habits.others <= 0 or until <= since:
            return 0
        surge = self._habits.surge
        turns = [until, surge.begins, surge.ends] if surge else [until]
        mean, at = 0.0, since
        while at < until:
            end = min((math.floor(at / _STEADY) + 1) * _STEADY, *(turn for turn in turns if turn > at))
            mean += (end - at) * self._at(at)
            at = end
        return poisson(self._chance, mean)

    def _at(self, at: float) -> float:
        surge = self._habits.surge
        pace = self._habits.others * (surge.times if surge and surge.begins <= at < surge.ends else 1.0)
        if not self._habits.wavers:
            return pace
        ten_minutes = math.floor(at / _STEADY)
        if ten_minutes not in self._luck:
            self._luck[ten_minutes] = self._chance.lognormvariate(0, 0.3)
        return pace * (1 + 0.5 * math.sin(2 * math.pi * at / _SECONDS_OF_A_DAY)) * self._luck[ten_minutes]


def poisson(chance: random.Random, mean: float) -> int:
    if mean > 50:
        return max(round(chance.gauss(mean, math.sqrt(mean))), 0)
    end, count, product = math.exp(-mean), 0, chance.random()
    while product > end:
        product *= chance.random()
        count += 1
    return count
