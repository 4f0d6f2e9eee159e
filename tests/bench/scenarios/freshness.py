"""How long after an order closes on the panel we know: where polls are worth most, and by plain round robin.

Simulated, with no I/O and a clock of its own, with the worker's own rule for when to poll (`worker/domain/polling.py`)
and its own order of polls (`worker/store/queue/polls.py`), for several mixes of orders (`tests/bench/shops.py`). Both
may ask as often and for as many orders at once: so often that round robin comes to each open order every ten minutes.
Round robin polls the open order whose last poll is the oldest; the worker spends a part of its polls on closed orders
in their settlement window. The worker has learned about services from orders that closed before: from 60 days of them,
or, for comparison, from none.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean

from tests.bench.results import Figure, Outcome, Runs, percentile
from tests.bench.shops import HOUR, MIXES, Mix, Order, orders
from tests.bench.stage import Stage
from worker.domain.polling import Closes, Pace, PollHistory, Progress
from worker.panel import BATCH
from worker.store.queue.polls import SETTLING_LEAST

#: Seconds between two runs of the job that looks (ORDER_SYNC_SCHEDULE__STATUSES).
TICK = 15.0


@dataclass(frozen=True)
class Sizes:
    """`round_of`: seconds in which round robin would look at all open orders once, which makes the budget.

    `hours`: that count, after `warm_up` hours that don't.
    """

    round_of: float = 600.0
    warm_up: float = 6.0
    hours: float = 24.0
    seed: int = 1


@dataclass(slots=True)
class Learned:
    """As the table `paces`."""

    services: dict[int, Closes] = field(default_factory=dict)

    def close(self, service: int, took: float) -> None:
        known = self.services.get(service, Closes(0, 0, 0))
        self.services[service] = known.followed_by(Closes.of([took]))


#: From an order that was just looked at, the time, how late the look was and what is learned, to how many seconds later
#: it is looked at again; None: never.
NextLook = Callable[[Order, float, float, Learned], float | None]

PACE = Pace()


async def run(stage: Stage | None, sizes: Sizes) -> Outcome:
    runs = Runs()
    figures = []
    for name, mix in MIXES.items():
        plain = _simulated(mix, sizes, _round_robin)
        ours = _simulated(mix, sizes, _where_worth_most)
        new = _simulated(mix, sizes, _where_worth_most, nothing_learned=True)
        runs.add(f"{name}: round robin", plain)
        runs.add(f"{name}: by worth", ours)
        runs.add(f"{name}: by worth, with nothing learned before", new)
        figures += [
            Figure(f"{name}, round robin: mean", plain["mean"], "s", ours=False),
            Figure(f"{name}: mean", ours["mean"], "s", ours["mean"] / plain["mean"]),
            Figure(f"{name}: median", ours["median"], "s", ours["median"] / plain["median"]),
            Figure(f"{name}: 95 of 100 within", ours["p95"], "s", ours["p95"] / plain["p95"]),
            Figure(f"{name}, with nothing learned before: mean", new["mean"], "s", new["mean"] / plain["mean"]),
        ]
    return Outcome("From an order's end on the panel to our knowing (simulated)", figures, "to round robin", runs)


def _where_worth_most(order: Order, now: float, late: float, learned: Learned) -> float | None:
    if not order.is_open:
        return PACE.next_settlement_poll(now - order.changed_at)
    begun_at, begun_with = order.begun or (now, order.remains)
    return PACE.next_open_poll(
        now - order.changed_at,
        age=now - order.sent_at,
        closes=learned.services.get(order.service),
        progress=Progress(begun_with - order.remains, order.changed_at - begun_at, order.remains),
        late=late,
    )


def _round_robin(order: Order, _now: float, _late: float, _learned: Learned) -> float | None:
    return 0.0 if order.is_open else None


def _simulated(mix: Mix, sizes: Sizes, next_look: NextLook, *, nothing_learned: bool = False) -> dict[str, float]:
    """How late each end came to be known, of those that count; and the looks and requests that were spent."""
    dice = random.Random(sizes.seed)
    end = (sizes.warm_up + sizes.hours) * HOUR
    shop = list(orders(mix, dice, end))
    learned = Learned()
    if not nothing_learned:
        for order in sorted((order for order in shop if order.closes_at <= 0), key=lambda order: order.closes_at):
            learned.close(order.service, order.closes_at - order.sent_at)
    gap = BATCH * sizes.round_of / sum(order.sent_at <= 0 < order.closes_at for order in shop)
    worker = _Worker(next_look, learned, _Schedule(), counts_from=sizes.warm_up * HOUR)
    for order in shop:
        worker.begin(order, dice)
    now = 0.0
    while now < end:
        now += gap if worker.look(now) else TICK
    return {
        "mean": fmean(worker.late),
        "median": percentile(worker.late, 0.5),
        "p95": percentile(worker.late, 0.95),
        "closed": len(worker.late),
        "looks": worker.looks,
        "looks_at_closed": worker.looks_at_closed,
        "requests": worker.requests,
        "requests_allowed": end / gap,
        "longest_between_looks": worker.longest,
    }


@dataclass
class _Worker:
    """Looks at orders, and counts what comes of it. `late`: by how much it knew of each end too late."""

    next_look: NextLook
    learned: Learned
    schedule: "_Schedule"
    counts_from: float
    late: list[float] = field(default_factory=list)
    looks: int = 0
    looks_at_closed: int = 0
    requests: int = 0
    longest: float = 0.0

    def begin(self, order: Order, dice: random.Random) -> None:
        """Orders that were sent before we begin were looked at then."""
        if order.sent_at > 0:
            order.seen_at = order.changed_at = order.sent_at
            self.schedule.put(order, order.sent_at + PACE.fastest)
            return
        seen_at = -dice.uniform(0, HOUR)
        if order.news[0][0] <= seen_at:
            order.look(order.news[0][0])
        order.look(seen_at)
        order.changed_at = max((at for at, _ in order.news[: order.seen]), default=order.sent_at)
        seconds = self.next_look(order, 0.0, 0.0, self.learned)
        if seconds is not None:
            self.schedule.put(order, dice.uniform(0, seconds))

    def look(self, now: float) -> bool:
        """One request; whether there was anything to ask."""
        batch = self.schedule.due(now)
        for due_at, order in batch:
            if order.is_open:
                self._look_at_open(order, now)
            else:
                order.look(now)
                self.looks_at_closed += 1
            seconds = self.next_look(order, now, now - due_at, self.learned)
            if seconds is not None:
                self.schedule.put(order, now + seconds)
        self.looks += len(batch)
        self.requests += bool(batch)
        return bool(batch)

    def _look_at_open(self, order: Order, now: float) -> None:
        unseen_for = now - order.seen_at
        if now > self.counts_from:
            self.longest = max(self.longest, unseen_for)
        order.look(now)
        if order.is_open:
            return
        if (took := PACE.took(PollHistory(0.0, unseen_for, now - order.sent_at))) is not None:
            self.learned.close(order.service, took)
        if order.closes_at >= self.counts_from:
            self.late.append(now - order.closes_at)


class _Schedule:
    """Who is looked at when: of what is due, first what has been due the longest; open orders before closed ones."""

    def __init__(self) -> None:
        self._open: list[tuple[float, int, Order]] = []
        self._closed: list[tuple[float, int, Order]] = []
        self._put = 0

    def put(self, order: Order, at: float) -> None:
        self._put += 1
        heapq.heappush(self._open if order.is_open else self._closed, (at, self._put, order))

    def due(self, now: float) -> list[tuple[float, Order]]:
        """One batch."""
        closed = _taken(self._closed, now, BATCH // SETTLING_LEAST)
        opened = _taken(self._open, now, BATCH - len(closed))
        return opened + closed + _taken(self._closed, now, BATCH - len(opened) - len(closed))


def _taken(heap: list[tuple[float, int, Order]], now: float, at_most: int) -> list[tuple[float, Order]]:
    taken = []
    while heap and heap[0][0] <= now and len(taken) < at_most:
        due_at, _, order = heapq.heappop(heap)
        taken.append((due_at, order))
    return taken
