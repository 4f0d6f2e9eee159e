"""Decides when to poll an order again, and how long to wait after a failure. All times are in seconds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

DAY = 86_400.0

#: Where nobody knows how long an order takes, it is polled again after this share of the time for which it has been
#: still: an order that has just moved is likely to move again, and news of one that was still for a day may be late.
STILLNESS_SHARE = 1 / 8

#: The same for a closed order, counted from its close. Panels rarely change closed orders.
SETTLING_SHARE = 1 / 4

#: A closed order is polled between SLOWEST and this many times SLOWEST.
SETTLING_STRETCH = 24

#: An open order is polled as soon as this much delay of its last news is to be expected. Where closes come evenly, that
#: makes waits inverse to the square root of their rate, which brings the least delay for a number of polls
#: (J. Cho and H. Garcia-Molina, "Effective page refresh policies for web crawlers", 2003).
WORTH_A_POLL = 0.25

#: A poll that is this late makes its order's next wait twice as long, and so on: so a short budget is shared by what a
#: poll is worth, and not by which order is due first.
LATE = 30.0

#: No wait is stretched further than so many times: there may have been no worker at all for a day.
MOST_STRETCH = 8.0

#: The newest closes of a service count most: each weighs this much of the one after it.
FADING = 0.98

#: A service is known after so many closes.
FEWEST_CLOSES = 3.0

#: Few closes say little of their spread: it is averaged with a usual one, which counts as so many closes.
USUAL_SPREAD, USUAL_CLOSES = 1.0, 4.0

#: The shape of the remaining time, around the estimate from the order's own speed: panels deliver in fits and starts.
PROGRESS_SHAPE = 2.0

#: The factor from one step of the search for a wait to the next.
_FURTHER = 1.3


@dataclass(frozen=True, slots=True)
class Outlook:
    """When an order may close, as a log-logistic distribution: the longer it is overdue, the longer it may still take.

    `median` and `passed` count from the same time.
    """

    median: float
    shape: float
    passed: float

    def chance(self, within: float) -> float:
        """Returns the probability that an order which is open now closes within so many seconds."""
        return 1 - self._survivors(self.passed + within) / self._survivors(self.passed)

    def _survivors(self, after: float) -> float:
        return 1 / (1 + math.pow(after / self.median, self.shape))


@dataclass(frozen=True, slots=True)
class Closes:
    """What is learned of a service: how many orders closed, and sums over the logarithm of how long each took.

    All three fade (FADING).
    """

    count: float
    log_sum: float
    log_squares: float

    @classmethod
    def of(cls, durations: Iterable[float]) -> Self:
        """Returns what orders teach that took so long."""
        logs = [math.log(duration) for duration in durations]
        return cls(float(len(logs)), sum(logs), sum(log**2 for log in logs))

    def followed_by(self, newer: "Closes") -> "Closes":
        """Returns what is known once more orders have closed. `worker.store.queue.polls` does the same in SQL."""
        kept = FADING**newer.count
        return Closes(
            self.count * kept + newer.count,
            self.log_sum * kept + newer.log_sum,
            self.log_squares * kept + newer.log_squares,
        )

    def outlook(self, age: float) -> Outlook | None:
        """Returns the outlook of an order that the panel took `age` seconds ago; None for a service not yet known."""
        if self.count < FEWEST_CLOSES:
            return None
        mean = self.log_sum / self.count
        squares = max(self.log_squares - self.count * mean**2, 0.0)
        variance = (squares + USUAL_CLOSES * USUAL_SPREAD**2) / (self.count + USUAL_CLOSES)
        return Outlook(max(math.exp(mean), 1.0), math.pi / math.sqrt(3 * variance), max(age, 0.0))


@dataclass(frozen=True, slots=True)
class Progress:
    """What an order's remains say: the panel delivered `delivered` units in `took` seconds, up to the last news."""

    delivered: int
    took: float
    remains: int

    def outlook(self, still_for: float) -> Outlook | None:
        """Returns the outlook `still_for` seconds after the last news; None for an order that makes no progress."""
        if self.delivered <= 0 or self.took <= 0 or self.remains <= 0:
            return None
        return Outlook(max(self.remains * self.took / self.delivered, 1.0), PROGRESS_SHAPE, max(still_for, 0.0))


@dataclass(frozen=True, slots=True)
class PollHistory:
    """What is known of an order at a poll. Each time is the seconds since then.

    `still_for`: since its last change. `unseen_for`: since the poll before. `age`: since the panel took it.
    `closed_for`: since it closed, 0 for an open order. `begun_with`: the most units that ever remained, `begun_for`
    seconds ago.
    """

    still_for: float
    unseen_for: float
    age: float | None = None
    closed_for: float = 0.0
    closes: Closes | None = None
    begun_with: int | None = None
    begun_for: float | None = None

    def progress(self, remains: int | None, still_for: float) -> Progress | None:
        """Returns the progress of an order with so many units left, `still_for` seconds after its last change."""
        if self.begun_with is None or self.begun_for is None or remains is None:
            return None
        return Progress(self.begun_with - remains, self.begun_for - still_for, remains)


@dataclass(frozen=True, slots=True)
class Pace:
    """The bounds within which one order is polled (settings: POLLING)."""

    fastest: float = 30.0
    slowest: float = 3600.0
    settlement: float = 7 * DAY

    def next_poll(
        self, history: PollHistory, *, is_closed: bool, changed: bool, remains: int | None = None, late: float = 0.0
    ) -> float | None:
        """Returns the seconds until an order's next poll, after one that was `late`; None for never.

        `is_closed`, `changed` and `remains`: as this poll found the order.
        """
        if is_closed:
            return self.next_settlement_poll(history.closed_for)
        still_for = 0.0 if changed else history.still_for
        return self.next_open_poll(
            still_for,
            age=history.age,
            closes=history.closes,
            progress=history.progress(remains, still_for),
            late=late,
        )

    def wait_after(self, still_for: float) -> float:
        """Returns the seconds until the next poll of what last changed `still_for` seconds ago, if no more is known."""
        return self._within_bounds(still_for * STILLNESS_SHARE)

    def next_open_poll(
        self,
        still_for: float,
        *,
        age: float | None = None,
        closes: Closes | None = None,
        progress: Progress | None = None,
        late: float = 0.0,
    ) -> float:
        """Returns the seconds until the next poll of an open order, which the panel took `age` seconds ago.

        The order's own progress and its service's closes each suggest a wait: the shorter one counts.
        """
        late = max(late, 0.0)
        stretch = min(1 + late / LATE, MOST_STRETCH)
        outlooks = (
            None if closes is None or age is None else closes.outlook(age),
            None if progress is None else progress.outlook(still_for),
        )
        # Expected delay grows with the square of a wait, and so does what a poll has to be worth.
        waits = [self._until(outlook, WORTH_A_POLL * stretch**2) for outlook in outlooks if outlook is not None]
        wait = min(waits, default=self.wait_after(still_for) * stretch)
        # If the next poll is as late again, the order still waits no longer than SLOWEST.
        return self._within_bounds(min(wait, self.slowest - min(late, self.slowest / 2)))

    def next_settlement_poll(self, closed_for: float) -> float | None:
        """Returns the seconds until the next poll of a closed order; None once its settlement window is over."""
        if closed_for >= self.settlement:
            return None
        return min(max(closed_for * SETTLING_SHARE, self.slowest), self.slowest * SETTLING_STRETCH)

    def took(self, history: PollHistory) -> float | None:
        """Returns how long an order took that this poll found closed: until the middle between this poll and the last.

        None where nobody polled for so long that the answer would say more about the worker than about the panel.
        """
        if history.age is None or history.unseen_for > 2 * self.slowest:
            return None
        return max(history.age - history.unseen_for / 2, 1.0)

    def _until(self, outlook: Outlook, worth: float) -> float:
        """Returns the seconds until so much delay is expected: the integral of the chance that the order is closed."""
        wait = delay = chance = 0.0
        step = self.fastest
        while wait < self.slowest:
            later = outlook.chance(wait + step)
            more = step * (chance + later) / 2
            if delay + more >= worth:
                return wait + step * (worth - delay) / more
            wait, delay, chance = wait + step, delay + more, later
            step = wait * (_FURTHER - 1)
        return self.slowest

    def _within_bounds(self, wait: float) -> float:
        return min(max(wait, self.fastest), self.slowest)


def back_off(failures: int, *, first: float, longest: float) -> float:
    """Returns the seconds to wait after so many failures in a row: doubling from `first` up to `longest`."""
    return min(first * 2.0 ** min(max(failures - 1, 0), 60), longest)
