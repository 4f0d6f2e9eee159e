"""Amounts of money that are known within bounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Self

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Amount:
    """Some amount from `low` to `high`, both included; where they are equal, it is known exactly."""

    low: Decimal
    high: Decimal

    @classmethod
    def of(cls, exactly: Decimal) -> Self:
        return cls(exactly, exactly)

    @classmethod
    def up_to(cls, high: Decimal) -> Self:
        return cls(NOTHING, high)

    @classmethod
    def rounded_from(cls, unrounded: Decimal, grain: Decimal) -> Self:
        """What may have become of it in the hands of somebody who rounds to whole grains, whichever way."""
        return cls(
            (unrounded / grain).to_integral_value(ROUND_FLOOR) * grain,
            (unrounded / grain).to_integral_value(ROUND_CEILING) * grain,
        )

    @property
    def is_exact(self) -> bool:
        return self.low == self.high

    @property
    def middle(self) -> Decimal:
        return (self.low + self.high) / 2

    @property
    def within(self) -> Decimal:
        """How far from `middle` it may be."""
        return (self.high - self.low) / 2

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.low + other.low, self.high + other.high)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.low - other.high, self.high - other.low)

    def __neg__(self) -> "Amount":
        return Amount(-self.high, -self.low)

    def __contains__(self, amount: Decimal) -> bool:
        return self.low <= amount <= self.high

    def narrowed(self, other: "Amount") -> "Amount":
        """What is in both; this one, where nothing is."""
        both = Amount(max(self.low, other.low), min(self.high, other.high))
        return both if both.low <= both.high else self


ZERO = Amount.of(NOTHING)


def total(amounts: Iterable[Amount]) -> Amount:
    return sum(amounts, ZERO)
