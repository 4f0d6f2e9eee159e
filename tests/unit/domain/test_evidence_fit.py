"""Tests how well the panel's report on an id fits an order."""

from decimal import Decimal

import pytest

from worker.domain.evidence.fit import Fit, fit
from worker.domain.evidence.suspects import Suspect
from worker.domain.orders.statuses import OrderReport


def suspect(expected="0.27819", units=157, *, is_parent=False):
    charge = None if expected is None else Decimal(expected)
    return Suspect(1, charge, None if is_parent else units, is_parent, low=100, high=110)


def report(charge=None, status="In progress", **more):
    return OrderReport(status, None if charge is None else Decimal(charge), **more)


@pytest.mark.parametrize(
    ("shown", "expected", "agrees"),
    [
        ("0.27819", "0.27819", True),
        ("0.27819", "0.278185", True),  # rounded up
        ("0.27819", "0.278199", True),  # cut off
        ("0.27819", "0.2782", False),
        ("0.27819", "0.27818", False),
        ("0.28", "0.27819", True),
        ("0.27", "0.27819", True),
        ("0.29", "0.27819", False),
        ("0.3", "0.295", True),  # two decimals that ended with a nought
        ("0.3", "0.29", False),
        ("1", "1.004", True),
        ("1", "1.01", False),
        ("0.278190001", "0.27819", True),  # a float's dust
        ("0.2781900", "0.278195", True),
        ("1E+1", "10", True),
        ("0", "0", True),
    ],
)
def test_a_charge_is_another_one_rounded(shown, expected, agrees):
    assert fit(suspect(expected), report(shown)) is (Fit.YES if agrees else Fit.UNLIKE)


@pytest.mark.parametrize("status", ["Partial", "Canceled", "Refunded", "cancelled"])
@pytest.mark.parametrize(
    ("charge", "remains", "found"),
    [
        ("1.00", 50, Fit.YES),  # the charge was left as it was
        ("0.50", 50, Fit.YES),  # rewritten for what was delivered
        ("0.00", 100, Fit.YES),
        ("1.00", -3, Fit.YES),
        ("0.00", 50, Fit.MAYBE),  # all was given back, or it is another's
        ("0.50", None, Fit.MAYBE),
        ("0.60", 50, Fit.MAYBE),
        ("1.20", 50, Fit.UNLIKE),  # nobody writes a charge up
    ],
)
def test_the_charge_of_what_was_cut_short_may_have_been_rewritten(status, charge, remains, found):
    assert fit(suspect("1.00", units=100), report(charge, status, remains=remains)) is found


@pytest.mark.parametrize("status", ["Pending", "In progress", "Completed", "Error", "Gibberish", None])
def test_the_charge_of_what_was_not_cut_short_was_not_rewritten(status):
    assert fit(suspect("1.00", units=100), report("0.50", status, remains=50)) is Fit.UNLIKE


@pytest.mark.parametrize(
    ("remains", "units", "found"),
    [
        (100, 100, Fit.YES),
        (101, 100, Fit.UNLIKE),
        (101, None, Fit.YES),  # of a package, remains says nothing
        (-20, 100, Fit.YES),  # delivered too much
        (None, 100, Fit.YES),
        (0, 100, Fit.YES),
    ],
)
def test_no_more_can_remain_than_was_asked_for(remains, units, found):
    assert fit(suspect("1.00", units=units), report("1.00", remains=remains)) is found


@pytest.mark.parametrize(
    ("shown", "of_parent", "of_another"),
    [
        (report(spawned=("103",)), Fit.YES, Fit.NO),
        (report("1.00", spawned=("103",)), Fit.YES, Fit.NO),
        (report(), Fit.YES, Fit.MAYBE),  # nothing but a status
        (report(remains=5), Fit.MAYBE, Fit.MAYBE),
        (report(start_count=5), Fit.MAYBE, Fit.MAYBE),
        (report("0.10", remains=5), Fit.UNLIKE, Fit.UNLIKE),
    ],
)
def test_a_parent_has_a_shape_of_its_own(shown, of_parent, of_another):
    assert fit(suspect("1.00", is_parent=True), shown) is of_parent
    assert fit(suspect("1.00"), shown) is of_another


@pytest.mark.parametrize("is_parent", [False, True])
def test_without_an_expected_charge_no_charge_says_anything(is_parent):
    assert fit(suspect(None, is_parent=is_parent), report("1.00")) is Fit.MAYBE
