"""Knows what a panel charged for a service at a time, as far as that is certain (rule D of docs/lost-answers.md).

A catalogue tells what a panel asked when it was read, and accounts have discounts that no catalogue shows. So a price
counts as known only between two orders that paid the same for a unit, over a time in which the catalogue stood still.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

from worker.domain.amounts import Amount

#: The catalogue's rate is the price of so many units. A package is priced as if it had as many.
PACKAGE = 1000

#: The catalogue's rate is the price of so many units. A package is priced as if it had as many.
PACKAGE = 1000

#: An order older than this tells nothing about a price, in seconds.
_OLDEST = 86_400.0

#: A charge tells the price of a unit if rounding leaves it this exact.
_EXACT = Decimal("0.01")

#: Other services that may witness that the account pays as it did before.
_MOST_WITNESSES = 60

#: The coarsest and the finest steps in which panels tell money, and how many charges have to agree on one.
_GRAINS = tuple(Decimal(1).scaleb(-decimals) for decimals in range(2, 6))
_TELLING = 20


@dataclass(frozen=True, slots=True)
class Price:
    """What a known order was charged at first, for so many units of a service, and when its call was in flight.

    A package has `PACKAGE` units.
    """

    service: str
    began_at: float
    ended_at: float
    units: int
    charge: Decimal


@dataclass(frozen=True, slots=True)
class RateChange:
    """A change of a service's rate that a reading of the catalogue showed; None: it was not on sale."""

    at: float
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of the catalogue: when it was asked for, and when the answer had come."""

    asked_at: float
    read_at: float


class Rates:
    """What the catalogue showed: when it was read, what it shows now, and each change of a rate, in order of time."""

    def __init__(
        self,
        readings: Sequence[Reading] = (),
        changes: Mapping[str, Sequence[RateChange]] | None = None,
        now: Mapping[str, Decimal | None] | None = None,
    ) -> None:
        self._read_at = [reading.read_at for reading in readings]
        self._asked_at = [reading.asked_at for reading in readings]
        self._changes = changes or {}
        self._now = now or {}

    @property
    def newest(self) -> float:
        """Returns when the newest reading was asked for; minus infinity if there is none."""
        return self._asked_at[-1] if self._asked_at else float("-inf")

    def lacks_a_newer(self, since: float, until: float) -> bool:
        """Says whether one was made before `since` and none after `until`, so that a new one would tell more."""
        return bool(self._read_at) and self._read_at[0] <= since and self._asked_at[-1] < until

    def stood_still(self, service: str, since: float, until: float) -> bool | None:
        """Says whether all readings from before `since` to after `until` show one rate; None: such are missing."""
        span = self._span(since, until)
        if span is None:
            return None
        return not any(span[0] < change.at <= span[1] for change in self._changes.get(service, ()))

    def shown(self, service: str, since: float, until: float) -> set[Decimal]:
        """Returns the rates that the catalogue showed from before `since` to after `until`, as far as it was read."""
        first = bisect_right(self._read_at, since) - 1
        last = bisect_left(self._asked_at, until)
        began = self._read_at[first] if first >= 0 else float("-inf")
        ended = self._read_at[last] if last < len(self._read_at) else float("inf")
        changes = self._changes.get(service, ())
        within = [change for change in changes if began < change.at <= ended]
        rates = {rate for change in within for rate in (change.before, change.after)}
        if not within:
            rates = {self._at(service, began)}
        return {rate for rate in rates if rate is not None}

    def _at(self, service: str, time: float) -> Decimal | None:
        for change in self._changes.get(service, ()):
            if change.at > time:
                return change.before
        return self._now.get(service)

    def _span(self, since: float, until: float) -> tuple[float, float] | None:
        first = bisect_right(self._read_at, since) - 1
        last = bisect_left(self._asked_at, until)
        return (self._read_at[first], self._read_at[last]) if first >= 0 and last < len(self._read_at) else None


def grain_of(charges: Sequence[Decimal]) -> Decimal:
    """Returns the step in which a panel tells money: the coarsest that divides all of its newest charges.

    It is a hundredth as long as there are too few charges to tell.
    """
    newest = charges[-_TELLING:]
    if len(newest) < _TELLING:
        return _GRAINS[0]
    return next((grain for grain in _GRAINS if all(charge % grain == 0 for charge in newest)), _GRAINS[-1])


class PriceBook:
    """What is known about prices around the open questions of one account."""

    def __init__(self, prices: Iterable[Price], rates: Rates, grain: Decimal) -> None:
        self._rates = rates
        self.grain = grain
        self._prices = sorted((price for price in prices if self._is_exact(price)), key=attrgetter("began_at"))
        self._began = [price.began_at for price in self._prices]
        self._of: dict[str, list[Price]] = {}
        self._began_of: dict[str, list[float]] = {}
        for price in self._prices:
            self._of.setdefault(price.service, []).append(price)
            self._began_of.setdefault(price.service, []).append(price.began_at)
        self._known: dict[tuple[str, float, float], Amount | None] = {}
        self.wants_reading = False  #: a newer reading of the catalogue would tell more

    def charge(self, service: str, units: int, began_at: float, seen_at: float) -> Amount | None:
        """Returns what an order that began at one time, and was seen at the other, can have been charged (rule D).

        None where the price isn't known for certain: then no charge speaks against the order.
        """
        of_a_unit = self.of_a_unit(service, began_at, seen_at)
        if of_a_unit is None:
            return None
        return Amount(of_a_unit.low * units - self.grain, of_a_unit.high * units + self.grain)

    def of_a_unit(self, service: str, began_at: float, seen_at: float) -> Amount | None:
        """Returns the price of one unit in between, as in `charge`."""
        before = self._before(service, began_at)
        if before is None:
            return None
        until = self.first_after(seen_at)
        known = service, before.began_at, until
        if known not in self._known:
            of_service = self._of[service]
            after = bisect_right(self._began_of[service], seen_at)
            self._known[known] = (
                self._between(before, of_service[after]) if after < len(of_service) else self._witnessed(before, until)
            )
        return self._known[known]

    def of_a_unit_before(self, service: str, began_at: float) -> Amount | None:
        """Returns the price of one unit as the nearest known order of a service before paid it."""
        before = self._before(service, began_at)
        return None if before is None else self._unit(before)

    def last_before(self, service: str, began_at: float) -> float | None:
        """Returns when the nearest known order of a service before began; None if there is none."""
        before = self._before(service, began_at)
        return None if before is None else before.began_at

    def first_after(self, time: float) -> float:
        """Returns when the first known order after this time began; infinity if there is none."""
        at = bisect_right(self._began, time)
        return self._began[at] if at < len(self._began) else float("inf")

    def is_plausible(
        self, charge: Decimal, service: str, units: int, *, expected: Decimal | None, began_at: float, seen_at: float
    ) -> bool:
        """Says whether this is a charge that the order can have had, by what the catalogue showed or by rule D.

        A rate of the catalogue counts as it is, and times what the nearest known orders paid of theirs. `expected`: the
        charge by the catalogue when the order was sent.
        """
        known = self.charge(service, units, began_at, seen_at)
        if known is not None and charge in known:
            return True
        full = {rate * units / PACKAGE for rate in self._rates.shown(service, began_at, seen_at)}
        if expected is not None:
            full.add(expected)
        if not full:
            return True  # nobody knows any price of it
        ratios = [Amount.of(Decimal(1)), *self._ratios(began_at, seen_at)]
        return any(
            ratio.low * price - self.grain <= charge <= ratio.high * price + self.grain
            for price in full
            for ratio in ratios
        )

    def _is_exact(self, price: Price) -> bool:
        return price.charge > 0 and price.units > 0 and self.grain / price.charge <= _EXACT

    def _unit(self, price: Price) -> Amount:
        return Amount((price.charge - self.grain) / price.units, (price.charge + self.grain) / price.units)

    def _before(self, service: str, began_at: float) -> Price | None:
        """Returns the nearest known order of a service whose call ended before, at most a day."""
        of_service = self._of.get(service, ())
        for at in range(bisect_left(self._began_of.get(service, ()), began_at) - 1, -1, -1):
            price = of_service[at]
            if price.began_at < began_at - _OLDEST:
                return None
            if price.ended_at < began_at:
                return price
        return None

    def _between(self, before: Price, after: Price) -> Amount | None:
        """Returns the price of a unit between two orders of one service, if it is known (rule D1)."""
        one, other = self._unit(before), self._unit(after)
        if one.low > other.high or other.low > one.high:
            return None
        if not self._stood_still(before.service, before.began_at, after.ended_at):
            return None
        return Amount(min(one.low, other.low), max(one.high, other.high))

    def _witnessed(self, before: Price, until: float) -> Amount | None:
        """Returns the price of a unit as another service proves it, whose price was the same all the time (rule D2).

        The catalogue must have stood still for both services, so that no two changes can cancel each other out.
        `until`: when the first order after the sighting began.
        """
        first = bisect_left(self._began, until)
        if first == len(self._began) or not self._stood_still(before.service, before.began_at, until):
            return None
        tried: set[str] = set()
        for later in self._prices[first : first + _MOST_WITNESSES]:
            if later.service in tried:
                continue
            tried.add(later.service)
            earlier = self._before(later.service, before.began_at)
            if earlier is None:
                continue
            one, other = self._unit(earlier), self._unit(later)
            if one.low > other.high or other.low > one.high:
                return None
            match self._rates.stood_still(later.service, earlier.began_at, later.ended_at):
                case True:
                    return self._unit(before)
                case False:
                    return None
                case None:
                    self.wants_reading |= self._rates.lacks_a_newer(earlier.began_at, later.ended_at)
        return None

    def _stood_still(self, service: str, since: float, until: float) -> bool:
        stood_still = self._rates.stood_still(service, since, until)
        self.wants_reading |= self._rates.lacks_a_newer(since, until)
        return bool(stood_still)

    def _ratios(self, began_at: float, seen_at: float) -> list[Amount]:
        """Returns what the nearest orders before and after paid, as a share of what the catalogue asked."""
        before = reversed(self._prices[: bisect_left(self._began, began_at)][-100:])
        first = bisect_right(self._began, seen_at)
        ratios = []
        for side in (before, self._prices[first : first + 100]):
            ratio = next((ratio for price in side if (ratio := self._ratio(price)) is not None), None)
            if ratio is not None:
                ratios.append(ratio)
        return ratios

    def _ratio(self, price: Price) -> Amount | None:
        if not self._rates.stood_still(price.service, price.began_at, price.ended_at):
            return None
        rates = self._rates.shown(price.service, price.began_at, price.ended_at)
        if len(rates) != 1 or not (rate := rates.pop()):
            return None
        full = rate * price.units / PACKAGE
        return Amount((price.charge - self.grain) / full, (price.charge + self.grain) / full)
