"""What shops order, and how panels deliver it: made up, for simulations.

Nobody publishes such figures, so these are a guess, with quick orders, slow ones and stuck ones in it. An order's times
scatter twice: from service to service, and from order to order of one service. Of the services, some tell nothing of
their progress; of the orders, some are cut short at any time. All that is in a mix is in the other mixes too.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

HOUR = 3600.0
DAY = 24 * HOUR

#: Services of each kind; the n-th is ordered 1/n times as often as the first.
SERVICES = 20

#: The share of services that tell the remains only at the end, and that of orders that end before they are delivered.
SILENT, CUT_SHORT = 0.2, 0.05

#: The longest that an order is followed back: nearly none is open for longer.
PAST = 60 * DAY

#: Units of each order.
UNITS = 1000


@dataclass(frozen=True)
class Kind:
    """A share of the orders; median hours until the panel begins, and from there to the end; and in how many steps."""

    share: float
    to_begin: float
    to_end: float
    steps: int


@dataclass(frozen=True)
class Mix:
    """`services_scatter`, `orders_scatter`: of the logarithm of times, from service to service, and within one."""

    kinds: tuple[Kind, ...]
    orders_a_day: int
    services_scatter: float = 0.5
    orders_scatter: float = 0.62


_OF_ALL_SORTS = (
    Kind(0.45, 0.02, 0.25, 5),
    Kind(0.30, 0.25, 4, 20),
    Kind(0.15, 1, 24, 40),
    Kind(0.07, 2, 5 * 24, 60),
    Kind(0.03, 12, 10 * 24, 3),
)

MIXES = {
    "of all sorts": Mix(_OF_ALL_SORTS, 2_500),
    "quick": Mix((Kind(0.6, 0.02, 0.1, 3), Kind(0.3, 0.05, 0.5, 8), Kind(0.1, 0.25, 4, 20)), 15_000),
    "slow drips": Mix((Kind(0.2, 0.25, 4, 20), Kind(0.4, 1, 24, 40), Kind(0.4, 2, 5 * 24, 60)), 1_500),
    "heavy tails": Mix(_OF_ALL_SORTS, 2_500, orders_scatter=1.5),
}


@dataclass(slots=True)
class Order:
    """`news`: when what the panel says of it changes, and what remains from then on; the last is its end. Seconds."""

    sent_at: float
    service: int
    news: list[tuple[float, int]]
    seen: int = 0  #: of its news
    seen_at: float = 0.0
    changed_at: float = 0.0  #: when we last saw some
    begun: tuple[float, int] | None = None  #: when nothing was last seen to be delivered yet, and what remained

    @property
    def closes_at(self) -> float:
        return self.news[-1][0]

    @property
    def is_open(self) -> bool:
        """As far as we know."""
        return self.seen < len(self.news)

    @property
    def remains(self) -> int:
        """As far as we know."""
        return self.news[self.seen - 1][1] if self.seen else UNITS

    def look(self, now: float) -> None:
        before = self.seen
        while self.seen < len(self.news) and self.news[self.seen][0] <= now:
            self.seen += 1
        if self.seen > before:
            self.changed_at = now
        if self.begun is None or self.remains >= self.begun[1]:
            self.begun = now, self.remains
        self.seen_at = now


def orders(mix: Mix, dice: random.Random, end: float) -> Iterator[Order]:
    """All that come from PAST on until the end."""
    services = [
        (kind.share / place, kind, dice.lognormvariate(0, mix.services_scatter), dice.random() < SILENT)
        for kind in mix.kinds
        for place in range(1, SERVICES + 1)
    ]
    shares = [share for share, *_ in services]
    at = -PAST
    while at < end:
        at += dice.expovariate(mix.orders_a_day / DAY)
        (service,) = dice.choices(range(len(services)), shares)
        _, kind, slowness, silent = services[service]
        begins = at + kind.to_begin * HOUR * slowness * dice.lognormvariate(0, mix.orders_scatter)
        takes = kind.to_end * HOUR * slowness * dice.lognormvariate(0, mix.orders_scatter)
        ends = dice.random() if dice.random() < CUT_SHORT else 1.0
        steps = [] if silent else sorted(step for step in (dice.random() for _ in range(kind.steps)) if step < ends)
        told = [(begins + takes * step, UNITS - UNITS * n // (kind.steps + 1)) for n, step in enumerate(steps, 1)]
        yield Order(at, service, [(begins, UNITS), *told, (begins + takes * ends, 0)])
