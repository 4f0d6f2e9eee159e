"""How fast a balance goes down, and how long it lasts at that rate."""

from dataclasses import dataclass
from decimal import Decimal

#: Seconds. The rate is that of so long a time: a shop's day has its hours.
RATE_OVER = 86_400.0

#: Seconds. Of less than that, no rate is told: a single order would make it.
SHORTEST = 600.0

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Spending:
    """What became of a balance between its first and last reading of a time, `seconds` apart.

    `spent` is the sum of all falls between one reading and the next. A rise may be a refund or money from outside,
    which nobody can tell apart, so it doesn't count against them: the rate is rather too high than too low.
    """

    balance: Decimal
    spent: Decimal
    seconds: float


def hours_left(spending: Spending) -> float | None:
    """Hours until nothing is left, at the rate of this time; None: nothing was spent, or the time is too short."""
    if spending.seconds < SHORTEST or spending.spent <= 0:
        return None
    hours = max(spending.balance, Decimal(0)) / spending.spent * Decimal(spending.seconds) / _HOUR
    return float(hours)
