"""Makes small worlds in which much coincides that evidence could mistake.

They last for seconds where real ones last for minutes.
"""

import random
from collections.abc import Iterator, Sequence

from tests.evidence.history import ByHand, Child, Credit, Cut, Habits, History, Order, RateChange, Surge
from worker.domain.evidence.questions import Premises

#: What holds in these worlds.
PREMISES = Premises(late=10.0, hidden=10.0, lag=4.0, shapes=1)

#: Factors by which prices differ: two of them cancel each other out, and others lead from one rate to another.
_FACTORS = (0.9, 1.1111111, 0.95)
_TURNS = (0.9, 1.1111111, 1.1, 1.2, 0.81)

#: In which ways answers are lost; a garbled one was whole, and nobody can read it.
_WAYS = ("before", "after", "late", "garbled")

#: Premises that a world may break: prices that change and change back, an `add` that buys twice, orders by hand.
BREAKS = ("flash", "twice", "by hand")


def history(seed: int, breaks: str = "") -> History:
    """Returns a small world, from a seed. `breaks`: one of the premises."""
    return _Maker(random.Random(seed), breaks).history(seed)


class _Maker:
    def __init__(self, chance: random.Random, breaks: str) -> None:
        self._chance = chance
        self._breaks = breaks
        choose = chance.choice
        self._rates: Sequence[float] = choose([[0.9, 1.0, 0.81, 1.1, 0.99], [0.9, 1.0], [0.9, 0.9, 1.0], [1.0]])
        self._units: Sequence[int] = choose([[1000], [1000, 900, 500], [1000, 1100, 2000]])
        self._span = choose([30, 80, 200])
        self._is_plain = chance.random() < 0.3

    def history(self, seed: int) -> History:
        chance, span = self._chance, self._span
        orders = [
            self._with_extras(*call) for calls in (self._in_doubt(), self._around(), self._between()) for call in calls
        ]
        habits = self._habits(seed)
        return History(tuple(orders), habits, 1000 + span + chance.choice([60, 400]), tuple(self._by_hand(orders)))

    def _in_doubt(self) -> Iterator[tuple[float, float, float | None, str]]:
        """Yields calls within a short time, many of them lost: when each began and ended, and was taken, and how."""
        chance = self._chance
        heard = chance.choice([0.3, 0.6])
        for _ in range(chance.randrange(3, 16)):
            began_at = 1000 + chance.random() * self._span
            ended_at = began_at + chance.choice([0.2, 1, 2, 5, 25])
            within = chance.uniform(began_at, ended_at)
            if chance.random() < heard:
                yield began_at, ended_at, within, ""
                continue
            how = chance.choice(_WAYS if chance.random() < 0.2 else _WAYS[:3])
            late = ended_at + chance.random() ** 0.5 * PREMISES.late
            taken_at = {"before": None, "after": within, "late": late, "garbled": chance.choice([None, within])}[how]
            yield began_at, ended_at, taken_at, how

    def _around(self) -> Iterator[tuple[float, float, float, str]]:
        chance = self._chance
        before = [710 + 10 * k for k in range(25)]
        after = [1000 + self._span + 25 + 30 * k for k in range(chance.choice([0, 1, 8]))]
        for at in before + after:
            yield at + chance.random(), at + 2, at + 1 + chance.random(), ""

    def _between(self) -> Iterator[tuple[float, float, float, str]]:
        chance = self._chance
        if chance.random() < 0.5:
            for _ in range(chance.randrange(1, 8)):
                at = 1000 + chance.random() * (self._span + 30)
                yield at, at + 1, at + 0.5, ""

    def _with_extras(self, began_at: float, ended_at: float, taken_at: float | None, how: str) -> Order:
        chance = self._chance
        is_parent = not self._is_plain and chance.random() < 0.07
        cut, bonus, children, units = None, 0, (), chance.choice(self._units)
        if not self._is_plain and not is_parent:
            if chance.random() < 0.2:
                cut = Cut(chance.random() * 30, chance.choice([0, 0.5, 0.9]), chance.choice(["kept", "share", "zero"]))
            if chance.random() < 0.1:
                bonus = int(units * chance.choice([0.1, 0.5]))
        if is_parent and taken_at is not None:
            children = tuple(
                Child(0.5 + chance.random() * 60, chance.random() * 9) for _ in range(chance.randrange(1, 4))
            )
        return Order(
            service=chance.randrange(len(self._rates)),
            units=units,
            began_at=began_at,
            ended_at=ended_at,
            taken_at=taken_at,
            heard=not how,
            how=how,
            replied=how == "garbled",
            is_parent=is_parent,
            hidden=chance.choice([0, 0, 2, 9.9]) * chance.random(),
            bonus=bonus,
            cut=cut,
            children=children,
        )

    def _habits(self, seed: int) -> Habits:
        chance = self._chance
        factor, since = chance.choice(_FACTORS), 1000 + chance.random() * 120
        factors = chance.choice([(), (), ((0.0, factor),), ((since, factor),)])
        custom = ((chance.randrange(len(self._rates)), chance.choice(_FACTORS[:2])),) if chance.random() < 0.2 else ()
        odd, surge, paid_in = chance.random(), None, ()
        if odd < 0.15:
            surge = Surge(1000 + chance.random() * self._span, 1060 + self._span, chance.choice([3, 20]))
        elif odd < 0.3:
            paid_in = tuple(
                Credit(
                    1000 + chance.random() * (self._span + 30),
                    round(chance.choice(self._rates) * chance.choice(self._units) * 100),
                )
                for _ in range(3)
            )
        return Habits(
            seed=seed,
            rates=tuple(self._rates),
            changes=tuple(self._changes()),
            factors=factors,
            custom=custom,
            others=chance.choice([0, 0, 0.1, 1, 20]),
            surge=surge,
            credits=paid_in,
            decimals=chance.choice([2, 3, 5]),
            remains=chance.choice(["units", "none", "zero"]),
            list_lag=chance.choice([0, 0, 4.0]),
            free_first=chance.choice([0, 0, 0, 5.0]),
            balance_every=chance.choice([5.0, 20.0]),
            catalogue_every=chance.choice([30.0, 100.0]),
            fails=chance.choice([0, 0.1]),
        )

    def _changes(self) -> Iterator[RateChange]:
        chance = self._chance
        if chance.random() < 0.4:
            for service, rate in enumerate(self._rates):
                if chance.random() < 0.6:
                    at = 1000 + chance.random() * self._span
                    yield RateChange(at, service, round(rate * chance.choice(_TURNS), 8))
        if self._breaks == "flash":
            for service, rate in enumerate(self._rates):
                at = 1000 + chance.random() * self._span
                yield RateChange(at, service, round(rate * chance.choice(_FACTORS[:2]), 8))
                yield RateChange(at + chance.random() * 20, service, rate)

    def _by_hand(self, orders: Sequence[Order]) -> Iterator[ByHand]:
        chance = self._chance
        if self._breaks == "twice":
            for order in orders:
                if not order.heard and order.taken_at is not None and chance.random() < 0.1:
                    yield ByHand(order.service, order.units, order.taken_at + chance.random() * 3)
        if self._breaks == "by hand":
            for _ in range(chance.randrange(1, 3)):
                at = 1000 + chance.random() * self._span
                yield ByHand(chance.randrange(len(self._rates)), chance.choice(self._units), at)
