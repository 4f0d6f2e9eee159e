"""Tests what is kept of ids: which answered, and until when a denial speaks against an order."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.evidence_case import ABOVE, BELOW, lost, verdict
from worker.domain.evidence.landmarks import Landmark, Landmarks
from worker.domain.evidence.sightings import (
    CHUNK,
    Asked,
    Sighting,
    chunk_of,
    chunks,
    looks_like_a_parent,
    numbers_of,
    uncut_charge,
)
from worker.domain.evidence.verdicts import Absent, Doubt, Undecided
from worker.domain.orders.statuses import OrderReport


@given(st.integers(1, 10**9))
def test_each_id_is_in_its_chunk(number):
    assert number in numbers_of(chunk_of(number))
    assert 0 not in numbers_of(0)
    assert len(numbers_of(5)) == CHUNK


@given(st.integers(0, 400), st.integers(0, 400))
def test_chunks_have_all_ids_between_two_and_no_chunk_without_any(low, high):
    assert {chunk_of(number) for number in range(low + 1, high)} == set(chunks(low, high))


def report(status="In progress", charge="1.00", remains=10, **more):
    return OrderReport(status, None if charge is None else Decimal(charge), remains=remains, **more)


@pytest.mark.parametrize(
    ("told", "charge"),
    [
        (report(), "1.00"),
        (report(charge="0"), None),  # a panel that tells none before the order begins
        (report(charge="0.0000"), None),
        (report(charge=None), None),
        (report("Completed"), "1.00"),
        (report("Partial"), None),  # it may have been rewritten
        (report("Canceled"), None),
        (report("refunded"), None),
        (report("Some new word"), "1.00"),
        (report(None), None),
    ],
)
def test_the_charge_counts_as_it_was_before_a_cut(told, charge):
    assert uncut_charge(told) == (None if charge is None else Decimal(charge))


def test_a_sighting_keeps_the_first_charge_and_the_most_remains():
    sighting = Sighting(105, 120.0).told(report(charge="0", remains=None))
    assert (sighting.uncut_charge, sighting.most_remains) == (None, None)
    sighting = sighting.told(report(charge="2.00", remains=50)).told(report("Partial", "0.50", remains=80))
    assert (sighting.charge, sighting.uncut_charge, sighting.most_remains) == (Decimal("0.50"), Decimal("2.00"), 80)
    assert sighting.told(report(charge="3.00", remains=None)).uncut_charge == Decimal("2.00")
    assert sighting.told(report(remains=None)).most_remains == 80


def test_a_parent_is_known_by_its_shape():
    bare = OrderReport("In progress")
    assert looks_like_a_parent(bare)
    assert not any(
        looks_like_a_parent(one) for one in (report(charge=None), report(remains=None), OrderReport("", start_count=0))
    )
    sighting = Sighting(105, 120.0).told(OrderReport("In progress", spawned=("106",)))
    assert sighting.is_parent
    assert sighting.told(bare).has_spawned  # it listed some once


HIDDEN = 300.0


@pytest.mark.parametrize(
    ("sent_at", "landmarks", "until"),
    [
        (None, [], -math.inf),
        (700.0, [], 400.0),  # an id that was given out by second 400 would have answered at second 700
        (700.0, [Landmark(200, 390.0, 400.0)], math.inf),  # all of them were given out by then
        (700.0, [Landmark(200, 390.0, 401.0)], 400.0),
        (700.0, [Landmark(150, 390.0, 400.0)], 400.0),  # those above 150 weren't, for all we know
    ],
)
def test_a_denial_counts_for_ids_that_were_given_out_long_before_it(sent_at, landmarks, until):
    asked = Asked({} if sent_at is None else dict.fromkeys(range(10), sent_at))
    assert asked.covered_until(100, 200, Landmarks(landmarks), HIDDEN) == until


def test_a_chunk_that_was_not_asked_about_leaves_the_gap_open():
    whole = Asked({1: 700.0, 2: 700.0, 3: 700.0})
    part = Asked({1: 700.0, 3: 700.0})
    marks = Landmarks([])
    assert whole.covered_until(100, 350, marks, HIDDEN) == 400.0
    assert part.covered_until(100, 350, marks, HIDDEN) == -math.inf
    assert part.covered_until(100, 101, marks, HIDDEN) == math.inf
    assert whole.sent_since(100, 350, 700.0)
    assert not whole.sent_since(100, 350, 701.0)
    assert not part.sent_since(100, 350, 0.0)


@given(
    sent=st.dictionaries(st.integers(0, 4), st.integers(0, 900)),
    marks=st.lists(st.tuples(st.integers(1, 500), st.integers(0, 900)), max_size=6),
    low=st.integers(1, 400),
    width=st.integers(2, 90),
    last_at=st.integers(0, 900),
)
def test_absence_by_the_ids_is_rule_b_for_each_id(sent, marks, low, width, last_at):
    """Compares the whole gap, worked out once, with the rule as it is written, id by id."""
    high = low + width
    landmarks = Landmarks([Landmark(number, -math.inf, float(at)) for number, at in [*marks, (high, 950)]])
    asked = Asked({chunk: float(at) for chunk, at in sent.items()})

    def is_proof(number):
        sent_at = asked.sent_at.get(chunk_of(number), -math.inf)
        by = landmarks.given_out(min(numbers_of(chunk_of(number))[-1], high))
        assert by >= landmarks.given_out(number)
        return sent_at >= min(last_at, by) + HIDDEN

    covered = asked.covered_until(low, high, landmarks, HIDDEN) >= last_at
    assert covered is all(is_proof(number) for number in range(low + 1, high))


@pytest.mark.parametrize(
    ("sent_at", "outcome"),
    [
        (710.0, Absent()),  # L + V after the call ended at second 110
        (709.9, Undecided(Doubt.NOT_COVERED)),
    ],
)
def test_absence_needs_denials_that_are_late_enough(sent_at, outcome):
    asked = Asked(dict.fromkeys(range(10), sent_at))
    assert verdict(lost(1), asked=asked) == outcome


def test_below_a_known_order_a_denial_counts_sooner():
    asked = Asked(dict.fromkeys(range(10), 430.0))
    soon_after = Landmark(108, 120.0, 130.0)
    assert verdict(lost(1), asked=asked) == Undecided(Doubt.NOT_COVERED)
    assert verdict(lost(1), asked=asked, marks=[BELOW, soon_after, Landmark(109, 420.0, 425.0)]) == Undecided(
        Doubt.NOT_COVERED  # the chunk's ids up to 109 weren't all given out by second 130
    )
    assert verdict(lost(1, replied=True), asked=asked, marks=[BELOW, soon_after, ABOVE]) == Absent()
