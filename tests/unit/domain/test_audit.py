"""The balance explained: in made-up worlds whose truth is known, and in single cases that can be read."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.domain.money_world import (
    GRAIN,
    UNITS,
    Order,
    Panel,
    World,
    at,
    grains,
    looks,
    orders,
)
from worker.domain.amounts import Amount
from worker.domain.money.audit import BalanceReading, audit
from worker.domain.money.movements import Call, Cause, History, Taken, Told
from worker.domain.orders.states import OrderState

SLOT = 100


@st.composite
def calm_worlds(draw):
    """Orders one after the other, a reading between each two, others at any time; at most one wrong in each slot."""
    world, panel = World(), Panel(rewrites=draw(st.booleans()), rounds=False)
    count = draw(st.integers(1, 6))
    for slot in range(count):
        begin, end = slot * SLOT, (slot + 1) * SLOT
        wrong = draw(st.sampled_from(["nothing", "nothing", "overcharge", "withheld", "foreign", "again", "top-up"]))
        order = draw(orders(slot, begin + 1, end - 20, even=True))
        amount = draw(st.integers(1, 100_000))
        order.live(world, panel, overcharge=amount * (wrong == "overcharge"), withheld=wrong == "withheld")
        if wrong in {"foreign", "top-up", "again"}:
            when = draw(st.integers(order.ended if wrong == "again" else begin + 1, end - 1))
            cost = {"foreign": -amount, "top-up": amount, "again": -order.cost}[wrong]
            world.happened(when, cost, explained=cost == 0)
        called = (order.added - draw(st.integers(0, 1)), order.added + draw(st.integers(0, 3)))
        world.histories.append(order.record(panel, called, draw(looks(order, end - 10))))
    for slot in range(count + 1):
        world.read(slot * SLOT)
    for second in draw(st.lists(st.integers(0, count * SLOT), max_size=8)):
        world.read(second, draw(st.integers(0, 5)), draw(st.integers(0, 5)))
    return world


@given(calm_worlds())
def test_in_a_calm_world_each_wrong_is_found_to_the_last_digit(world):
    report = audit(world.readings, world.histories)
    end = max(second for second, _, _ in world.events) + SLOT
    wrong = world.unexplained(0, end)
    missing, given = [a for a in wrong if a < 0], [a for a in wrong if a > 0]
    assert [fall.amount for fall in report.falls] == [Amount.of(amount) for amount in missing]
    assert [rise.amount for rise in report.rises] == [Amount.of(amount) for amount in given]
    assert report.unexplained == Amount.of(sum(missing, Decimal(0)))
    assert report.top_ups == Amount.of(sum(given, Decimal(0)))
    assert report.slack == 0
    closing = report.opening.balance - report.charges.low + report.refunds.low + sum(wrong)
    assert closing == report.closing.balance


@st.composite
def busy_worlds(draw, *, wrongs, all_seen=True):
    """Orders all at once, some of them in doubt, and readings at any time, in the middle of whatever goes on."""
    world, panel, end = World(), Panel(rewrites=draw(st.booleans()), rounds=draw(st.booleans())), 1000
    living = [draw(orders(number, 0, end)) for number in range(draw(st.integers(0, 8)))]
    for order in living:
        order.live(world, panel)
        called = (order.added - draw(st.integers(0, 5)), order.added + draw(st.integers(0, 60)))
        last = end + 20 if all_seen or draw(st.booleans()) else order.added
        world.histories.append(order.record(panel, called, draw(looks(order, min(end, last), last))))
    for number in range(draw(st.integers(0, 2))):
        order = draw(orders(100 + number, 0, end))
        if draw(st.booleans()):
            order.live(world, panel)
        world.histories.append(
            order.doubt((order.added - draw(st.integers(0, 5)), order.added + draw(st.integers(0, 60))))
        )
    for _ in range(wrongs):
        world.happened(draw(st.integers(1, end)), draw(st.integers(-300_000, -1)), explained=False)
    for second in draw(st.lists(st.integers(0, end), min_size=2, max_size=12)):
        world.read(second, draw(st.integers(0, 20)), draw(st.integers(0, 20)))
    for quiet in draw(st.sampled_from([(), (-30,), (-30, end + 50), (end + 50,)])):
        world.read(quiet)
    return world


def audited(world):
    report = audit(world.readings, world.histories)
    assume(report is not None)  # too many of its readings were made at once
    return report


def true_ends(world, report):
    """Between which seconds the truth of the report's first and last reading lies, at least and at most."""
    return ((report.opening.at - at(0)).total_seconds(), (report.closing.asked_at - at(0)).total_seconds())


@given(busy_worlds(wrongs=0))
def test_where_nothing_is_wrong_nothing_is_told(world):
    report = audited(world)
    assert (report.rises, report.falls) == ((), ())
    assert report.unexplained == report.top_ups == Amount.of(Decimal(0))


@given(busy_worlds(wrongs=0, all_seen=False))
def test_a_refund_that_was_not_seen_yet_is_never_taken_for_a_loss(world):
    report = audited(world)
    assert report.falls == ()


@given(busy_worlds(wrongs=1))
def test_one_wrong_is_told_with_its_time_and_within_its_bounds_or_lies_within_the_slack(world):
    report = audited(world)
    ((second, count, _),) = [event for event in world.events if not event[2]]
    amount = grains(count)
    assert report.rises == ()
    for fall in report.falls:
        assert fall.since <= at(second) <= fall.until
        assert amount in fall.amount
        assert amount in report.unexplained
        assert report.certainly_missing > 0
    begin, end = true_ends(world, report)
    if begin < second <= end and not report.falls:
        assert -amount <= report.slack


@given(busy_worlds(wrongs=3))
def test_several_wrongs_are_told_where_they_are(world):
    report = audited(world)
    wrong = [second for second, _, explained in world.events if not explained]
    for fall in report.falls:
        assert any(fall.since <= at(second) <= fall.until for second in wrong)
    assert report.rises == ()


# Single cases: an order of 0.90 for 1,000 units that is taken at 100, told of at 130, and then has an end.

PRICE = Decimal("0.90")


def history(*told, taken=Taken.YES, expected=PRICE, **call):
    called = Call(at(100), at(101), taken, expected, **({"units": UNITS} | call))
    return History(7, (called,), (Told(at(130), None, OrderState.SUBMITTED, PRICE, UNITS), *told))


def told(state, charge, remains=None, second=500, before=410):
    return Told(at(second), at(before), state, charge and Decimal(charge), remains)


def readings(*balances):
    """At 0, 200, 400, ... seconds."""
    return [BalanceReading(at(200 * n), at(200 * n), Decimal(balance), "USD") for n, balance in enumerate(balances)]


CANCELED, PARTIAL, COMPLETED = OrderState.CANCELED, OrderState.PARTIAL, OrderState.COMPLETED


@pytest.mark.parametrize(
    ("end", "given"),
    [
        (told(COMPLETED, "0.90", 0), "0"),
        (told(CANCELED, "0.00", 1000), "0.90"),
        (told(CANCELED, "0.90", 1000), "0.90"),  # the charge was kept
        (told(PARTIAL, "0.60", 400), "0.30"),
        (told(PARTIAL, "0.90", 400), "0.36"),  # the charge was kept
        (told(PARTIAL, "0.90", 0), "0"),
        (told(PARTIAL, "0.90", -50), "0"),  # more than all was delivered
        (told(COMPLETED, "0.72", 0), "0.18"),
    ],
)
def test_what_an_end_gives_back(end, given):
    """Whether or not the panel rewrites the charge; and if the money doesn't come, it is missed."""
    whole = audit(readings("10.00", "9.10", "9.10", Decimal("9.10") + Decimal(given)), [history(end)])
    assert (whole.falls, whole.rises, whole.slack) == ((), (), 0)
    assert (whole.charges, whole.refunds) == (Amount.of(PRICE), Amount.of(Decimal(given)))
    if Decimal(given):
        missing = audit(readings("10.00", "9.10", "9.10", "9.10"), [history(end)])
        assert missing.unexplained == Amount.of(-Decimal(given))
        (fall,) = missing.falls
        assert (fall.since, fall.until) == (at(400), at(600))
        assert (fall.suspects[0].order_id, fall.suspects[0].cause, fall.suspects[0].exact) == (7, Cause.REFUND, True)


def test_a_partial_order_that_does_not_say_what_remains_may_have_given_back_anything():
    for balance in ("9.10", "9.50", "10.00"):
        report = audit(readings("10.00", "9.10", "9.10", balance), [history(told(PARTIAL, "0.90"))])
        assert (report.falls, report.rises) == ((), ())
    assert audit(readings("10", "9.10", "9.10", "9.00"), [history(told(PARTIAL, "0.90"))]).certainly_missing > 0


def test_an_order_that_was_cut_short_before_the_first_look_was_taken_at_its_whole_price():
    cut = History(7, (Call(at(100), at(101), Taken.YES, PRICE, UNITS),), (told(CANCELED, "0", second=500),))
    report = audit(readings("10.00", "9.10", "9.10", "10.00"), [cut])
    assert (report.falls, report.rises) == ((), ())
    assert audit(readings("10.00", "9.10", "9.10", "9.10"), [cut]).unexplained == Amount.of(-PRICE)


def test_the_smallest_of_all_orders_may_have_given_all_of_it_back():
    """Its price is one grain or none, and so is what it costs when it was cut short: they needn't be the same."""
    call = Call(at(100), at(101), Taken.YES, GRAIN * 2 / 3, UNITS)
    cut = History(7, (call,), (told(PARTIAL, "0", 999, second=500),))
    report = audit(readings("10.00000", "9.99999", "9.99999", "10.00000"), [cut])
    assert (report.falls, report.rises) == ((), ())


def test_a_charge_of_nothing_is_not_told_yet():
    late = History(
        7,
        (Call(at(100), at(101), Taken.YES, PRICE, UNITS),),
        (told(OrderState.SUBMITTED, "0", second=130), told(OrderState.SUBMITTED, "0.90", second=500)),
    )
    report = audit(readings("10.00", "9.10", "9.10", "9.10"), [late])
    assert (report.falls, report.rises) == ((), ())


def test_a_charge_after_the_close_is_the_closed_orders():
    report = audit(readings("10.00", "9.10", "9.10", "9.10", "8.20"), [history(told(COMPLETED, "0.90", 0))])
    (fall,) = report.falls
    assert fall.amount == Amount.of(-PRICE)
    assert [(s.order_id, s.cause, s.exact) for s in fall.suspects] == [(7, Cause.CLOSED, True)]


def test_an_overcharge_is_of_an_order_that_was_sent_then():
    report = audit(readings("10.00", "9.01", "9.01"), [history()])
    (fall,) = report.falls
    assert fall.amount == Amount.of(Decimal("-0.09"))
    assert [(s.order_id, s.cause, s.exact) for s in fall.suspects] == [(7, Cause.CHARGE, False)]


def test_two_wrongs_at_once_are_of_the_only_two_orders_that_make_up_the_amount():
    """A refund of 0.60 that didn't come, and a charge of 0.90 after the close."""
    closed = history(told(COMPLETED, "0.90", 0))
    canceled = History(
        8,
        (Call(at(100), at(101), Taken.YES, Decimal("0.60"), UNITS),),
        (Told(at(130), None, OrderState.SUBMITTED, Decimal("0.60"), UNITS), told(CANCELED, "0", UNITS)),
    )

    def suspected(balances, *histories):
        (fall,) = audit(readings(*balances), histories).falls
        assert fall.amount == Amount.of(Decimal("-1.50"))
        return [(one.order_id, one.cause, one.exact, one.beside) for one in fall.suspects]

    both = [(8, Cause.REFUND, True, 7), (7, Cause.CLOSED, True, 8)]
    assert suspected(["10.00", "8.50", "8.50", "7.60"], closed, canceled) == both
    # Where another would do as well, none is told of as if it were certain.
    another = replace(closed, order_id=9)
    assert suspected(["10.00", "7.60", "7.60", "6.70"], closed, canceled, another) == [(8, Cause.REFUND, False, None)]


def test_what_nobody_ordered_has_no_suspect():
    report = audit(readings("10.00", "9.10", "8.00"), [history()])
    assert [(fall.amount, fall.suspects) for fall in report.falls] == [(Amount.of(Decimal("-1.1")), ())]


@pytest.mark.parametrize("balance", ["10.00", "9.10"])
def test_an_order_in_doubt_explains_its_charge_and_nothing_else(balance):
    doubt = History(7, (Call(at(100), at(150), Taken.MAYBE, PRICE, UNITS),))
    report = audit(readings("10.00", balance), [doubt])
    assert (report.falls, report.rises, report.doubtful) == ((), (), (7,))
    given_back = audit(readings("10.00", balance, "10.00"), [doubt])
    assert (given_back.falls, given_back.rises) == ((), ())
    less = audit(readings("10.00", "9.00"), [doubt])
    assert less.unexplained == Amount(Decimal("-1.00"), Decimal("-0.10"))


def test_what_was_wrongly_refuted_is_suspected():
    report = audit(readings("10.00", "9.10"), [History(7, (Call(at(100), at(150), Taken.NO, PRICE, UNITS),))])
    (fall,) = report.falls
    assert [(s.order_id, s.cause, s.exact) for s in fall.suspects] == [(7, Cause.REFUTED, True)]


def test_a_drip_feed_may_give_back_what_its_runs_did_not_deliver():
    feed = History(7, (Call(at(100), at(101), Taken.YES, PRICE, is_parent=True),), (told(COMPLETED, None),))
    for balance in ("9.10", "9.40"):
        report = audit(readings("10.00", "9.10", balance, balance), [feed])
        assert (report.falls, report.rises) == ((), ())
    assert audit(readings("10.00", "9.10", "9.00"), [feed]).certainly_missing == Decimal("0.1")
    (rise,) = audit(readings("10.00", "9.10", "9.10", "9.10", "9.50"), [feed]).rises
    assert rise.amount == Amount.of(Decimal("0.4"))


def test_while_a_subscription_is_open_nothing_is_taken_for_a_loss():
    spawning = History(7, (Call(at(250), at(251), Taken.YES, None, is_parent=True),), (told(COMPLETED, None),))
    report = audit(readings("10", "9", "7", "6", "5"), [spawning])
    assert [(fall.since, fall.amount) for fall in report.falls] == [
        (at(0), Amount.of(Decimal(-1))),
        (at(600), Amount.of(Decimal(-1))),
    ]
    assert (report.spawning, report.spawned) == ((7,), Amount.of(Decimal(-3)))


@pytest.mark.parametrize("taken", [Taken.MAYBE, Taken.YES])
def test_nor_while_one_may_be_open_that_is_not_followed(taken):
    """In doubt, or taken late for an order that had gone on without it."""
    spawning = History(7, (Call(at(250), at(251), taken, None, is_parent=True, own=False),))
    report = audit(readings("10", "10", "9", "8", "8.50"), [spawning])
    assert (report.falls, report.rises, report.spawning) == ((), (), (7,))
    dripping = History(7, (Call(at(250), at(251), taken, PRICE, is_parent=True, own=False),))
    report = audit(readings("10", "10", "9.10", "9.40"), [dripping])
    assert (report.falls, report.rises) == ((), ())


def test_a_balance_that_is_told_less_finely_than_charges_is_no_difference():
    cents = history(told(COMPLETED, "0.90", 0))
    fine = History(
        8,
        (Call(at(10), at(11), Taken.YES, Decimal("0.00448"), UNITS),),
        (told(COMPLETED, "0.00448", 0, second=50, before=20),),
    )
    report = audit(readings("10.00", "9.10", "9.10"), [cents, fine])
    assert (report.falls, report.rises) == ((), ())
    assert report.slack == Decimal("0.02") + Decimal("0.00448")


def test_it_begins_and_ends_where_the_least_is_in_the_air():
    report = audit(
        readings("10.00", "9.10", "9.10", "9.10", "9.10", "9.10", "9.10", "9.10", "10.00"),
        [history(told(CANCELED, "0", second=1700, before=1210))],
        opening_within=timedelta(hours=1),
        closing_within=timedelta(hours=1),
    )
    assert (report.opening.at, report.closing.at) == (at(0), at(1200))


def test_what_a_look_has_seen_was_taken_before():
    lost = History(7, (Call(at(100), at(900), Taken.YES, PRICE, UNITS),), (told(COMPLETED, "0.90", 0, second=390),))
    assert audit(readings("10.00", "9.10", "8.20"), [lost]).unexplained == Amount.of(-PRICE)


def test_readings_in_another_currency_are_left_out():
    old = [BalanceReading(at(-20), at(-20), Decimal(500), "EUR"), BalanceReading(at(-10), at(-10), Decimal(400), "EUR")]
    report = audit([*old, *readings("10.00", "10.00")], [])
    assert (report.readings, report.opening.balance, report.currency) == (2, Decimal("10.00"), "USD")


@pytest.mark.parametrize("few", [[], readings("10.00")])
def test_fewer_than_two_readings_explain_nothing(few):
    assert audit(few, [history()]) is None


def test_amounts_are_rounded_to_what_the_panel_knows():
    assert Amount.rounded_from(Decimal("0.09"), GRAIN) == Amount.of(Decimal("0.09"))
    assert Amount.rounded_from(Decimal("0.000475"), GRAIN) == Amount(Decimal("0.00047"), Decimal("0.00048"))


def test_an_order_of_another_shape_is_made_up_rightly():
    order = Order(1, 100, 5, 9, PARTIAL, 250)
    assert (order.cost, order.record(Panel(rewrites=True, rounds=False), (5, 6), [(20, 20, 21)]).told[0].charge) == (
        25,
        grains(25),
    )
