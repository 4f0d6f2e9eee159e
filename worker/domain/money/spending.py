"""Computes how fast a balance falls, and how long it lasts at that rate."""

from dataclasses import dataclass
from decimal import Decimal

#: Seconds over which the rate is computed: a whole day, since a shop has busy and quiet hours.
RATE_OVER = 86_400.0

#: The shortest time in seconds from which a rate is computed. In less, a single order would make the rate.
SHORTEST = 600.0

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Spending:
    """How a balance fell between the first and the last reading of a period, `seconds` apart.

    `spent` is the sum of all falls from one reading to the next. A rise may be a refund or a top-up, and no reading
    says which, so rises don't reduce it: the rate is rather too high than too low.
    """

    balance: Decimal
    spent: Decimal
    seconds: float


def hours_left(spending: Spending) -> float | None:
    """Returns the hours until the balance is used up; None if nothing was spent, or the period is too short."""
    if spending.seconds < SHORTEST or spending.spent <= 0:
        return None
    hours = max(spending.balance, Decimal(0)) / spending.spent * Decimal(spending.seconds) / _HOUR
    return float(hours)
