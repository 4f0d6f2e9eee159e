"""Tests each part of an audit's report in single cases that can be computed by hand: a reading every 200 seconds."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.unit.domain.money_world import at
from worker.domain.amounts import Amount
from worker.domain.money.audit import BalanceReading, Report, audit
from worker.domain.money.causes import MOST_CAUSES, PossibleCause, possible_causes
from worker.domain.money.movements import Call, Cause, History, Movement, Taken, Told
from worker.domain.orders.states import OrderState

PRICE = Decimal("0.90")


def readings(*balances):
    return [BalanceReading(at(200 * n), at(200 * n), Decimal(one), "USD") for n, one in enumerate(balances)]


def bought(order_id, second, price=PRICE, *told):
    """An order that was sent at this second, and taken within the next."""
    first = Told(at(second + 20), None, OrderState.SUBMITTED, price, 1000)
    return History(order_id, (Call(at(second), at(second + 1), Taken.YES, price, 1000),), (first, *told))


def canceled(second, before):
    return Told(at(second), at(before), OrderState.CANCELED, Decimal(0), 1000)


def exactly(amount):
    return Amount.of(Decimal(amount))


def test_a_report_in_full():
    """One order bought, one canceled and its refund kept back by the panel, a top-up, and a charge of nobody's."""
    report = audit(
        readings("10.00", "8.20", "8.20", "13.20", "12.70"),
        [bought(7, 100), bought(8, 110, PRICE, canceled(390, 350))],
    )
    assert report is not None
    assert report == Report(
        currency="USD",
        readings=5,
        opening=report.opening,
        closing=report.closing,
        charges=exactly("1.80"),
        refunds=exactly("0.90"),
        charged_orders=2,
        refunded_orders=1,
        rises=report.rises,
        falls=report.falls,
        top_ups=exactly("5.00"),
        unexplained=exactly("-1.40"),
        slack=Decimal(0),
        spawned=exactly(0),
        doubtful=(),
        spawning=(),
    )
    assert (report.opening.at, report.closing.at) == (at(0), at(800))
    (rise,) = report.rises
    assert (rise.since, rise.until, rise.amount, rise.suspects, rise.suspected) == (
        at(400),
        at(600),
        exactly("5.00"),
        (),
        0,
    )
    refund, charge = report.falls
    assert (refund.since, refund.until, refund.amount) == (at(200), at(400), exactly("-0.90"))
    assert refund.suspects[0] == PossibleCause(8, Cause.REFUND, PRICE, exact=True)
    assert (charge.since, charge.until, charge.amount, charge.suspects) == (at(600), at(800), exactly("-0.50"), ())
    assert report.certainly_missing == Decimal("1.40")


def test_what_moved_at_a_reading_may_have_moved_before_or_after_it():
    """The order was taken from second 195 to 205; the reading at 200 may have seen it or not."""
    call = Call(at(195), at(205), Taken.YES, PRICE, 1000)
    for seen in ("10.00", "9.10"):
        report = audit(readings("10.00", seen, "9.10"), [History(7, (call,))])
        assert (report.falls, report.rises) == ((), ())
    assert audit(readings("10.00", "9.09", "9.10"), [History(7, (call,))]).falls
    assert audit(readings("10.00", "10.01", "9.10"), [History(7, (call,))]).rises


def test_what_was_still_on_its_way_at_an_end_counts_within_bounds():
    """Taken around the opening or the closing, so nothing says whether the report has it."""
    around_opening = History(7, (Call(at(-5), at(5), Taken.YES, PRICE, 1000),))
    around_closing = History(8, (Call(at(395), at(405), Taken.YES, PRICE, 1000),))
    report = audit(readings("10.00", "10.00", "10.00"), [around_opening, around_closing])
    assert report.charges == Amount(Decimal(0), Decimal("1.80"))
    assert report.charged_orders == 2
    assert report.slack == Decimal("1.80")
    before = History(9, (Call(at(-20), at(-10), Taken.YES, PRICE, 1000),))
    assert audit(readings("10.00", "10.00"), [before]).charges == exactly(0)
    after = History(9, (Call(at(201), at(202), Taken.YES, PRICE, 1000),))
    assert audit(readings("10.00", "10.00"), [after]).charges == exactly(0)


def test_more_could_be_missing_than_the_readings_show():
    """0.50 is gone for certain. Had the panel taken the order before the opening, 0.90 more would be."""
    around_opening = History(7, (Call(at(-5), at(5), Taken.YES, PRICE, 1000),))
    report = audit(readings("10.00", "10.00", "9.50", "9.50"), [around_opening])
    assert (report.unexplained, report.slack) == (exactly("-0.50"), PRICE)


def test_falls_together_are_known_better_than_each_alone():
    """Each fall is known within the rounding of two readings, and all of them within that of the first and the last."""
    told = Told(at(-80), None, OrderState.COMPLETED, Decimal("0.904"), 0)
    fine = History(7, (Call(at(-100), at(-99), Taken.YES, Decimal("0.904"), 1000),), (told,))
    report = audit(readings("10.00", "9.50", "9.50", "9.00"), [fine])
    assert [fall.amount for fall in report.falls] == [Amount(Decimal("-0.52"), Decimal("-0.48"))] * 2
    assert report.unexplained == Amount(Decimal("-1.02"), Decimal("-0.98"))


def test_orders_in_doubt_are_named_and_may_have_come_back():
    doubt = History(7, (Call(at(100), at(150), Taken.MAYBE, PRICE, 1000),))
    report = audit(readings("10.00", "9.10"), [doubt])
    assert (report.doubtful, report.charges, report.refunds) == ((7,), Amount(Decimal(0), PRICE), exactly(0))
    old = History(7, (Call(at(-100), at(-50), Taken.MAYBE, PRICE, 1000),))
    report = audit(readings("10.00", "10.90"), [old])
    assert (report.doubtful, report.refunds, report.rises) == ((), Amount(Decimal(0), PRICE), ())
    assert len(audit(readings("10.00", "10.91"), [old]).rises) == 1


def test_one_doubt_is_one_amount_at_every_reading():
    """It explains one fall of 0.90 at most; if the panel never took it, it explains none."""
    doubt = History(7, (Call(at(100), at(150), Taken.MAYBE, PRICE, 1000),))
    report = audit(readings("10.00", "9.10", "8.20"), [doubt])
    assert report.unexplained == Amount(Decimal("-1.80"), Decimal("-0.90"))


@pytest.mark.parametrize(
    ("opening_within", "closing_within", "begins", "ends"),
    [(0, 0, 0, 1600), (200, 0, 200, 1600), (0, 400, 0, 1200), (3600, 3600, 200, 1200)],
)
def test_it_begins_and_ends_at_quiet_readings_within_a_quarter_of_the_time(
    opening_within, closing_within, begins, ends
):
    """Something is in the air at the first reading and at 1400 and 1600, and all the time around 600."""
    histories = [
        History(7, (Call(at(-10), at(10), Taken.YES, PRICE, 1000),)),
        History(8, (Call(at(590), at(610), Taken.YES, PRICE, 1000),)),
        bought(9, 700, PRICE, canceled(1700, 1300)),
    ]
    report = audit(
        readings("10.00", "9.10", "9.10", "9.10", *["7.30"] * 5),
        histories,
        opening_within=timedelta(seconds=opening_within),
        closing_within=timedelta(seconds=closing_within),
    )
    assert (report.opening.at, report.closing.at) == (at(begins), at(ends))


def test_of_equally_quiet_readings_the_outermost_count():
    report = audit(readings(*["10.00"] * 9), [], opening_within=timedelta(hours=1), closing_within=timedelta(hours=1))
    assert (report.opening.at, report.closing.at) == (at(0), at(1600))


def test_a_reading_that_was_asked_for_before_the_last_was_answered_is_left_out():
    one, other, last = readings("10.00", "10.00", "10.00")
    overlapping = replace(other, asked_at=at(-1))
    touching = replace(other, asked_at=at(0))
    assert audit([one, overlapping, last], []).readings == 2
    assert audit([one, touching, last], []).readings == 3


def test_readings_count_from_the_last_change_of_the_currency():
    one, other, third, last = readings("10.00", "500", "10.00", "10.00")
    report = audit([one, replace(other, currency="EUR"), third, last], [])
    assert (report.readings, report.opening.at) == (2, at(400))
    silent = audit([one, replace(one, at=at(200), asked_at=at(200), currency=None), third], [])
    assert silent.readings == 3


@pytest.mark.parametrize(
    ("balance", "charge", "slack"),
    [
        ("9.1", "0.90", "0"),  # the balance has a digit less to show, and the charge says that it counts in cents
        ("9.10", "0.904", "0.02"),  # twice a cent: each of the two readings may be off by one
        ("9.10000", "0.904", "0"),
    ],
)
def test_readings_that_are_coarser_than_charges_are_blurred(balance, charge, slack):
    told = Told(at(120), None, OrderState.SUBMITTED, Decimal(charge), 1000)
    order = History(7, (Call(at(100), at(101), Taken.YES, Decimal(charge), 1000),), (told,))
    opening = Decimal(balance) + PRICE
    report = audit(readings(opening, balance), [order])
    assert report.slack >= Decimal(slack)
    fell_further = audit(readings(opening, Decimal(balance) - Decimal("0.10")), [order])
    assert len(fell_further.falls) == 1


# Possible causes


def movement(order_id, cause, stake, begins=0):
    return Movement(order_id, cause, exactly(stake), at(begins), None, Decimal(stake))


def causes(missing, *moved):
    return [(one.order_id, one.cause, one.exact, one.beside) for one in possible_causes(exactly(missing), moved)]


def test_an_exact_stake_comes_first_by_what_it_tells():
    moved = [
        movement(1, Cause.CLOSED, "0.90"),
        movement(2, Cause.CHARGE, "0.90"),
        movement(3, Cause.REFUTED, "0.90"),
        movement(4, Cause.DOUBT, "0.90"),
        movement(5, Cause.REFUND, "0.90"),
        movement(6, Cause.CHARGE, "0.50"),
    ]
    assert causes("0.90", *moved) == [
        (5, Cause.REFUND, True, None),
        (4, Cause.DOUBT, True, None),
        (3, Cause.REFUTED, True, None),
        (2, Cause.CHARGE, True, None),
        (1, Cause.CLOSED, True, None),
        (6, Cause.CHARGE, False, None),
    ]


def test_of_equals_the_earlier_comes_first():
    moved = [movement(1, Cause.REFUND, "0.90", 20), movement(2, Cause.REFUND, "0.90", 10)]
    assert [order_id for order_id, *_ in causes("0.90", *moved)] == [2, 1]
    others = [movement(3, Cause.CHARGE, "0.50", 20), movement(4, Cause.REFUND, "0.10", 10)]
    assert [order_id for order_id, *_ in causes("0.90", *others)] == [4, 3]


def test_without_an_exact_stake_only_charges_and_refunds_are_possible():
    moved = [movement(number, cause, "0.50") for number, cause in enumerate(Cause) if cause is not Cause.SPAWNED]
    assert {cause for _, cause, _, _ in causes("0.90", *moved)} == {Cause.CHARGE, Cause.REFUND}


def test_an_order_with_nothing_at_stake_is_no_cause():
    assert causes("0.00", movement(1, Cause.CHARGE, "0.00")) == []


def test_an_order_is_named_once():
    moved = [movement(1, Cause.CHARGE, "0.90", 10), movement(1, Cause.REFUND, "0.90", 20)]
    assert causes("0.90", *moved) == [(1, Cause.REFUND, True, None)]


def test_two_orders_that_have_it_together():
    moved = [movement(1, Cause.CLOSED, "0.60"), movement(2, Cause.REFUND, "0.30"), movement(3, Cause.CHARGE, "0.50")]
    assert causes("0.90", *moved) == [
        (2, Cause.REFUND, True, 1),
        (1, Cause.CLOSED, True, 2),
        (3, Cause.CHARGE, False, None),
    ]
    assert causes("0.91", *moved) == [(2, Cause.REFUND, False, None), (3, Cause.CHARGE, False, None)]


def test_one_order_is_no_pair_and_two_pairs_are_none():
    same = [movement(1, Cause.CHARGE, "0.60"), movement(1, Cause.REFUND, "0.30")]
    assert [exact for *_, exact, _ in causes("0.90", *same)] == [False]
    two = [movement(number, Cause.CLOSED, stake) for number, stake in enumerate(["0.60", "0.30", "0.50", "0.40"])]
    assert causes("0.90", *two) == []


@pytest.mark.parametrize(("many", "paired"), [(198, True), (199, False)])
def test_among_more_than_200_stakes_two_that_add_up_say_nothing(many, paired):
    pair = [movement(1, Cause.REFUND, "0.60"), movement(2, Cause.REFUND, "0.30")]
    rest = [movement(10 + number, Cause.CLOSED, Decimal(100 + number)) for number in range(many)]
    assert [exact for *_, exact, _ in causes("0.90", *pair, *rest)] == [paired, paired]


def test_a_report_names_the_twenty_likeliest_and_counts_all():
    report = audit(readings("100.00", "50.00"), [bought(number, 100 + number) for number in range(25)])
    (fall,) = report.falls
    assert MOST_CAUSES == 20
    assert [one.order_id for one in fall.suspects] == list(range(20))
    assert fall.suspected == 25


def test_what_began_after_or_ended_before_a_fall_is_no_cause_of_it():
    report = audit(readings("10.00", "9.10", "8.00", "7.10"), [bought(7, 100), bought(8, 500)])
    (fall,) = report.falls
    assert (fall.since, fall.until, fall.suspects) == (at(200), at(400), ())
    at_the_end = History(9, (Call(at(400), at(401), Taken.YES, PRICE, 1000),))
    report = audit(readings("10.00", "10.00", "8.00", "8.00"), [at_the_end])
    assert [one.order_id for one in report.falls[0].suspects] == [9]
