"""Tests amounts within bounds: whatever two of them are, their sum lies within the bounds of the sum."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.amounts import ZERO, Amount, total

NUMBERS = st.integers(-50, 50).map(Decimal)


@st.composite
def amounts(draw):
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    return Amount(low, high)


def within(amount):
    """Some numbers within an amount, among them both ends."""
    return [amount.low, amount.high, (amount.low + amount.high) / 2]


def both(low, high):
    return Amount(Decimal(low), Decimal(high))


@given(amounts(), amounts())
def test_what_is_within_stays_within(one, other):
    assert all(a + b in one + other and a - b in one - other for a in within(one) for b in within(other))
    assert all(-a in -one for a in within(one))


@given(amounts(), amounts())
def test_bounds_are_no_wider_than_they_have_to_be(one, other):
    assert {(one + other).low, (one + other).high} == {one.low + other.low, one.high + other.high}
    assert {(one - other).low, (one - other).high} == {one.low - other.high, one.high - other.low}


def test_the_ends_belong_to_an_amount_and_what_is_beyond_does_not():
    assert [Decimal(one) in both(2, 4) for one in ("1.99", "2", "3", "4", "4.01")] == [False, True, True, True, False]


def test_the_ways_to_make_one():
    assert Amount.of(Decimal(3)) == both(3, 3)
    assert Amount.up_to(Decimal(3)) == both(0, 3)
    assert both(0, 0) == ZERO
    assert total([both(1, 2), both(3, 5)]) == both(4, 7)
    assert total([]) == ZERO


@pytest.mark.parametrize(
    ("unrounded", "low", "high"),
    [("1.234", "1.23", "1.24"), ("1.23", "1.23", "1.23"), ("-1.234", "-1.24", "-1.23"), ("0.001", "0", "0.01")],
)
def test_a_panel_rounds_whichever_way(unrounded, low, high):
    assert Amount.rounded_from(Decimal(unrounded), Decimal("0.01")) == both(low, high)


def test_an_amount_as_its_middle_and_how_far_from_that():
    amount = both("-1", "4")
    assert (amount.middle, amount.within, amount.is_exact) == (Decimal("1.5"), Decimal("2.5"), False)
    assert (both(4, 4).middle, both(4, 4).within, both(4, 4).is_exact) == (Decimal(4), Decimal(0), True)


@pytest.mark.parametrize(
    ("one", "other", "narrowed"),
    [
        (both(0, 5), both(2, 9), both(2, 5)),
        (both(2, 9), both(0, 5), both(2, 5)),
        (both(0, 5), both(1, 2), both(1, 2)),
        (both(0, 5), both(5, 9), both(5, 5)),
        (both(0, 5), both(6, 9), both(0, 5)),  # they contradict each other: nothing is learned
    ],
)
def test_what_two_amounts_have_in_common(one, other, narrowed):
    assert one.narrowed(other) == narrowed
