"""When to look at an order again, and how long to wait after a failure. All times in seconds."""

import math
from dataclasses import dataclass

DAY = 86_400.0

#: Where nothing is known of how long an order takes, it is looked at again after this share of the time for which it
#: has been still: what has just moved is likely to move again, and news of what has been still for a day may be late.
STILLNESS_SHARE = 1 / 8

#: The same for an order that is closed, counted from its close. Panels change closed orders, rarely.
SETTLING_SHARE = 1 / 4

#: A closed order is looked at between SLOWEST and this many times SLOWEST.
SETTLING_STRETCH = 24

#: An open order is looked at as soon as this much delay of its last news is to be expected. Where closes come evenly,
#: that makes waits inverse to the square root of their rate, which is what brings the least delay for a number of looks
#: (J. Cho and H. Garcia-Molina, "Effective page refresh policies for web crawlers", 2003).
WORTH_A_LOOK = 0.25

#: A look that was this late makes its order's next wait twice as long, and so on: that is how a budget that is short
#: is shared by worth, and not by who is due first.
LATE = 30.0

#: But no wait is stretched further than so many times: there may have been no worker at all for a day.
MOST_STRETCH = 8.0

#: Of a service's closes, the newest count most: each weighs this much of the one after it.
FADING = 0.98

#: A service is known once it had so many closes.
FEWEST_CLOSES = 3.0

#: Few closes say little of their spread: it is taken together with a usual one, as if of so many closes.
USUAL_SPREAD, USUAL_CLOSES = 1.0, 4.0

#: The shape of the time that remains, around what the order's own speed makes of it: panels deliver in fits and starts.
PROGRESS_SHAPE = 2.0

#: By how much one step of the search for a wait is further than the last.
_FURTHER = 1.3


@dataclass(frozen=True, slots=True)
class Outlook:
    """When an order may close, as a log-logistic distribution: the longer it is overdue, the longer it may still take.

    `median` and `passed` count from the same moment.
    """

    median: float
    shape: float
    passed: float

    def chance(self, within: float) -> float:
        """That an order which is open now closes within so many seconds."""
        return 1 - self._survivors(self.passed + within) / self._survivors(self.passed)

    def _survivors(self, after: float) -> float:
        return 1 / (1 + math.pow(after / self.median, self.shape))


@dataclass(frozen=True, slots=True)
class Closes:
    """What is learned of a service: how many closes, and sums over the logarithm of how long those orders took.

    All three fade (FADING).
    """

    count: float
    log_sum: float
    log_squares: float

    def outlook(self, age: float) -> Outlook | None:
        """For an order that the panel took `age` seconds ago; None while the service isn't known."""
        if self.count < FEWEST_CLOSES:
            return None
        mean = self.log_sum / self.count
        squares = max(self.log_squares - self.count * mean**2, 0.0)
        variance = (squares + USUAL_CLOSES * USUAL_SPREAD**2) / (self.count + USUAL_CLOSES)
        return Outlook(max(math.exp(mean), 1.0), math.pi / math.sqrt(3 * variance), max(age, 0.0))


@dataclass(frozen=True, slots=True)
class Progress:
    """What an order's remains tell: `delivered` units in `took` seconds, up to its last news."""

    delivered: int
    took: float
    remains: int

    def outlook(self, still_for: float) -> Outlook | None:
        if self.delivered <= 0 or self.took <= 0 or self.remains <= 0:
            return None
        return Outlook(max(self.remains * self.took / self.delivered, 1.0), PROGRESS_SHAPE, max(still_for, 0.0))


@dataclass(frozen=True, slots=True)
class Pace:
    """The bounds within which one order is looked at (settings: POLLING)."""

    fastest: float = 30.0
    slowest: float = 3600.0
    settlement: float = 7 * DAY

    def next_look(self, still_for: float) -> float:
        """Seconds until what last changed `still_for` seconds ago is looked at again, where no more is known of it."""
        return self._within_bounds(still_for * STILLNESS_SHARE)

    def next_open_look(
        self,
        still_for: float,
        *,
        age: float | None = None,
        closes: Closes | None = None,
        progress: Progress | None = None,
        late: float = 0.0,
    ) -> float:
        """The same for an open order that the panel took `age` seconds ago, after a look that was `late`.

        The order's own progress and what its service's orders took are heard both: the nearer look is taken.
        """
        late = max(late, 0.0)
        stretch = min(1 + late / LATE, MOST_STRETCH)
        outlooks = (
            None if closes is None or age is None else closes.outlook(age),
            None if progress is None else progress.outlook(still_for),
        )
        # Expected delay grows with the square of a wait: so does what a look has to be worth.
        waits = [self._until(outlook, WORTH_A_LOOK * stretch**2) for outlook in outlooks if outlook is not None]
        wait = min(waits, default=self.next_look(still_for) * stretch)
        # What will be as late again is due the earlier for it.
        return self._within_bounds(min(wait, self.slowest - min(late, self.slowest / 2)))

    def next_settlement_look(self, closed_for: float) -> float | None:
        """The same for an order that closed `closed_for` seconds ago; None once its settlement window is over."""
        if closed_for >= self.settlement:
            return None
        return min(max(closed_for * SETTLING_SHARE, self.slowest), self.slowest * SETTLING_STRETCH)

    def took(self, age: float, unseen_for: float) -> float | None:
        """How long an order took that is closed at a look `unseen_for` seconds after the one before.

        None where nobody looked for so long that it says more of us than of the panel.
        """
        return None if unseen_for > 2 * self.slowest else max(age - unseen_for / 2, 1.0)

    def _until(self, outlook: Outlook, worth: float) -> float:
        """Seconds until so much delay is to be expected: the integral of the chance that the order is closed."""
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
    """Seconds to wait after so many failures in a row: doubling from `first` up to `longest`."""
    return min(first * 2.0 ** min(max(failures - 1, 0), 60), longest)
