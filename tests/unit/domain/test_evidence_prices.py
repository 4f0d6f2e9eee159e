"""Tests what counts as a known price: rule D, and the ways in which a price was mistaken for a known one."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.evidence_case import book, paid
from worker.domain.amounts import Amount
from worker.domain.evidence.prices import PACKAGE, Price, RateChange, Rates, Reading, grain_of

#: The order in question was sent at second 100, and its id seen at second 120.
SENT, SEEN = 100.0, 120.0


def charge(prices, units=1000, service="1"):
    """Returns what it can have been charged; None if that isn't known."""
    return prices.charge(service, units, SENT, SEEN)


#: 0.90, as exact as charges of 0.90 and 1.80 for twice the units tell it.
NINETY = Amount(Decimal("0.89998"), Decimal("0.90002"))


def test_the_same_price_before_and_after_was_the_price_in_between():
    known = book([paid("1", 50, "0.90"), paid("1", 150, "1.80", units=2000)])
    assert charge(known) == NINETY
    half = charge(known, units=500)
    assert Decimal("0.45") in half
    assert half.within < Decimal("0.0001")


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        ([], "no order at all"),
        ([paid("1", 50, "0.90")], "none after"),
        ([paid("1", 150, "0.90")], "none before"),
        ([paid("1", 50, "0.90"), paid("1", 120, "0.90")], "the later one was sent before ours was seen"),
        ([paid("1", 99, "0.90"), paid("1", 150, "0.90")], "the earlier one was under way as ours was sent"),
        ([paid("1", 50, "0.90"), paid("1", 150, "1.00")], "another price"),
        ([paid("1", 50, "0.90"), paid("2", 150, "0.90")], "another service, and nothing of that before"),
        ([paid("1", 50, "0.00050"), paid("1", 150, "0.00050")], "rounding leaves more than a hundredth open"),
        ([paid("1", -86_301, "0.90"), paid("1", 150, "0.90")], "more than a day ago"),
        ([paid("1", 50, "0.90"), paid("1", 60, "0.95"), paid("1", 150, "0.90")], "the nearest one counts"),
    ],
)
def test_less_is_no_known_price(prices, why):
    assert charge(book(prices)) is None


SAME = [paid("1", 50, "0.90"), paid("1", 150, "0.90")]


@pytest.mark.parametrize(
    ("catalogue", "is_known", "wants_reading"),
    [
        ({"read": (40, 160)}, True, False),
        ({"read": (40, 100, 160)}, True, False),
        ({"read": (60, 160)}, False, False),  # it wasn't read before the first of them, and never will be
        ({"read": (40, 140)}, False, True),  # nor after the last
        ({"read": (40, 100, 160), "changes": {"1": [(100, "0.90", "1.00"), (160, "1.00", "0.90")]}}, False, False),
        ({"read": (40, 160), "changes": {"1": [(160, "0.90", "1.00")]}}, False, False),
        ({"read": (40, 160), "changes": {"2": [(160, "0.90", "1.00")]}}, True, False),  # another service's
        ({"read": (30, 40, 160), "changes": {"1": [(40, "0.90", "1.00")]}}, True, False),  # it was over by then
        ({"read": (40, 160, 170), "changes": {"1": [(170, "0.90", "1.00")]}}, True, False),
    ],
)
def test_the_catalogue_must_have_stood_still(catalogue, is_known, wants_reading):
    prices = book(SAME, **catalogue)
    assert (charge(prices) is not None) is is_known
    assert prices.wants_reading is wants_reading


WITNESSED = [paid("2", 20, "0.50"), paid("1", 50, "0.90"), paid("2", 150, "1.00", units=2000)]


def test_another_service_witnesses_that_the_account_pays_as_before():
    assert charge(book(WITNESSED)) == NINETY


@pytest.mark.parametrize(
    ("prices", "catalogue", "why"),
    [
        ([WITNESSED[1], WITNESSED[2]], {}, "nothing of the witness before"),
        ([paid("2", 60, "0.50"), *WITNESSED[1:]], {}, "nothing of the witness before our own service's"),
        ([paid("2", 20, "0.45"), *WITNESSED[1:]], {}, "the witness paid another price"),
        ([WITNESSED[0], WITNESSED[2]], {}, "nothing of our own service"),
        (WITNESSED, {"changes": {"1": [(110, "0.9", "1")]}, "read": (0, 110, 200)}, "our rate changed"),
        (WITNESSED, {"changes": {"2": [(110, "0.5", "1")]}, "read": (0, 110, 200)}, "the witness's rate changed"),
        (WITNESSED, {"read": (0, 140)}, "the catalogue wasn't read afterwards"),
    ],
)
def test_a_witness_proves_nothing_if_anything_is_missing(prices, catalogue, why):
    assert charge(book(prices, **catalogue)) is None


def test_the_next_witness_is_heard_where_one_has_nothing_to_say():
    unknown = paid("3", 140, "0.10")
    assert charge(book([*WITNESSED, unknown])) == NINETY


# Ways in which a price was taken for a known one, each with the rule that was made of it.


def test_a_rate_that_rose_between_two_readings():
    """A service at 0.90 was raised to 1.00: an order at either price may have been ours."""
    assert charge(book([paid("1", 50, "0.90"), paid("1", 150, "1.00")], read=(0, 200))) is None


def test_a_rate_that_the_catalogue_never_showed():
    """0.90, 1.00 and 1.10 within an hour: the catalogue showed the first and the last of them."""
    prices = [paid("1", 50, "0.90"), paid("1", 150, "1.10")]
    assert charge(book(prices, read=(0, 200), changes={"1": [(200, "0.90", "1.10")]})) is None


def test_a_rate_and_a_discount_that_cancel_each_other_out():
    """The rate rose by a ninth, and a discount of a tenth began later: before and after, a unit cost the same."""
    assert charge(book(SAME, read=(0, 200), changes={"1": [(200, "0.90", "1.00")]})) is None


def test_a_price_that_no_catalogue_shows():
    """The account pays a price of its own for service 1: what others pay of their rates says nothing about it."""
    others = [paid("2", 50, "0.50"), paid("2", 150, "0.50")]
    assert charge(book(others, now={"1": "1.00", "2": "0.50"})) is None


def test_another_services_rate_that_hides_a_discount():
    """The witness's rate rose by a ninth as the account's discount of a tenth began: it paid the same."""
    assert charge(book(WITNESSED, read=(0, 200), changes={"2": [(200, "0.50", "0.5555555")]})) is None


def test_a_witness_is_compared_with_itself():
    """A custom price of 0.9 of the rate, and the account's rise by a ninth, make 1: the price of another service."""
    before = [paid("2", 20, "0.50"), paid("1", 50, "0.90")]
    assert charge(book([*before, paid("2", 150, "0.5555555")])) is None


# Whether a charge is one that an order can have had


def is_plausible(prices, told, expected="1.00", units=1000):
    wanted = None if expected is None else Decimal(expected)
    return prices.is_plausible(Decimal(told), "1", units, expected=wanted, began_at=SENT, seen_at=SEEN)


@pytest.mark.parametrize(
    ("prices", "told", "plausible"),
    [
        (book(), "1.00", True),  # what was expected
        (book(), "1.00002", False),
        (book(grain=Decimal("0.01")), "1.01", True),
        (book(now={"1": "1.20"}), "1.20", True),  # what the catalogue showed around it
        (book(now={"1": "1.20"}), "1.10", False),
        (book(changes={"1": [(110, "1.30", "1.20")]}, now={"1": "1.20"}, read=(0, 110, 200)), "1.30", True),
        (book(changes={"1": [(-5, "1.30", "1.20")]}, now={"1": "1.20"}, read=(-5, 0, 200)), "1.30", False),
        (book([paid("1", 50, "0.70"), paid("1", 150, "0.70")]), "0.70", True),  # a known price
        (book([paid("2", 50, "0.45")], now={"2": "0.50"}), "0.90", True),  # as the last order before paid nine tenths
        (book([paid("2", 150, "0.45")], now={"2": "0.50"}), "0.90", True),
        (book([paid("2", 50, "0.50"), paid("3", 40, "0.45")], now={"2": "0.50", "3": "0.50"}), "0.90", False),
    ],
)
def test_a_charge_is_plausible_by_the_catalogue_or_by_what_others_paid(prices, told, plausible):
    assert is_plausible(prices, told) is plausible


def test_an_order_whose_price_nobody_knows_may_cost_anything():
    assert is_plausible(book(), "77.00", expected=None)
    assert not is_plausible(book(now={"1": "1.00"}), "77.00", expected=None)


def test_a_package_is_priced_as_one():
    known = book([paid("2", 50, "4.50", units=PACKAGE)], now={"1": "9.00", "2": "5.00"})
    assert is_plausible(known, "8.10", expected=None, units=PACKAGE)
    assert not is_plausible(known, "8.11", expected=None, units=PACKAGE)


# The catalogue's readings


def test_the_catalogue_is_as_it_was_shown():
    changes = {"1": [RateChange(50.0, Decimal(1), Decimal(2)), RateChange(80.0, Decimal(2), None)]}
    rates = Rates([Reading(at - 1, at) for at in (0.0, 50.0, 80.0, 100.0)], changes, {"1": None, "2": Decimal(7)})
    assert rates.shown("1", 10, 20) == {1, 2}
    assert rates.shown("1", 50, 60) == {2}
    assert rates.shown("1", 80, 90) == set()  # it isn't on sale
    assert rates.shown("2", 10, 20) == {7}
    assert rates.shown("3", 10, 20) == set()
    assert rates.shown("1", -5, 200) == {1, 2}
    assert rates.newest == 99
    assert Rates().newest == float("-inf")
    assert Rates().stood_still("1", 0, 1) is None


# How exact a panel tells money


@pytest.mark.parametrize(
    ("charges", "grain"),
    [
        (["0.12345"] * 19, "0.01"),  # too few to tell
        (["0.12345"] * 20, "0.00001"),
        (["0.12"] * 19 + ["0.1234"], "0.0001"),
        (["0.12"] * 30, "0.01"),
        (["0.12345"] + ["0.12"] * 20, "0.01"),  # the newest count
        (["0.123"] * 20, "0.001"),
        (["0.1234567"] * 20, "0.00001"),
        (["3"] * 20, "0.01"),
    ],
)
def test_the_grain_is_learned_from_charges(charges, grain):
    assert grain_of([Decimal(one) for one in charges]) == Decimal(grain)


money = st.integers(1, 500_000).map(lambda amount: Decimal(amount).scaleb(-5))
orders = st.lists(
    st.builds(
        lambda service, at, took, units, amount: Price(service, float(at), float(at + took), units, amount),
        st.sampled_from(["1", "2"]),
        st.integers(0, 220),
        st.integers(1, 20),
        st.sampled_from([100, 1000]),
        st.sampled_from([Decimal("0.09"), Decimal("0.10"), Decimal("0.90"), Decimal("1.00")]) | money,
    ),
    max_size=8,
)


@given(orders, st.booleans())
def test_a_known_price_was_paid_on_both_sides(prices, stands_still):
    """Whatever is known, an order of the service paid it before, and the same or another service's did afterwards."""
    changes = {} if stands_still else {"1": [(110.0, "0.9", "1")]}
    known = book(prices, read=(-5, 110, 300), changes=changes)
    amount = known.of_a_unit("1", SENT, SEEN)
    if amount is None:
        return
    assert stands_still
    before = [one for one in prices if one.service == "1" and one.ended_at < SENT]
    assert any(one.charge / one.units in amount for one in before)
    assert any(one.began_at > SEEN for one in prices)
