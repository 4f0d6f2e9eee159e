"""Tests verdicts on lost orders that are weighed together."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.domain.evidence_case import (
    ABOVE,
    ALL_ASKED,
    BELOW,
    PREMISES,
    book,
    in_flight,
    lost,
    paid,
    parent,
    seen,
    seen_parent,
    verdict,
    weighed,
)
from worker.domain.evidence.landmarks import Landmark
from worker.domain.evidence.sightings import Asked
from worker.domain.evidence.verdicts import Absent, Doubt, KnownParent, Linked, Undecided

#: Before and after, 1,000 units of service 1 cost 1.00.
KNOWN = book([paid("1", 20, "1.00"), paid("1", 1000, "1.00")])


def doubt(why, *candidates):
    return Undecided(why, candidates)


def ambiguous(*candidates):
    return doubt(Doubt.AMBIGUOUS, *candidates)


HALF = {"units": 500, "expected_charge": Decimal("0.50")}


@pytest.mark.parametrize(
    ("questions", "sightings", "verdicts"),
    [
        pytest.param([lost(1)], [], [Absent()], id="nothing was found"),
        pytest.param([lost(1)], [seen(105)], [Linked("105")], id="one to one"),
        pytest.param([lost(1), lost(2)], [], [Absent(), Absent()], id="alike, and none was bought"),
        pytest.param([lost(1), lost(2)], [seen(105)], [ambiguous(105)] * 2, id="alike, and one was bought"),
        pytest.param(
            [lost(1), lost(2)],
            [seen(105), seen(106)],
            [doubt(Doubt.BOUGHT, 105, 106)] * 2,
            id="alike, and both were bought",
        ),
        pytest.param(
            [lost(1), lost(2, **HALF)],
            [seen(104, "0.50"), seen(105)],
            [Linked("105"), Linked("104")],
            id="told apart by their prices",
        ),
        pytest.param(
            [lost(1), lost(2, **HALF)], [seen(104, "0.50")], [Absent(), Linked("104")], id="the other's price"
        ),
        pytest.param(
            [lost(1), lost(2, **HALF)],
            [seen(104, None)],
            [ambiguous(104)] * 2,
            id="cut short before anybody asked",
        ),
        pytest.param(
            [lost(1), lost(2, **HALF)],
            [seen(104, None), seen(105, "0.50")],
            [Linked("104"), Linked("105")],
            id="the other one owns what only it can own",
        ),
        pytest.param(
            [lost(1), lost(2, began_at=120.0)],
            [seen(105, seen_at=115.0)],
            [Linked("105"), Absent()],
            id="it was there before the other was sent",
        ),
        pytest.param(
            [lost(1), lost(2, began_at=120.0)],
            [seen(105, seen_at=115.0), seen(106, seen_at=140.0)],
            [Linked("105"), Linked("106")],
            id="what is left is the other's",
        ),
        pytest.param([lost(1), in_flight(2)], [seen(105)], [ambiguous(105)], id="the other is still in flight"),
        pytest.param(
            [lost(1), in_flight(2)],
            [seen(105), seen(106)],
            [doubt(Doubt.BOUGHT, 105, 106)],
            id="bought, and so is the one in flight",
        ),
        pytest.param([in_flight(2)], [seen(105)], [], id="what is in flight isn't settled"),
        pytest.param(
            [lost(1), parent(2)], [seen_parent(105)], [Absent(), Linked("105")], id="told apart by their shapes"
        ),
    ],
)
def test_orders_are_weighed_together(questions, sightings, verdicts):
    result = weighed(questions, sightings, prices=KNOWN)
    assert list(result.verdicts.values()) == verdicts
    assert result.nobodys == ()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"now": 409.0}, Doubt.TOO_YOUNG),
        ({"now": 410.0, "marks": [BELOW]}, Doubt.NO_BOUNDS),
        ({"marks": [ABOVE]}, Doubt.NO_BOUNDS),
        ({"marks": []}, Doubt.NO_BOUNDS),
        ({"asked": Asked({})}, Doubt.NOT_COVERED),
        ({"asked": Asked({1: 1900.0})}, Doubt.NOT_COVERED),
        ({"asked": Asked(dict.fromkeys(range(10), 700.0))}, Doubt.NOT_COVERED),
        ({"is_ordered": False}, Doubt.IDS_NOT_INCREASING),
        ({"is_shared": True}, Doubt.SHARED_ACCOUNT),
        ({"unexplained": {1: Decimal("1.00")}}, Doubt.MONEY_IS_GONE),
    ],
)
def test_nothing_found_is_no_proof(more, why):
    assert verdict(lost(1), **more) == doubt(why)
    assert verdict(lost(1)) == Absent()


@pytest.mark.parametrize(
    ("gone", "price", "outcome"),
    [
        (None, "1.205", Absent()),
        ("0", "1.205", Absent()),
        ("-5", "1.205", Absent()),
        ("1.19498", "1.205", Absent()),
        ("1.20500", "1.205", doubt(Doubt.MONEY_IS_GONE)),
        ("1.20499", "1.205", doubt(Doubt.MONEY_IS_GONE)),  # within a grain
        ("7.5", "1.205", doubt(Doubt.MONEY_IS_GONE)),
        ("100", "0", Absent()),  # of what costs nothing the money says nothing
        ("100", None, Absent()),
    ],
)
def test_money_that_is_gone_is_no_absence(gone, price, outcome):
    unexplained = {1: None if gone is None else Decimal(gone), 2: Decimal(100)}
    assert verdict(lost(1, price), unexplained=unexplained) == outcome


def test_a_link_needs_no_bound_above_and_no_complete_search():
    assert verdict(lost(1), [seen(105)], now=121.0, marks=[BELOW], asked=Asked({})) == Linked("105")


def test_an_id_that_may_be_from_before_the_first_known_order_links_nobody():
    """Some other program may have placed it on this account."""
    about = {"now": 121.0, "marks": [], "asked": Asked({})}
    assert verdict(lost(1), [seen(105)], **about) == Undecided(Doubt.NO_BOUNDS, (105,))
    assert verdict(lost(1), [seen(105, denied_at=99.0)], **about) == Undecided(Doubt.NO_BOUNDS, (105,))
    assert verdict(lost(1), [seen(105, denied_at=100.0)], **about) == Linked("105")


@pytest.mark.parametrize(
    ("question", "sighting", "prices", "is_linked"),
    [
        (lost(1), seen(105, "1.00"), book(), True),
        (lost(1), seen(105, "0.90"), book(), False),  # the only one it can be, and nothing explains the charge
        (lost(1), seen(105, "0.90"), book(now={"1": "0.90"}), True),
        (lost(1), seen(105, None), book(), True),
        (lost(1), seen(105, None, charge=Decimal("2.00")), book(), True),  # rewritten; a panel may give a bonus
        (lost(1), seen(105, None, charge=Decimal("2.10")), book(), False),
        (lost(1, None), seen(105, "7.00"), book(), True),  # nobody knows what it should cost
        (lost(1, None), seen(105, None, charge=Decimal(7)), book(), True),
        (parent(1), seen_parent(105), book(), True),
        (lost(1, units=None), seen(105, "1.00"), book(), True),
    ],
)
def test_the_only_possible_owner_is_linked_if_its_charge_is_explained(question, sighting, prices, is_linked):
    expected = Linked("105") if is_linked else doubt(Doubt.FITS_LOOSELY, 105)
    assert verdict(question, [sighting], prices=prices) == expected


@pytest.mark.parametrize(
    ("question", "sighting", "outcome"),
    [
        (parent(1), seen(105), doubt(Doubt.MAYBE_SPAWNED, 105)),  # it may be its own child order
        (parent(1, child_units=500), seen(105), doubt(Doubt.FITS_LOOSELY, 105)),
        (lost(1), seen_parent(105), Linked("105")),  # it tells no charge that could speak against it
    ],
)
def test_on_a_panel_whose_shapes_tell_nothing(question, sighting, outcome):
    assert verdict(question, [sighting], prices=KNOWN, shapes_tell=False) == outcome


# The guard


@pytest.mark.parametrize(
    ("questions", "sightings", "nobodys"),
    [
        ([lost(1)], [seen(105), seen(106)], (105, 106)),  # one order buys once
        ([lost(1)], [seen(105), seen(250)], (250,)),  # it was given out too late to be anybody's
        ([lost(1)], [seen(250)], (250,)),
        ([], [seen(105)], (105,)),
        ([lost(1)], [seen_parent(105)], (105,)),
    ],
)
def test_an_id_that_is_nobodys_stops_all_verdicts(questions, sightings, nobodys):
    result = weighed(questions, sightings)
    assert result.nobodys == nobodys
    assert not any(isinstance(one, Linked | Absent) for one in result.verdicts.values())


def test_on_a_shared_account_a_link_is_told_as_a_candidate():
    assert verdict(lost(1), [seen(105)], is_shared=True) == doubt(Doubt.SHARED_ACCOUNT, 105)


def test_a_price_that_fits_nobody_makes_no_account_shared():
    """Prices may flash. Then nobody is linked, and those who may own it by the ids aren't absent either."""
    result = weighed([lost(1), lost(2)], [seen(105, "7.00")], prices=KNOWN)
    assert result.nobodys == ()
    assert set(result.verdicts.values()) == {ambiguous(105)}


def test_a_crowd_links_nobody_and_keeps_all_of_it_open():
    crowd = [lost(n, began_at=100 + n / 1000) for n in range(65)]
    others = [lost(n, **HALF) for n in (100, 101)]
    result = weighed([*crowd, *others], [seen(105), seen(106, "0.50")], prices=KNOWN)
    assert {result.verdicts[n] for n in range(65)} == {ambiguous(105)}
    assert {result.verdicts[n] for n in (100, 101)} == {ambiguous(105, 106)}  # by the ids, it may own that one


def test_a_crowd_of_hundreds_is_kept_open_at_once():
    crowd = [lost(n, began_at=100 + n / 1000) for n in range(300)]
    result = weighed(crowd, [seen(105)])
    assert set(result.verdicts.values()) == {ambiguous()}
    assert result.nobodys == ()


# Child orders

HOURS_LATER = 20_000.0


def known_parent(read_at, number=103, **more):
    return KnownParent(number, "1", 1000, 90.0, read_at, **more)


@pytest.mark.parametrize(
    ("parents", "outcome"),
    [
        ([], Linked("105")),
        ([known_parent(120.0)], doubt(Doubt.MAYBE_SPAWNED, 105)),
        ([known_parent(179.9)], doubt(Doubt.MAYBE_SPAWNED, 105)),  # a parent lists a child a minute late at most
        ([known_parent(180.0)], Linked("105")),
        ([known_parent(0.0, number=106)], Linked("105")),  # a child's id is higher than its parent's
        ([replace(known_parent(0.0), child_units=500)], Linked("105")),  # its child orders cost another price
        ([replace(known_parent(0.0), child_units=None)], doubt(Doubt.MAYBE_SPAWNED, 105)),
        ([replace(known_parent(0.0), service="2")], doubt(Doubt.MAYBE_SPAWNED, 105)),  # whose price nobody knows
        ([replace(known_parent(0.0), child_units=500) for _ in range(51)], doubt(Doubt.MAYBE_SPAWNED, 105)),
    ],
)
def test_an_id_may_be_a_child_order_of_a_known_parent(parents, outcome):
    known = book([paid("1", 20, "1.00"), paid("1", 1000, "1.00")])
    assert verdict(lost(1), [seen(105)], parents=parents, prices=known) == outcome


def test_what_a_parent_may_have_spawned_is_nobodys_proof():
    result = weighed([], [seen(105)], parents=[known_parent(0.0)])
    assert result.nobodys == ()


@pytest.mark.parametrize(
    ("hidden", "spawned"),
    [
        (parent(2), True),
        (replace(parent(2), ended_at=None), True),  # in flight
        (parent(2, began_at=119.0), True),
        (parent(2, began_at=120.0), False),  # the id was there before
        (parent(2, child_units=500), False),  # by the price
        (parent(2, child_units=None), True),
    ],
)
def test_an_id_may_be_a_child_order_of_a_lost_parent(hidden, spawned):
    result = weighed([lost(1), hidden], [seen(105)], prices=KNOWN)
    assert result.verdicts[1] == (doubt(Doubt.MAYBE_SPAWNED, 105) if spawned else Linked("105"))


def test_a_parent_with_a_higher_id_spawned_nothing_below():
    late = parent(2, began_at=110.0)
    marks = [BELOW, Landmark(107, 105.0, 109.0), ABOVE]
    assert weighed([lost(1), late], [seen(105)], marks=marks).verdicts[1] == Linked("105")


def test_a_parent_may_own_what_has_its_shape_whoever_spawned_others():
    result = weighed([parent(1)], [seen_parent(105), seen(106)])
    assert result.verdicts == {1: Linked("105")}
    assert result.nobodys == ()


# What was taken for proof once, and isn't


def test_unlike_is_not_out():
    """An order at 0.90 was taken after its rate had risen to 1.00. Another one at 1.00 wasn't taken."""
    risen, other = lost(1, "0.90", service="1"), lost(2, "1.00", service="2")
    result = weighed([risen, other], [seen(105, "1.00")])
    assert result.verdicts == {1: ambiguous(105), 2: ambiguous(105)}


def test_a_call_that_ended_during_the_questions_is_still_a_suspect():
    """An id answered while two calls were under way. One of them has ended since, and its answer was lost."""
    both = [lost(1), lost(2, ended_at=119.0)]
    assert weighed(both, [seen(105)]).verdicts[1] == ambiguous(105)


def test_a_parent_that_was_heard_of_after_the_lists_were_read():
    """Its list was never read, so that an id above it may be its child order's."""
    parents = [known_parent(1900.0), known_parent(float("-inf"), number=104)]
    assert verdict(lost(1), [seen(105)], parents=parents) == doubt(Doubt.MAYBE_SPAWNED, 105)


def test_a_lost_parent_and_an_ordinary_order_settle_each_other():
    """The shapes that were learned tell them apart, and the price of the child orders."""
    questions = [lost(1), parent(2, child_units=500)]
    result = weighed(questions, [seen(105), seen_parent(106)], prices=KNOWN)
    assert result.verdicts == {1: Linked("105"), 2: Linked("106")}


def test_a_charge_that_was_nothing_at_first_excludes_nobody():
    """Some panels charge 0 until the order begins."""
    early = seen(105, None, charge=Decimal(0))
    assert verdict(lost(1), [early], prices=KNOWN) == Linked("105")
    both = weighed([lost(1), lost(2, **HALF)], [early], prices=KNOWN)
    assert both.verdicts == {1: ambiguous(105), 2: ambiguous(105)}


def test_absence_waits_until_a_late_taking_would_have_shown():
    last_moment = Asked(dict.fromkeys(range(10), 710.0))
    assert verdict(lost(1), asked=last_moment, now=711.0) == Absent()
    assert lost(1).last_at(PREMISES) == 410.0
    assert lost(1, replied=True).last_at(PREMISES) == 110.0


def test_an_answer_in_full_ends_the_waiting_for_a_late_taking():
    soon = {"asked": Asked(dict.fromkeys(range(10), 410.0)), "now": 411.0}
    above = [BELOW, Landmark(200, 111.0, 112.0)]
    assert verdict(lost(1, replied=True), marks=above, **soon) == Absent()
    assert verdict(lost(1), marks=above, **soon) == doubt(Doubt.NO_BOUNDS)


# A quiet night

FAR = {"marks": [BELOW], "asked": Asked(dict.fromkeys(range(30), 710.0)), "now": 711.0}


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({}, doubt(Doubt.QUIET)),
        ({"unpaid": frozenset({1})}, Absent()),
        ({"unpaid": frozenset({2})}, doubt(Doubt.QUIET)),
        ({"unpaid": frozenset({1}), "now": 709.0}, doubt(Doubt.NO_BOUNDS)),
        ({"unpaid": frozenset({1}), "asked": Asked(dict.fromkeys(range(30), 709.9))}, doubt(Doubt.NOT_COVERED)),
        ({"unpaid": frozenset({1}), "asked": Asked({1: 710.0, 2: 710.0})}, doubt(Doubt.NOT_COVERED)),
        ({"unpaid": frozenset({1}), "marks": [Landmark(100, float("-inf"), 1.0)]}, doubt(Doubt.NO_BOUNDS)),
    ],
)
def test_in_a_quiet_night_two_witnesses_prove_absence(more, outcome):
    assert verdict(lost(1), **(FAR | more)) == outcome


def test_a_later_order_makes_one_witness_enough():
    assert verdict(lost(1), **(FAR | {"marks": [BELOW, ABOVE]})) == Absent()
    assert ALL_ASKED.sent_at[9] == 1900.0
