"""Tests who may own an id: only proof excludes an order."""

from dataclasses import replace
from decimal import Decimal
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.domain.evidence_case import (
    ABOVE,
    BELOW,
    GRAIN,
    NOW,
    PREMISES,
    book,
    in_flight,
    lost,
    owners,
    paid,
    parent,
    possible,
    seen,
    seen_parent,
)
from worker.domain.evidence import owners as rules
from worker.domain.evidence.landmarks import Landmark, Landmarks
from worker.domain.evidence.owners import suspects_of

OTHER = lost(9, "5.00", 50.0)  # a second one, so that prices are compared

#: Before and after, 1,000 units of service 1 cost 1.00.
KNOWN = book([paid("1", 20, "1.00"), paid("1", 1000, "1.00")])


def may_own(sighting, question, **more):
    return question.order_id in possible(sighting, [question, OTHER], **more)


def test_suspects_stand_between_the_known_orders_around_them():
    questions = [lost(2, began_at=30.0), in_flight(1, began_at=20.0), lost(3, began_at=10.0, replied=True)]
    marks = Landmarks([BELOW, Landmark(150, 200.0, 201.0), ABOVE])
    suspects = suspects_of(questions, marks, PREMISES)
    assert [(one.question.order_id, one.low, one.high) for one in suspects] == [
        (3, 100, 150),  # the panel was done with it when it replied
        (1, 100, None),  # it may still be taken
        (2, 100, 200),
    ]


@pytest.mark.parametrize(
    ("sighting", "question", "may"),
    [
        (seen(105), lost(1), True),
        (seen(100), lost(1), False),
        (seen(101), lost(1), True),
        (seen(199), lost(1), True),
        (seen(200), lost(1), False),  # it was given out when the panel could no longer take the order
        (seen(300), in_flight(1), True),
        (seen(105, seen_at=100.0), lost(1), False),  # it was there before the order was sent
        (seen(105, seen_at=100.1), lost(1), True),
        (seen(105, denied_at=710.0, seen_at=NOW), lost(1), True),
        (seen(105, denied_at=710.1, seen_at=NOW), lost(1), False),  # it would have answered by then
        (seen(105, denied_at=1500.0, seen_at=NOW), in_flight(1), True),
        (seen_parent(105), lost(1), False),
        (seen_parent(105), parent(1), True),
        (seen(105), parent(1), False),
        (seen(105, has_spawned=True), lost(1), False),
        (seen(105, most_remains=2000), lost(1), True),  # a bonus of the panel
        (seen(105, most_remains=2001), lost(1), False),
        (seen(105, most_remains=2001), lost(1, units=None), True),  # what a package counts down from is its own affair
        (seen(105, "77.00"), lost(1), True),  # that a charge is unlike excludes nobody
    ],
)
def test_what_excludes_an_order(sighting, question, may):
    assert may_own(sighting, question) is may


@pytest.mark.parametrize(("sighting", "question"), [(seen_parent(105), lost(1)), (seen(105), parent(1))])
def test_shapes_tell_nothing_before_they_were_learned(sighting, question):
    assert may_own(sighting, question, shapes_tell=False)


def test_what_lists_child_orders_is_a_parent_on_any_panel():
    assert not may_own(seen(105, has_spawned=True), lost(1), shapes_tell=False)
    assert may_own(seen(105, has_spawned=True), parent(1), shapes_tell=False)


@pytest.mark.parametrize(
    ("charge", "question", "prices", "may"),
    [
        ("1.00", lost(1), KNOWN, True),
        ("1.00002", lost(1), KNOWN, True),  # each of the three was rounded
        ("1.00003", lost(1), KNOWN, False),
        ("0.50", lost(1, units=500), KNOWN, True),
        ("1.00", lost(1, units=500), KNOWN, False),
        ("0.90", lost(1), book([paid("1", 20, "1.00"), paid("1", 1000, "0.90")]), True),
        ("0.90", lost(1), book(), True),
        ("0.90", lost(1, service="2"), KNOWN, True),
        ("0.90", parent(1), KNOWN, True),  # its child orders are charged
        (None, lost(1), KNOWN, True),  # it was cut short before anybody asked
        ("1.00", lost(1, units=None), KNOWN, True),
        ("0.90", lost(1, units=None), KNOWN, False),
    ],
)
def test_a_price_excludes_only_if_it_is_known(charge, question, prices, may):
    told = seen(105, charge)
    assert may_own(told, question, prices=prices, shapes_tell=False) is may
    with mock.patch.object(rules, "_MANY", 0):
        assert may_own(told, question, prices=prices, shapes_tell=False) is may


def test_the_only_one_by_the_ids_is_not_compared_by_price():
    """It must be that one's, whatever it cost: an implausible charge is told as such."""
    alone = owners(seen(105, "77.00"), [lost(1)], prices=KNOWN)
    assert list(alone.possible) == [0]


def test_too_many_possible_owners_are_a_crowd():
    many = [lost(n, began_at=100 + n / 1000) for n in range(64)]
    assert not owners(seen(105), many).is_crowd
    assert owners(seen(105), [*many, lost(64)]).is_crowd


@pytest.mark.parametrize("prices", [book(), KNOWN], ids=["no price known", "prices known"])
def test_a_crowd_of_hundreds_is_found_without_trying_all(prices):
    many = [lost(n, began_at=100 + n / 1000) for n in range(1000)]
    crowd = owners(seen(105), many, prices=prices)
    assert crowd.is_crowd
    assert crowd.by_ids  # so the id isn't nobody's
    assert not crowd.is_complete


def test_among_hundreds_a_known_price_finds_the_few():
    many = [lost(n, began_at=100 + n / 1000, units=1000 + n) for n in range(1000)]
    few = owners(seen(105, "1.50"), many, prices=KNOWN)
    assert list(few.possible) == [500]
    nobody = owners(seen(105, "9.50"), many, prices=KNOWN)
    assert list(nobody.possible) == []
    assert nobody.by_ids
    assert not nobody.is_crowd


def test_hundreds_whom_the_time_excludes_leave_the_only_one():
    old = [lost(n, began_at=100.0 + n / 1000) for n in range(500)]
    late = seen(105, "77.00", seen_at=NOW, denied_at=750.0)
    known = book([paid("1", 20, "1.00"), paid("1", 2500, "1.00")])
    alone = owners(late, [*old, in_flight(1000, began_at=101.0)], prices=known, marks=[BELOW])
    assert list(alone.possible) == list(alone.by_ids) == [500]


@pytest.mark.parametrize("error", range(-60, 61))
def test_a_price_that_is_known_roughly_finds_the_same_ones_at_once(error):
    """The charges of 100 units tell the price of 50,000 to half a hundredth."""
    charges = [("1", 20, "0.10001"), ("1", 1000, "0.1"), ("2", 20, "0.11"), ("2", 1000, "0.11001")]
    prices = book([paid(service, at, charge, units=100) for service, at, charge in charges])
    wanted = [("1", 50_000), ("1", 50_010), ("2", 45_450), ("2", 45_460), ("3", 50_000), ("1", 40_000)]
    made = [lost(n, began_at=100.0 + n, service=service, units=units) for n, (service, units) in enumerate(wanted)]
    sighting = seen(150, str(50 + error * 10 * GRAIN), seen_at=500.0)
    one_by_one = owners(sighting, made, prices=prices)
    with mock.patch.object(rules, "_MANY", 0):
        at_once = owners(sighting, made, prices=prices)
    assert set(at_once.possible) == set(one_by_one.possible)


questions = st.lists(
    st.builds(
        lambda began, took, service, units, kind: {
            "began_at": 100.0 + began,
            "ended_at": None if kind == "in flight" else 100.0 + began + took,
            "service": service,
            "units": None if kind in {"parent", "package"} else units,
            "is_parent": kind == "parent",
            "replied": kind == "replied",
        },
        st.integers(0, 400),
        st.integers(1, 30),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from([500, 1000, 2000]),
        st.sampled_from(["lost", "lost", "lost", "in flight", "replied", "parent", "package"]),
    ),
    min_size=1,
    max_size=14,
)
off = st.integers(-4, 4).map(lambda grains: grains * GRAIN)
charges = st.none() | st.builds(
    lambda rate, units, error: str(rate * units / 1000 + error),
    st.sampled_from([Decimal("0.9"), Decimal(1), Decimal("0.999")]),
    st.sampled_from([500, 1000, 2000]),
    off,
)
sightings = st.builds(
    lambda number, charge, seen_at, denied, remains, is_parent: seen(
        number,
        None if is_parent else charge,
        seen_at=float(seen_at),
        denied_at=float(seen_at - 1) if denied else None,
        most_remains=remains,
        is_parent=is_parent,
    ),
    st.integers(100, 200),
    charges,
    st.integers(100, 1100),
    st.booleans(),
    st.sampled_from([None, None, 500, 1500, 4100]),
    st.sampled_from([False, False, False, True]),
)
known_prices = st.lists(
    st.builds(
        lambda service, at, rate, units, error: paid(service, at, str(rate * units / 1000 + error), units),
        st.sampled_from(["1", "2", "3"]),
        st.integers(0, 99) | st.integers(0, 1500) | st.integers(1100, 1500),
        st.sampled_from([Decimal("0.9"), Decimal(1)]),
        st.sampled_from([100, 1000, 3000]),
        off,
    ),
    max_size=9,
)
landmarks = st.lists(
    st.builds(lambda n, at: Landmark(n, at - 1.0, at + 1.0), st.integers(101, 199), st.integers(2, 900))
)


@settings(max_examples=400)
@given(questions, sightings, known_prices, landmarks, st.booleans())
def test_among_many_the_same_ones_are_found_as_one_by_one(drawn, sighting, known, marks, shapes_tell):
    made = [replace(lost(n), **one) for n, one in enumerate(drawn)]
    more = {"prices": book(known), "marks": [BELOW, ABOVE, *marks], "shapes_tell": shapes_tell}
    one_by_one = owners(sighting, made, **more)
    with mock.patch.object(rules, "_MANY", 0):
        at_once = owners(sighting, made, **more)
    assert not one_by_one.is_crowd
    assert not at_once.is_crowd
    assert set(at_once.possible) == set(one_by_one.possible)
    assert bool(at_once.by_ids) is bool(one_by_one.by_ids)
    assert set(at_once.by_ids) <= set(one_by_one.by_ids)
    assert set(one_by_one.by_ids) <= set(at_once.stretch)
