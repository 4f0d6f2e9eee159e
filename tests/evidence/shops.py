"""Makes the history of a shop of real size on a panel that loses answers, from a seed."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.evidence.history import ByHand, Child, Cut, Habits, History, Order, RateChange
from worker.domain.evidence.questions import Premises

#: What the settings take for granted by default.
PREMISES = Premises(late=300.0, hidden=300.0)

#: What 1,000 units cost. Some of them coincide once a discount of 10 % is taken off or a rate has drifted.
RATES = (0.9, 1.0, 0.45, 0.5, 1.8, 2.0, 0.81, 1.1, 0.99, 3.2, 7.5, 0.123, 0.02, 12.0, 4.4, 0.6, 0.66, 0.54, 1.2, 1.32)

#: In which ways answers are lost, and when the panel takes the order: never, in time or late. Instead of an answer, a
#: gateway's page may come, or an answer's head alone.
_WAYS = [
    *3 * [("before", "never"), ("after", "in time"), ("after", "in time"), ("late", "late")],
    *((how, when) for how in ("gateway", "head") for when in ("never", "in time", "late")),
]

_DRIFTS = (0.8, 0.9, 0.95, 1.05, 1.1, 1.1111111, 1.2, 0.9090909)
_LONGEST_CALL = 20.0

#: An outage lasts so long. After so many unanswered calls the worker pauses; later it sends what waited, so many a
#: second.
_OUTAGE, _PAUSES, _CATCHES_UP = 60.0, 5, 5


@dataclass(frozen=True, slots=True)
class Shop:
    """What is asked of a history.

    `own`, `others`: orders a second of the shop, and of the panel's other customers. `loss`: the share of lost answers;
    or None for outages instead. `alike`: the share of orders with the same service and quantity; `distinct`: their
    quantities go through so many values. `cut`, `parents`, `by_hand`: shares of orders that are cut short, that spawn
    child orders, and that have one beside them that was placed by hand. `prices`: `steady`, `drift`, `discount` or
    `discount starts`. `late`: the panel takes what it takes late so many seconds late at most. `hangs`: all lost calls
    take long. `lost`: so many losses are wanted, of at most so many orders.
    """

    own: float
    others: float = 5.0
    loss: float | None = 0.1
    alike: float = 0.0
    distinct: int = 0
    cut: float = 0.0
    parents: float = 0.0
    by_hand: float = 0.0
    prices: str = "steady"
    decimals: int = 5
    remains: str = "units"
    hidden: float = 60.0
    late: float = 60.0
    hangs: bool = False
    lost: int = 40
    most: int = 4000


def history(shop: Shop, seed: int) -> History:
    maker = _Maker(shop, random.Random(f"{seed} {shop}"))
    orders = maker.orders()
    first, last = orders[0].began_at, orders[-1].began_at
    habits = Habits(
        seed=seed,
        rates=RATES,
        changes=tuple(maker.changes(first, last)),
        factors={"discount": ((0.0, 0.9),), "discount starts": ((first + 0.4 * (last - first), 0.9),)}.get(
            shop.prices, ()
        ),
        others=shop.others,
        wavers=True,
        decimals=shop.decimals,
        remains=shop.remains,
        list_lag=20.0 * (seed % 2),
        free_first=10.0 * (seed % 3 == 2),
        fails=0.002,
    )
    return History(tuple(orders), habits, orders[-1].ended_at, tuple(maker.by_hand(orders)))


class _Maker:
    def __init__(self, shop: Shop, chance: random.Random) -> None:
        self._shop = shop
        self._chance = chance
        self._made = 0
        self._lost = 0
        self._outage_at: float | None = None
        self._unanswered: list[float] = []
        self._ways: list[tuple[str, str]] = []

    def orders(self) -> list[Order]:
        """Returns orders of a quiet beginning, of a time in which answers are lost, and of the hours after it."""
        shop, at = self._shop, 50_000 + 3600 * self._chance.random()
        quiet = max(30, int(1200 * shop.own))
        many = 400 + int(20_000 * min(shop.own, 0.1))
        if shop.loss is not None:
            many = min(int(shop.lost / shop.loss), shop.most)
        wanted = shop.lost * (2 if shop.loss is None else 1)
        orders: list[Order] = []
        waiting = 0
        ends_at = math.inf
        while True:
            at += self._chance.expovariate(shop.own)
            if at > ends_at:
                return orders
            if self._is_paused(at):
                waiting += 1
                continue
            if waiting and self._outage_at is not None:
                at = max(at, self._outage_at + _OUTAGE + 1)
                for _ in range(waiting):
                    at += 1 / _CATCHES_UP
                    orders.append(self._order(at, is_lost=False))
                waiting = 0
            losing = len(orders) >= quiet and math.isinf(ends_at)
            orders.append(self._order(at, is_lost=losing and self._is_lost(at)))
            if losing and (len(orders) >= quiet + many or self._lost >= wanted):
                ends_at = at + max(7200, 12 / shop.own)

    def changes(self, first: float, last: float) -> Iterator[RateChange]:
        if self._shop.prices != "drift":
            return
        for hour in range(int((last - first) / 3600) + 2):
            service = self._chance.randrange(len(RATES))
            at = first + 3600 * (hour + self._chance.random())
            yield RateChange(at, service, round(RATES[service] * self._chance.choice(_DRIFTS), 8))
        yield RateChange(first + (last - first) * self._chance.random() / 2, 0, 1.0)

    def by_hand(self, orders: list[Order]) -> Iterator[ByHand]:
        for order in orders:
            if self._chance.random() < self._shop.by_hand:
                service, units = self._wish()
                yield ByHand(service, units, order.began_at + self._chance.random() / self._shop.own)

    def _wish(self) -> tuple[int, int]:
        self._made += 1
        if self._chance.random() < self._shop.alike:
            return 0, 1000 + (self._made % self._shop.distinct if self._shop.distinct else 0)
        return self._chance.randrange(len(RATES)), 10 * self._chance.randrange(5, 500)

    def _is_lost(self, at: float) -> bool:
        if self._shop.loss is not None:
            return self._chance.random() < self._shop.loss
        if self._outage_at is None:
            self._outage_at = at + _OUTAGE
        elif at >= self._outage_at + _OUTAGE:
            self._outage_at = at + max(60 / self._shop.own if self._shop.own < 0.05 else 1200.0, 900.0)
            self._unanswered = []
        return self._outage_at <= at < self._outage_at + _OUTAGE

    def _is_paused(self, at: float) -> bool:
        if self._outage_at is None or not self._outage_at <= at < self._outage_at + _OUTAGE:
            return False
        return sum(ended_at < at for ended_at in self._unanswered) >= _PAUSES

    def _order(self, began_at: float, *, is_lost: bool) -> Order:
        chance, shop = self._chance, self._shop
        service, units = self._wish()
        ended_at = began_at + chance.uniform(0.2, 2)
        taken_at: float | None = chance.uniform(began_at + 0.05, ended_at)
        how = ""
        if is_lost:
            how, when = self._way()
            quick = chance.uniform(0.3, 3)
            ended_at = began_at + (chance.uniform(15, 20) if shop.hangs else chance.choice([quick, _LONGEST_CALL]))
            soon = min(began_at + chance.uniform(0.05, 1), ended_at)
            taken_at = {"never": None, "in time": soon, "late": ended_at + chance.uniform(0, shop.late)}[when]
            self._lost += 1
            self._unanswered.append(ended_at)
        is_parent, cut, children = chance.random() < shop.parents, None, ()
        if is_parent:
            every = chance.choice([60, 300, 900])
            children = tuple(
                Child(1 + place * every, chance.random() * shop.hidden) for place in range(chance.randrange(1, 6))
            )
        elif chance.random() < shop.cut:
            delivered = chance.choice([0, 0, 0.25, 0.5, 0.9])
            rewritten = chance.choice(["kept", "share", "share" if delivered else "zero"])
            cut = Cut(chance.uniform(10, 600), delivered, rewritten)
        return Order(
            service=service,
            units=units,
            began_at=began_at,
            ended_at=ended_at,
            taken_at=taken_at,
            heard=not is_lost,
            how=how,
            is_parent=is_parent,
            hidden=chance.random() ** 2 * shop.hidden,
            cut=cut,
            children=children if taken_at is not None else (),
        )

    def _way(self) -> tuple[str, str]:
        """Returns a way to lose an answer. Among eighteen, each comes as often as it should."""
        if not self._ways:
            self._ways = self._chance.sample(_WAYS, len(_WAYS))
        return self._ways.pop()


def nights(seed: int, others: float, cut: float = 0.0) -> History:
    """Returns forty evenings of a small shop. Each evening the last order is lost, and eight quiet hours follow."""
    chance, at, orders = random.Random(f"{seed} {others} {cut}"), 50_000.0, []
    for _ in range(40):
        for place in range(40):
            at += chance.expovariate(1 / 60)
            ended_at = at + chance.uniform(0.2, 2)
            within = chance.uniform(at + 0.05, ended_at)
            how = chance.choice(["before", "after", "late"]) if place == 39 else ""
            taken_at = {"": within, "before": None, "after": within, "late": ended_at + 60 * chance.random()}[how]
            short = None
            if chance.random() < cut:
                short = Cut(chance.uniform(10, 600), chance.choice([0, 0.5]), "share")
            orders.append(
                Order(
                    service=chance.randrange(len(RATES)),
                    units=10 * chance.randrange(5, 500),
                    began_at=at,
                    ended_at=ended_at,
                    taken_at=taken_at,
                    heard=not how,
                    how=how,
                    hidden=chance.random() ** 2 * 60,
                    cut=short,
                )
            )
        at += 8 * 3600
    return History(tuple(orders), Habits(seed, RATES, others=others, wavers=True, fails=0.002), at)
