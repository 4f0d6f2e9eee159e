"""When to look at an order again, and how long to wait after a failure. All times in seconds."""

from dataclasses import dataclass

DAY = 86_400.0

#: An order is looked at again after this share of the time for which it has been still: what has just moved is likely
#: to move again, and news of what has been still for a day may be some hours late.
STILLNESS_SHARE = 1 / 8

#: The same for an order that is closed, counted from its close. Panels change closed orders, rarely.
SETTLING_SHARE = 1 / 4

#: A closed order is looked at between SLOWEST and this many times SLOWEST.
SETTLING_STRETCH = 24


@dataclass(frozen=True, slots=True)
class Pace:
    """The bounds within which one order is looked at (settings: POLLING)."""

    fastest: float = 30.0
    slowest: float = 3600.0
    settlement: float = 7 * DAY

    def next_look(self, still_for: float) -> float:
        """Seconds until an open order is looked at again that last changed `still_for` seconds ago."""
        return min(max(still_for * STILLNESS_SHARE, self.fastest), self.slowest)

    def next_settlement_look(self, closed_for: float) -> float | None:
        """The same for an order that closed `closed_for` seconds ago; None once its settlement window is over."""
        if closed_for >= self.settlement:
            return None
        return min(max(closed_for * SETTLING_SHARE, self.slowest), self.slowest * SETTLING_STRETCH)


def back_off(failures: int, *, first: float, longest: float) -> float:
    """Seconds to wait after so many failures in a row: doubling from `first` up to `longest`."""
    return min(first * 2.0 ** min(max(failures - 1, 0), 60), longest)
