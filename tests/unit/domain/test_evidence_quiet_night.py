"""Tests when the balance proves that an order wasn't bought, and the frontier that no id can have passed."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.evidence_case import PREMISES, in_flight, lost, parent
from worker.domain.evidence.landmarks import Landmark, Landmarks
from worker.domain.evidence.owners import suspects_of
from worker.domain.evidence.quiet_night import BalanceReading, Paid, frontier, unpaid

#: The balance was read every hundred seconds; an order was lost at second 1050, which may be taken until 1360.
LOST = lost(1, began_at=1050.0)
STEP, END = 100, 2000
CHARGE = Decimal("0.75")


def order(at, charge=CHARGE, **more):
    """An order that was taken at about this time, and is known to be whole at the end."""
    return Paid(**{"since": at, "until": at + 2.0, "charge": charge, "uncut_until": END, "closed_at": END} | more)


#: Three orders between readings before, so that the panel's balance was seen to add up, and one in the night itself.
BEFORE = [order(at) for at in (250.0, 450.0, 650.0)]
AMID = order(1150.0)


def readings(paid=(*BEFORE, AMID), *, debits=(), until=END):
    """Balances of a panel that debits what it charges, and other amounts at other times."""
    moves = [(one.until, one.charge) for one in paid if one.charge is not None] + list(debits)
    return [
        BalanceReading(float(at), at + 1.0, 100 - sum((amount for when, amount in moves if when <= at), Decimal(0)))
        for at in range(0, until, STEP)
    ]


def proved(questions=(LOST,), paid=(*BEFORE, AMID), balances=None):
    suspects = suspects_of(questions, Landmarks([]), PREMISES)
    return unpaid(suspects, readings(paid) if balances is None else balances, paid)


def test_what_left_the_account_was_all_known():
    assert proved() == {1}
    assert proved([LOST, lost(2, began_at=1060.0)]) == {1, 2}


@pytest.mark.parametrize(
    ("debits", "why"),
    [
        ([(1200, Decimal("1.00"))], "its own price"),
        ([(1200, Decimal("0.00001"))], "a grain"),
        ([(1200, Decimal("-0.00001"))], "a grain came in"),
        ([(1200, Decimal(5))], "anything else"),
    ],
)
def test_anything_else_that_moved_is_no_proof(debits, why):
    assert proved(balances=readings(debits=debits)) == frozenset()


def test_other_money_before_and_after_doesnt_matter():
    assert proved(balances=readings(debits=[(950, Decimal(-50)), (1450, Decimal(50))])) == {1}


@pytest.mark.parametrize(
    ("paid", "why"),
    [
        ([*BEFORE, replace(AMID, charge=None)], "an order in between whose charge nobody knows"),
        ([*BEFORE, replace(AMID, uncut_until=1399.0)], "one that may have been cut short before the second reading"),
        ([*BEFORE, AMID, order(50.0, uncut_until=900.0, closed_at=1001.0)], "one that was cut short in between"),
        ([*BEFORE, AMID, order(50.0, is_parent=True)], "a parent that may have spawned orders"),
        ([*BEFORE, AMID, order(1150.0, charge=None, is_parent=True)], "a parent in between"),
    ],
)
def test_an_order_that_may_have_moved_other_money_is_no_proof(paid, why):
    balances = readings()
    assert proved(paid=paid, balances=balances) == frozenset()


@pytest.mark.parametrize(
    ("paid", "why"),
    [
        (order(50.0, uncut_until=900.0, closed_at=1000.0), "it was cut short and closed before the first reading"),
        (order(50.0, is_parent=True, closed_at=90.0), "a parent that had ended"),
        (order(1500.0, charge=None, uncut_until=0.0), "it was taken afterwards"),
    ],
)
def test_an_order_that_moved_nothing_in_between_doesnt_matter(paid, why):
    assert proved(paid=[*BEFORE, AMID, paid], balances=readings(debits=[(52, Decimal("0.75"))])) == {1}


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (in_flight(2, began_at=1150.0), "a call that is still under way"),
        (parent(2, began_at=1150.0), "a parent that was lost in between"),
        (parent(2, began_at=50.0), "a parent that was lost long before"),
    ],
)
def test_an_open_call_that_may_move_money_is_no_proof(question, why):
    assert proved([LOST, question]) == frozenset()


def test_a_lost_call_that_was_under_way_at_a_reading_moves_the_span():
    """It may have been taken before or after the reading at second 1000, so the one at 900 counts, for both."""
    questions = [LOST, lost(2, began_at=990.0)]
    assert proved(questions) == {1, 2}
    assert proved(questions, balances=readings(debits=[(950, Decimal(1))])) == frozenset()


def test_a_reading_during_a_call_isnt_one():
    """The call of a known order was under way at second 1000 and at 1400: the readings farther out count."""
    around = [order(999.5, until=1000.5), order(1399.5, until=1401.5)]
    assert proved(paid=[*BEFORE, AMID, *around]) == {1}
    assert proved(paid=[*BEFORE, AMID, *around], balances=readings(debits=[(950, Decimal(1))])) == frozenset()
    assert proved(paid=[*BEFORE, AMID, *around], balances=readings(debits=[(1450, Decimal(1))])) == frozenset()


def test_the_order_itself_must_be_over():
    assert proved([in_flight(1, began_at=1050.0)]) == frozenset()
    assert proved(balances=readings(until=1400)) == frozenset()  # the last reading was before it was over
    assert proved(balances=[]) == frozenset()
    assert proved(balances=readings()[11:]) == frozenset()  # none before it began


def test_a_parent_pays_nothing_itself():
    assert proved([parent(1, began_at=1050.0)]) == frozenset()


# The trial of a panel's balance


@pytest.mark.parametrize(
    ("paid", "debits", "counts"),
    [
        (BEFORE, [], True),
        (BEFORE[:2], [], False),  # too few
        (BEFORE, [(660, Decimal("0.00400"))], False),  # it debits what it doesn't tell
        (BEFORE, [(260, Decimal("0.00400"))], False),
        ([order(50.0), *BEFORE], [(60, Decimal("0.00400"))], True),  # the newest three count
        (
            [*BEFORE, order(750.0, uncut_until=0.0, closed_at=801.0)],
            [(760, Decimal(-1))],
            True,
        ),  # of that span nothing can be said
        ([*BEFORE, order(750.0, charge=None)], [], True),
    ],
)
def test_a_balance_counts_where_it_added_up_before(paid, debits, counts):
    assert proved(paid=paid, balances=readings(paid, debits=debits)) == ({1} if counts else frozenset())


def test_spans_without_orders_are_no_trial():
    assert proved(paid=[AMID]) == frozenset()


def test_spans_in_which_something_may_have_been_taken_are_no_trial():
    """What the other lost order may have cost is missing there, and says nothing about the panel."""
    other = lost(2, began_at=210.0)
    balances = readings(debits=[(260, Decimal(1))])
    assert 1 in proved([other, LOST], [*BEFORE, order(750.0), order(850.0), AMID], balances=None)
    assert 1 not in proved([other, LOST], balances=balances)


@given(
    amounts=st.lists(st.integers(1, 99_999), min_size=1, max_size=5),
    bought=st.booleans(),
    price=st.integers(1, 99_999),
    taken_at=st.integers(1050, 1360),
)
def test_an_order_that_was_bought_is_never_proved_unpaid(amounts, bought, price, taken_at):
    paid = [*BEFORE, *(order(1100.0 + 20 * n, Decimal(amount).scaleb(-5)) for n, amount in enumerate(amounts))]
    debits = [(taken_at, Decimal(price).scaleb(-5))] if bought else []
    assert proved(paid=paid, balances=readings(paid, debits=debits)) == (frozenset() if bought else {1})


# The frontier


def test_no_id_beyond_the_frontier_was_given_out():
    steady = [Landmark(1000 + 2 * n, float(n), float(n)) for n in range(1000)]  # two a second
    assert frontier(2998, 1299.0, Landmarks(steady)) == 2998 + 3 * 2 * 300 + 300
    quicker = [Landmark(10 * n, n - 5000.0, n - 5000.0) for n in range(90)] + steady
    assert frontier(2998, 1299.0, Landmarks(quicker)) == 2998 + 3 * 2 * 300 + 300  # not for ten minutes
    fastest = [Landmark(10 * n, n - 50_000.0, n - 50_000.0) for n in range(700)]
    assert frontier(
        12_998, 1299.0, Landmarks([*fastest, *(replace(one, number=one.number + 10_000) for one in steady)])
    ) == (12_998 + 3 * 10 * 300 + 300)


def test_an_id_that_no_known_order_dates_moves_the_frontier_out():
    steady = [Landmark(1000 + 2 * n, float(n), float(n)) for n in range(1000)]
    seen = Landmark(3500, float("-inf"), 1100.0)
    assert frontier(3500, 1299.0, Landmarks([*steady, seen])) == 3500 + 3 * 2 * 300 + 300
    assert frontier(500, 1299.0, Landmarks(steady)) is None
