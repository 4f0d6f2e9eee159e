"""Tests between which ids an order can lie, and whether a panel's ids increase."""

from dataclasses import replace
from decimal import Decimal

import pytest

from worker.domain.evidence.bounds import KnownOrder, bounds, ids_increase, number_of
from worker.domain.evidence.suspects import OpenQuestion, Suspect, suspect_of, weighed_together
from worker.domain.orders.states import OrderState

SETTLE = 300.0


def known(number, began_at, ended_at):
    return KnownOrder(str(number), float(began_at), float(ended_at))


@pytest.mark.parametrize(
    ("orders", "low", "high"),
    [
        ([], None, None),
        ([known(100, 0, 9)], 100, None),
        ([known(100, 0, 10)], None, None),  # it ended as ours began: it may be the later one
        ([known(110, 21, 22)], None, 110),
        ([known(110, 20, 22)], None, None),
        ([known(105, 12, 15)], None, None),  # under way at the same time
        ([known(100, 0, 1), known(103, 5, 9), known(110, 21, 30), known(108, 22, 23)], 103, 108),
        ([known(9, 0, 1), known(10, 2, 3)], 10, None),  # numbers, and not texts
    ],
)
def test_only_calls_wholly_before_or_after_are_bounds(orders, low, high):
    below, above = bounds(orders, began_at=10.0, last_at=20.0)
    assert (below and int(below.panel_order_id), above and int(above.panel_order_id)) == (low, high)


@pytest.mark.parametrize(
    ("orders", "increase"),
    [
        ([], True),
        ([known(1, 0, 1)], True),
        ([known(0, 0, 1)], True),
        ([known(1, 0, 1), known(2, 2, 3)], True),
        ([known(2, 2, 3), known(1, 0, 1)], True),  # in whichever order they are told
        ([known(2, 0, 1), known(1, 2, 3)], False),
        ([known(1, 0, 1), known(1, 2, 3)], False),
        ([known(2, 0, 5), known(1, 2, 3)], True),  # at the same time
        ([known(2, 0, 2), known(1, 2, 3)], True),  # at the same instant
        ([known(9, 0, 1), known(10, 2, 3)], True),
        ([known(5, 0, 9), known(7, 1, 2), known(6, 3, 4)], False),
        ([known("a1", 0, 1)], False),
        ([known("", 0, 1)], False),
        ([known("-1", 0, 1)], False),
        ([known("1.5", 0, 1)], False),
        ([known("007", 0, 1)], False),  # asked about as 7, it would be found, and be nobody's
        ([known("٣", 0, 1)], False),
        ([known("9" * 5000, 0, 1)], False),
    ],
)
def test_whether_ids_increase(orders, increase):
    assert ids_increase(orders) is increase


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("23501", 23501), ("9" * 18, 10**18 - 1), ("9" * 19, None)])
def test_an_id_as_a_number(text, number):
    assert number_of(text) == number


QUESTION = OpenQuestion(
    order_id=7,
    token=70,
    state=OrderState.UNCONFIRMED,
    expected_charge=Decimal("0.9"),
    units=100,
    is_parent=False,
    replied=False,
    began_at=1000.0,
    ended_at=1030.0,
    now=5000.0,
    due=True,
)
REPLIED = replace(QUESTION, replied=True)
UNDER_WAY = replace(QUESTION, state=OrderState.SUBMITTING, ended_at=None)


@pytest.mark.parametrize(
    ("question", "last_at", "settled_at", "over_at"),
    [
        (QUESTION, 1330.0, 1330.0, 1630.0),  # unanswered, it may be taken late
        (REPLIED, 1030.0, 1330.0, 1330.0),
        (UNDER_WAY, 5300.0, None, None),
    ],
)
def test_the_times_of_an_order(question, last_at, settled_at, over_at):
    assert question.last_at(SETTLE) == last_at
    for at in (1030.0, 1329.0, 1330.0, 1629.0, 1630.0, 9000.0):
        assert question.is_settled(SETTLE, at) is (settled_at is not None and at >= settled_at)
        assert question.is_over(SETTLE, at) is (over_at is not None and at >= over_at)


def test_a_suspect_is_what_is_known_around_it():
    orders = [known(90, 800, 810), known(100, 900, 910), known(110, 1331, 1332), known(120, 1400, 1401)]
    assert suspect_of(QUESTION, orders, settle=SETTLE, asked_at=1500.0) == Suspect(
        7, Decimal("0.9"), 100, is_parent=False, low=100, high=110, since=900.0, is_over=False
    )


def test_a_suspect_may_lie_anywhere_where_ids_say_nothing():
    orders = [known(100, 900, 910), known(90, 920, 930), known(110, 1331, 1332)]
    found = suspect_of(QUESTION, orders, settle=SETTLE, asked_at=2000.0)
    assert (found.low, found.high, found.since, found.is_ordered) == (None, None, 0.0, False)


def gap(low, high, order_id=1, **more):
    return Suspect(order_id, None, None, is_parent=False, low=low, high=high, **more)


@pytest.mark.parametrize(
    ("low", "high", "at_most", "numbers"),
    [
        (100, 104, 9, [101, 102, 103]),
        (100, 104, 2, [101, 102]),
        (100, 101, 9, []),
        (100, None, 3, [101, 102, 103]),
        (None, 104, 2, [102, 103]),
        (None, 3, 9, [1, 2]),
        (None, None, 9, []),
    ],
)
def test_the_ids_that_are_asked_about(low, high, at_most, numbers):
    assert list(gap(low, high).numbers(at_most)) == numbers


@pytest.mark.parametrize(
    ("one", "other", "touch"),
    [
        ((100, 110), (105, 120), True),
        ((100, 110), (109, 120), False),
        ((100, 110), (108, 120), True),
        ((100, 110), (110, 120), False),
        ((100, None), (500, 510), True),
        ((None, None), (100, 110), True),
        ((None, 101), (100, 110), False),
    ],
)
def test_gaps_that_touch(one, other, touch):
    numbers = set(range(1, 999))
    both = {n for n in numbers if gap(*one).may_lie_at(n) and gap(*other).may_lie_at(n)}
    assert bool(both) is touch
    assert gap(*one).shares_ids_with(gap(*other)) is touch
    assert gap(*other).shares_ids_with(gap(*one)) is touch


def test_what_is_weighed_together():
    due, beside, further, apart = (
        gap(*ends, order_id=n) for n, ends in enumerate([(100, 110), (105, 120), (115, 130), (200, 210)])
    )
    young = gap(100, None, order_id=9, is_settled=False, is_over=False)
    together = weighed_together([further, apart, young, beside, due], due={0, 9})
    assert [suspect.order_id for suspect in together] == [0, 1, 2]
