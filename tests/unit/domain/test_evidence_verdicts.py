"""Tests verdicts on several orders that are weighed together."""

import time
from dataclasses import replace
from decimal import Decimal

import pytest

from worker.domain.evidence.assignment import forced
from worker.domain.evidence.suspects import Suspect
from worker.domain.evidence.verdicts import Absent, Doubt, Findings, Linked, Undecided, decide, unread_above
from worker.domain.orders.statuses import OrderReport


def suspect(order_id, charge="1.00", low=100, high=110, **more):
    return Suspect(order_id, Decimal(charge), 100, more.pop("is_parent", False), low=low, high=high, **more)


def open_at(charge):
    return OrderReport("In progress", Decimal(charge), remains=10, start_count=0)


PARENT = OrderReport("In progress")


def findings(found, *, silent=(), known=(), **more):
    """All ids from 100 to 130 were asked about, and those that aren't silent were answered."""
    found = {number: open_at(shown) if isinstance(shown, str) else shown for number, shown in found.items()}
    absent = frozenset(range(101, 131)) - found.keys() - set(silent) - set(known)
    recognized = more.pop("recognized", frozenset(range(90, 131)))
    return Findings(found, absent, frozenset(known), recognized=recognized, **more)


@pytest.mark.parametrize(
    ("gone", "verdict"),
    [
        (None, Absent()),
        ("0", Absent()),
        ("-5", Absent()),
        ("1.19", Absent()),
        ("1.20", Undecided(Doubt.MONEY_IS_GONE)),  # the very price, as a balance of two decimals shows it
        ("1.21", Undecided(Doubt.MONEY_IS_GONE)),
        ("7.5", Undecided(Doubt.MONEY_IS_GONE)),
    ],
)
def test_money_that_is_gone_is_no_absence(gone, verdict):
    unexplained = {1: None if gone is None else Decimal(gone), 2: Decimal(100)}
    assert decide([suspect(1, "1.205")], findings({}, unexplained=unexplained)) == {1: verdict}


@pytest.mark.parametrize("charge", ["0.01", "1.00"])
def test_the_money_of_a_cheap_order_counts_too(charge):
    paid = findings({}, unexplained={1: Decimal(charge)})
    assert decide([suspect(1, charge)], paid) == {1: Undecided(Doubt.MONEY_IS_GONE)}


@pytest.mark.parametrize("charge", ["0", None])
def test_of_what_costs_nothing_or_nobody_knows_what_the_money_says_nothing(charge):
    free = replace(suspect(1), expected_charge=None if charge is None else Decimal(charge))
    assert decide([free], findings({}, unexplained={1: Decimal(100)})) == {1: Absent()}


def test_money_proves_no_link():
    assert decide([suspect(1)], findings({105: PARENT}, unexplained={1: Decimal(1)})) == {
        1: Undecided(Doubt.FITS_LOOSELY, (105,))
    }


def ambiguous(*candidates):
    return Undecided(Doubt.AMBIGUOUS, candidates)


@pytest.mark.parametrize(
    ("suspects", "found", "verdicts"),
    [
        pytest.param([suspect(1)], findings({}), [Absent()], id="nothing found"),
        pytest.param([suspect(1)], findings({105: "1.00"}), [Linked("105")], id="one to one"),
        pytest.param([suspect(1, high=106)], findings({107: "1.00"}), [Absent()], id="outside of its gap"),
        pytest.param(
            [suspect(1), suspect(2, "2.00")],
            findings({104: "2.00", 105: "1.00"}),
            [Linked("105"), Linked("104")],
            id="two with different charges",
        ),
        pytest.param(
            [suspect(1), suspect(2, "2.00")],
            findings({104: "2.00"}),
            [Absent(), Linked("104")],
            id="the other's charge",
        ),
        pytest.param(
            [suspect(1), suspect(2)], findings({104: "1.00"}), [ambiguous(104)] * 2, id="lookalikes, one candidate"
        ),
        pytest.param(
            [suspect(1), suspect(2)],
            findings({104: "1.00", 105: "1.00"}),
            [ambiguous(104, 105)] * 2,
            id="lookalikes, two candidates",
        ),
        pytest.param(
            [suspect(1, high=105), suspect(2, low=105)],
            findings({104: "1.00", 106: "1.00"}),
            [Linked("104"), Linked("106")],
            id="lookalikes kept apart by their gaps",
        ),
        pytest.param(
            [suspect(1, high=104), suspect(2, high=106), suspect(3, high=108)],
            findings({103: "1.00", 105: "1.00", 107: "1.00"}),
            [Linked("103"), Linked("105"), Linked("107")],
            id="a chain",
        ),
        pytest.param(
            [suspect(1, high=104), suspect(2, high=106), suspect(3, high=108)],
            findings({105: "1.00", 107: "1.00"}),
            [Absent(), Linked("105"), Linked("107")],
            id="a chain, the first absent",
        ),
        pytest.param(
            [suspect(1, high=104), suspect(2, high=106), suspect(3, high=108)],
            findings({103: "1.00", 107: "1.00"}),
            [ambiguous(103), ambiguous(103), Linked("107")],
            id="a chain, broken",
        ),
        pytest.param(
            [suspect(1), suspect(2, is_settled=False, is_over=False)],
            findings({104: "1.00"}),
            [ambiguous(104)],
            id="one that is not settled may own it",
        ),
        pytest.param(
            [suspect(1, high=104), suspect(2, is_settled=False, is_over=False)],
            findings({106: "1.00"}),
            [Absent()],
            id="one that is not settled must own it",
        ),
        pytest.param(
            [suspect(1)], findings({104: "1.00", 105: "1.00"}), [ambiguous(104, 105)], id="more candidates than orders"
        ),
        pytest.param(
            [suspect(1), suspect(2, "2.00", low=110, high=120)],
            findings({104: "1.00", 105: "1.00", 115: "2.00"}),
            [ambiguous(104, 105), Linked("115")],
            id="more candidates than orders, elsewhere",
        ),
        pytest.param(
            [suspect(1)], findings({104: "1.10"}), [Undecided(Doubt.FITS_LOOSELY, (104,))], id="a charge that differs"
        ),
        pytest.param(
            [suspect(1)],
            findings({104: "1.00", 105: "9.00"}),
            [ambiguous(104, 105)],
            id="placed by hand on the same account",
        ),
        pytest.param(
            [suspect(1), suspect(2, is_parent=True)],
            findings({104: OrderReport("In progress", spawned=("106",)), 105: "1.00"}),
            [Linked("105"), Linked("104")],
            id="a parent and another",
        ),
        pytest.param([suspect(1, is_parent=True)], findings({104: PARENT}), [Linked("104")], id="a parent alone"),
        pytest.param(
            [suspect(1), suspect(2, is_parent=True)],
            findings({104: PARENT}),
            [ambiguous(104)] * 2,
            id="a status and nothing else",
        ),
        pytest.param(
            [suspect(1)],
            findings({104: OrderReport("In progress", spawned=("106",))}),
            [Absent()],
            id="a parent that no row asked for",
        ),
        pytest.param(
            [suspect(1)], findings({}, silent=[105]), [Undecided(Doubt.NOT_ALL_ANSWERED)], id="one id left out"
        ),
        pytest.param([suspect(1)], findings({}, known=[105]), [Absent()], id="a known order in between"),
        pytest.param(
            [suspect(1)], findings({104: "1.00"}, silent=[105]), [Linked("104")], id="found, and one id left out"
        ),
        pytest.param([suspect(1, is_over=False)], findings({}), [Undecided(Doubt.TOO_YOUNG)], id="not over"),
        pytest.param([suspect(1, is_over=False)], findings({104: "1.00"}), [Linked("104")], id="not over, and found"),
        pytest.param([suspect(1, low=None)], findings({}), [Undecided(Doubt.NO_BOUNDS)], id="nothing below"),
        pytest.param([suspect(1, high=None)], findings({}), [Undecided(Doubt.NO_BOUNDS)], id="nothing above"),
        pytest.param([suspect(1, high=None)], findings({104: "1.00"}), [Linked("104")], id="nothing above, and found"),
        pytest.param(
            [suspect(1, low=None, high=None, is_ordered=False)],
            findings({104: "1.00"}),
            [Undecided(Doubt.IDS_NOT_INCREASING)],
            id="ids that say nothing",
        ),
        pytest.param(
            [suspect(1)],
            findings({104: "1.00"}, recognized=frozenset({100})),
            [Undecided(Doubt.NOT_RECOGNIZED, (104,))],
            id="a bound that the panel doesn't know",
        ),
        pytest.param(
            [suspect(1)],
            findings({104: "1.00"}, unread_above=103),
            [Undecided(Doubt.MAYBE_SPAWNED, (104,))],
            id="it may have been spawned",
        ),
        pytest.param(
            [suspect(1)], findings({104: "1.00"}, unread_above=104), [Linked("104")], id="it is before what may spawn"
        ),
        pytest.param(
            [suspect(1, is_parent=True)],
            findings({104: PARENT}, unread_above=100),
            [Linked("104")],
            id="parents are spawned by none",
        ),
        pytest.param([], findings({104: "1.00"}), [], id="nobody's"),
    ],
)
def test_verdicts(suspects, found, verdicts):
    settled = [one.order_id for one in suspects if one.is_settled]
    for order in (suspects, suspects[::-1]):
        assert decide(order, found) == dict(zip(settled, verdicts, strict=True))


@pytest.mark.parametrize(
    ("suspects", "read", "unread", "above"),
    [
        ([], {}, [], None),
        ([suspect(1)], {}, [], None),
        ([], {}, [300, 200], 200),
        ([suspect(1, is_parent=True)], {}, [], None),
        ([suspect(1, is_parent=True)], {"silent": [105]}, [], 100),
        ([suspect(1, is_parent=True)], {"silent": [105]}, [90], 90),
        ([suspect(1, is_parent=True, is_over=False)], {}, [], 100),
        ([suspect(1, is_parent=True, low=None)], {}, [], 0),
        ([suspect(1, is_parent=True, high=None)], {}, [], 100),
    ],
)
def test_above_which_id_there_may_be_orders_of_an_unread_parent(suspects, read, unread, above):
    assert unread_above(suspects, findings({}, **read), unread) == above


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        ({}, {}),
        ({1: {7}}, {1: 7}),
        ({1: {7, 8}}, {}),
        ({1: {7}, 2: {7, 8}}, {1: 7, 2: 8}),
        ({1: {7, 8}, 2: {7, 8}}, {}),
        ({1: {7, 8}, 2: {7, 8}, 3: {8, 9}}, {3: 9}),
        ({1: {7}, 2: {7}}, {}),  # no way at all
        ({1: {7}, 2: {7}, 3: {9}}, {3: 9}),
        ({1: set()}, {}),
        ({1: {7, 8}, 2: {8, 9}, 3: {9, 7}}, {}),
        ({1: {7, 8}, 2: {8, 9}, 3: {9}}, {1: 7, 2: 8, 3: 9}),
    ],
)
def test_what_all_ways_agree_on(owners, expected):
    assert forced(owners) == expected


def test_a_thousand_twins_are_weighed_at_once():
    """After an outage there may be many; the daemon does nothing else meanwhile."""
    begun = time.process_time()
    assert forced({number: range(1000) for number in range(1000)}) == {}
    assert forced({number: range(number + 1) for number in range(300)}) == {number: number for number in range(300)}
    assert time.process_time() - begun < 20
