"""Tests what an order may have done to the balance, movement by movement, from what is on record."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from worker.domain.amounts import Amount
from worker.domain.money.movements import (
    UNLIMITED,
    Call,
    Cause,
    History,
    Movement,
    Taken,
    Told,
    movements_of,
)
from worker.domain.orders.states import OrderState

GRAIN = Decimal("0.01")
PRICE = Decimal("0.90")
CALL = Call(
    began_at=datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC), last_at=None, taken=Taken.YES, expected=PRICE, units=1000
)


def at(second):
    return CALL.began_at + timedelta(seconds=second)


CALLED = replace(CALL, last_at=at(5))
SUBMITTED, PARTIAL = OrderState.SUBMITTED, OrderState.PARTIAL
COMPLETED, CANCELED = OrderState.COMPLETED, OrderState.CANCELED


def told(second, state, charge=None, remains=None, before=None):
    return Told(at(second), before and at(before), state, charge and Decimal(charge), remains)


def amount(low, high=None):
    return Amount(Decimal(low), Decimal(low if high is None else high))


def moved(call, *told, grain=GRAIN):
    """Each movement as (cause, amount, begins, ends, stake, back)."""
    return [
        (
            one.cause,
            one.amount,
            (one.begins - at(0)).total_seconds(),
            None if one.ends is None else (one.ends - at(0)).total_seconds(),
            one.stake,
            one.back,
        )
        for one in movements_of(History(7, (call,), told), grain)
    ]


def test_the_price_is_taken_while_the_call_is_out():
    assert moved(CALLED) == [(Cause.CHARGE, amount("0.90"), 0, 5, PRICE, False)]
    assert moved(CALL) == [(Cause.CHARGE, amount("0.90"), 0, None, PRICE, False)]


def test_a_price_that_is_not_told_may_be_rounded_either_way():
    call = replace(CALLED, expected=Decimal("0.9035"))
    assert moved(call) == [(Cause.CHARGE, amount("0.90", "0.91"), 0, 5, Decimal("0.91"), False)]


def test_the_first_charge_that_is_told_is_the_price():
    assert moved(CALLED, told(30, SUBMITTED, "0.95", 1000)) == [
        (Cause.CHARGE, amount("0.95"), 0, 5, Decimal("0.95"), False)
    ]


def test_what_a_poll_saw_was_taken_before():
    (charge,) = moved(replace(CALL, last_at=at(600)), told(30, SUBMITTED, "0.90", 1000))
    assert charge[2:4] == (0, 30)
    (charge,) = moved(replace(CALL, last_at=at(20)), told(30, SUBMITTED, "0.90", 1000))
    assert charge[2:4] == (0, 20)


def test_a_completed_order_gives_nothing_back_and_should_cost_no_more():
    assert moved(CALLED, told(30, SUBMITTED, "0.90", 1000), told(90, COMPLETED, "0.90", 0, before=60)) == [
        (Cause.CHARGE, amount("0.90"), 0, 5, PRICE, False),
        (Cause.CLOSED, amount(0), 60, None, PRICE, False),
    ]


@pytest.mark.parametrize(
    ("end", "given"),
    [
        (told(90, CANCELED, "0", 1000, before=60), "0.90"),
        (told(90, CANCELED, "0.90", 1000, before=60), "0.90"),  # the panel kept the charge
        (told(90, PARTIAL, "0.54", 400, before=60), "0.36"),
        (told(90, PARTIAL, "0.90", 400, before=60), "0.36"),
        (told(90, COMPLETED, "0.80", 0, before=60), "0.10"),
    ],
)
def test_a_refund_comes_between_the_polls_around_it(end, given):
    back = Decimal(given)
    assert moved(CALLED, told(30, SUBMITTED, "0.90", 1000), end) == [
        (Cause.CHARGE, amount("0.90"), 0, 5, PRICE, False),
        (Cause.REFUND, amount(given), 60, 90, back, True),
        (Cause.CLOSED, amount(0), 60, None, PRICE - back, False),
    ]


def test_a_change_without_a_poll_before_came_after_the_last_news():
    movements = moved(CALLED, told(30, SUBMITTED, "0.90", 1000), told(90, CANCELED, "0", 1000))
    assert [(begins, ends) for _, _, begins, ends, _, _ in movements] == [(0, 5), (30, 90), (30, None)]


def test_a_charge_that_rises_is_taken_later():
    assert moved(CALLED, told(30, SUBMITTED, "0.90", 1000), told(90, SUBMITTED, "1.00", 500, before=60)) == [
        (Cause.CHARGE, amount("0.90"), 0, 5, PRICE, False),
        (Cause.CHARGE, amount("0.10"), 60, 90, Decimal("0.10"), False),
    ]


@pytest.mark.parametrize("end", [told(90, PARTIAL, "0.90", before=60), told(90, PARTIAL, before=60)])
def test_a_partial_order_without_remains_may_have_given_back_anything(end):
    assert moved(CALLED, told(30, SUBMITTED, "0.90", 1000), end)[1:] == [
        (Cause.REFUND, amount(0, "0.90"), 60, 90, PRICE, True),
        (Cause.CLOSED, amount(0), 60, None, PRICE, False),
    ]


def test_nor_is_it_known_where_remains_counts_something_else():
    end = told(90, PARTIAL, "0.90", 400, before=60)
    assert moved(replace(CALLED, units=None), end)[1][1] == amount(0, "0.90")


@pytest.mark.parametrize(
    ("remains", "given"), [(-50, None), (0, None), (1, "0.01"), (999, "0.90"), (1000, "0.90"), (1100, "0.90")]
)
def test_no_more_than_all_of_it_was_delivered_and_no_less_than_nothing(remains, given):
    """0.90 for 1,000: one unit costs less than a grain, and what was delivered is rounded either way."""
    movements = moved(CALLED, told(30, SUBMITTED, "0.90", 1000), told(90, PARTIAL, "0.90", remains, before=60))
    refunds = [one[1].high for one in movements if one[0] is Cause.REFUND]
    assert refunds == ([] if given is None else [Decimal(given)])


def test_an_order_that_was_cut_short_before_the_first_poll_cost_its_whole_price():
    for charge in ("0", "0.54"):
        first, *_ = moved(CALLED, told(90, PARTIAL, charge, 400))
        assert first == (Cause.CHARGE, amount("0.90"), 0, 5, PRICE, False)
    first, *_ = moved(CALLED, told(90, PARTIAL, "0.90", 400))
    assert first[1] == amount("0.90")
    first, *_ = moved(replace(CALLED, expected=None), told(90, PARTIAL, "0.54", 400))
    assert first[1] == amount("0.54")


def test_a_charge_of_nothing_is_no_price_while_the_order_is_open():
    movements = moved(CALLED, told(30, SUBMITTED, "0", 1000), told(90, SUBMITTED, "0.95", 900, before=60))
    assert movements == [
        (Cause.CHARGE, amount("0.95"), 0, 5, Decimal("0.95"), False),
    ]


# What nobody knows for sure


def test_an_order_in_doubt_may_have_taken_up_to_its_price():
    call = replace(CALLED, taken=Taken.MAYBE, expected=Decimal("0.9035"))
    assert moved(call) == [(Cause.DOUBT, amount(0, "0.91"), 0, 5, Decimal("0.91"), False)]


def test_an_order_that_was_refuted_took_nothing_and_has_its_price_at_stake():
    call = replace(CALLED, taken=Taken.NO, expected=Decimal("0.9035"))
    assert moved(call) == [(Cause.REFUTED, amount(0), 0, 5, Decimal("0.91"), False)]


def test_a_call_that_is_not_the_orders_own_is_charged_and_not_followed():
    assert moved(replace(CALLED, own=False), told(90, CANCELED, "0", 1000)) == [
        (Cause.CHARGE, amount("0.90"), 0, 5, PRICE, False)
    ]


# Drip-feeds and subscriptions


def test_a_drip_feed_has_paid_and_may_give_back_until_it_has_ended():
    feed = replace(CALLED, is_parent=True, units=None)
    assert moved(feed) == [
        (Cause.CHARGE, amount("0.90"), 0, 5, PRICE, False),
        (Cause.SPAWNED, amount(0, "0.90"), 0, None, Decimal(0), True),
    ]
    ended = moved(feed, told(30, SUBMITTED), told(90, COMPLETED, before=60))
    assert [one[0] for one in ended] == [Cause.CHARGE, Cause.SPAWNED]
    assert ended[1][2:4] == (0, 90)
    reopened = moved(feed, told(30, COMPLETED), told(90, SUBMITTED, before=60))
    assert reopened[1][2:4] == (0, None)


def test_a_drip_feed_that_has_a_charge_is_followed_too():
    feed = replace(CALLED, is_parent=True, units=None)
    movements = moved(feed, told(30, SUBMITTED, "0.90"), told(90, CANCELED, "0.50", before=60))
    assert [one[0] for one in movements] == [Cause.CHARGE, Cause.SPAWNED, Cause.REFUND, Cause.CLOSED]


@pytest.mark.parametrize("taken", [Taken.YES, Taken.MAYBE])
def test_a_subscription_may_move_anything_either_way(taken):
    call = replace(CALLED, taken=taken, is_parent=True, expected=None, units=None, own=False)
    movements = moved(call)
    assert [(one[0], one[1].high, one[2:4], one[5]) for one in movements[1:]] == [
        (Cause.SPAWNED, UNLIMITED, (0, None), True),
        (Cause.SPAWNED, UNLIMITED, (0, None), False),
    ]
    assert movements[0][1] == amount(0)


def test_when_a_movement_is_over():
    movement = Movement(7, Cause.CHARGE, amount("0.90"), at(0), at(5), PRICE)
    assert [movement.is_over(at(second)) for second in (4, 5, 6)] == [False, True, True]
    assert not replace(movement, ends=None).is_over(at(10**6))
    assert not movement.is_unlimited
    assert replace(movement, amount=Amount.up_to(UNLIMITED)).is_unlimited
