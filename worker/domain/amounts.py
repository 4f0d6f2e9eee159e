"""Computes with amounts of money that are known within bounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Self

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount from `low` to `high`, both included. Where they are equal, the amount is exact."""

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
        """Returns the bounds of an amount that a panel may round up or down to whole grains."""
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
        """Returns how far the amount may be from `middle`."""
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
        """Returns what lies within both amounts, or this amount where nothing does."""
        both = Amount(max(self.low, other.low), min(self.high, other.high))
        return both if both.low <= both.high else self


ZERO = Amount.of(NOTHING)


def total(amounts: Iterable[Amount]) -> Amount:
    return sum(amounts, ZERO)
