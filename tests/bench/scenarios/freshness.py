"""How long after an order closes on the panel we know: at each order's own pace, and by plain round robin.

Simulated, with no I/O and a clock of its own, with the worker's own rule for when to look (`worker/domain/pace.py`).
Both may ask as often and for as many orders at once. Round robin looks at the order whose last look is the oldest, at
open ones alone; the worker spends a part of its looks on closed orders in their settlement window.
"""

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean

from tests.bench.results import Figure, Outcome, Runs, percentile
from tests.bench.stage import Stage
from worker.domain.pace import DAY, Pace
from worker.panel import BATCH

HOUR = 3600.0

#: What shops order, as shares; median hours until the panel begins, and from there to the end; and how often it tells
#: of progress. Nobody publishes such figures: these are a guess with quick ones, slow ones and stuck ones in it.
KINDS = (
    (0.45, 0.02, 0.25, 5),
    (0.30, 0.25, 4, 20),
    (0.15, 1, 24, 40),
    (0.07, 2, 5 * 24, 60),
    (0.03, 12, 10 * 24, 3),
)

#: Of the logarithm of both times.
SPREAD = 0.8

#: The longest that an order is followed back: nearly none is open for longer.
PAST = 60 * DAY

#: Seconds between two runs of the job that looks (ORDER_SYNC_SCHEDULE__STATUSES).
TICK = 15.0


@dataclass(frozen=True)
class Sizes:
    """`requests_a_second`: the budget that is left for looks. `hours`: that count, after `warm_up` hours that don't."""

    orders_a_day: int = 10_000
    requests_a_second: float = 0.2
    warm_up: float = 12.0
    hours: float = 24.0
    seed: int = 1


@dataclass(slots=True)
class Order:
    """`news`: when what the panel says of it changes; the last is its end. Seconds."""

    sent_at: float
    news: list[float]
    seen: int = 0  #: of its news
    changed_at: float = 0.0  #: when we last saw some

    @property
    def closes_at(self) -> float:
        return self.news[-1]

    @property
    def is_open(self) -> bool:
        """As far as we know."""
        return self.seen < len(self.news)

    def look(self, now: float) -> None:
        before = self.seen
        while self.seen < len(self.news) and self.news[self.seen] <= now:
            self.seen += 1
        if self.seen > before:
            self.changed_at = now


#: From an order that was just looked at, and the time, to when it is looked at again; None: never.
NextLook = Callable[[Order, float], float | None]


async def run(stage: Stage | None, sizes: Sizes) -> Outcome:
    runs = Runs()
    for name, next_look in {"at each order's pace": _at_its_pace(Pace()), "round robin": _round_robin}.items():
        late, looks = _simulated(sizes, next_look)
        runs.add(
            name,
            {
                "mean": fmean(late),
                "median": percentile(late, 0.5),
                "p95": percentile(late, 0.95),
                "closed": len(late),
                "looks": looks,
            },
        )
    figures = []
    for what, label in {"mean": "mean", "median": "median", "p95": "95 of 100 within"}.items():
        paced, plain = (runs.median(name, what) for name in runs.of)
        figures += [
            Figure(f"{label}, round robin", plain, "s", ours=False),
            Figure(f"{label}, at each order's pace", paced, "s", paced / plain),
        ]
    return Outcome("From an order's end on the panel to our knowing (simulated)", figures, "to round robin", runs)


def _at_its_pace(pace: Pace) -> NextLook:
    def next_look(order: Order, now: float) -> float | None:
        if not order.is_open:
            seconds = pace.next_settlement_look(now - order.changed_at)
            return None if seconds is None else now + seconds
        return now + pace.next_look(now - order.changed_at)

    return next_look


def _round_robin(order: Order, now: float) -> float | None:
    return now if order.is_open else None


def _simulated(sizes: Sizes, next_look: NextLook) -> tuple[list[float], int]:
    """How late each end came to be known, of those that count; and how many looks were spent."""
    dice = random.Random(sizes.seed)
    end = (sizes.warm_up + sizes.hours) * HOUR
    counts_from = sizes.warm_up * HOUR
    schedule = _Schedule(_orders(sizes, dice, end), next_look, dice)
    late: list[float] = []
    looks = 0
    now = 0.0
    while now < end:
        batch = schedule.due(now)
        looks += len(batch)
        for number, order in batch:
            was_open = order.is_open
            order.look(now)
            if was_open and not order.is_open and order.closes_at >= counts_from:
                late.append(now - order.closes_at)
            schedule.put(number, order, next_look(order, now))
        now += 1 / sizes.requests_a_second if batch else TICK
    return late, looks


class _Schedule:
    """Who is looked at when: of what is due, first what has been due the longest."""

    def __init__(self, orders: Iterable[Order], next_look: NextLook, dice: random.Random) -> None:
        self._due: list[tuple[float, int, Order]] = []
        for number, order in enumerate(orders):
            if order.sent_at > 0:
                self.put(number, order, order.sent_at + Pace().fastest)
                continue
            order.look(-dice.uniform(0, HOUR))  # some look before we begin
            order.changed_at = max((at for at in order.news if at <= 0), default=order.sent_at)
            first = next_look(order, 0.0)
            self.put(number, order, None if first is None else dice.uniform(0, first))

    def put(self, number: int, order: Order, at: float | None) -> None:
        if at is not None:
            heapq.heappush(self._due, (at, number, order))

    def due(self, now: float) -> list[tuple[int, Order]]:
        """One batch."""
        batch: list[tuple[int, Order]] = []
        while self._due and self._due[0][0] <= now and len(batch) < BATCH:
            _, number, order = heapq.heappop(self._due)
            batch.append((number, order))
        return batch


def _orders(sizes: Sizes, dice: random.Random, end: float) -> Iterator[Order]:
    """All that come until the end, and of the past those that are open or in their settlement window."""
    at = -PAST
    while at < end:
        at += dice.expovariate(sizes.orders_a_day / DAY)
        ((_, to_begin, to_end, steps),) = dice.choices(KINDS, [share for share, *_ in KINDS])
        begins = at + to_begin * HOUR * dice.lognormvariate(0, SPREAD)
        takes = to_end * HOUR * dice.lognormvariate(0, SPREAD)
        if begins + takes > -Pace().settlement:
            told = sorted(dice.uniform(0, 1) for _ in range(steps))
            yield Order(at, [begins, *(begins + takes * share for share in told), begins + takes])
