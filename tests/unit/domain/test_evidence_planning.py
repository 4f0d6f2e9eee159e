"""Tests which ids are worth asking about, when, and how often."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.evidence_case import PREMISES, in_flight, lost, seen, seen_parent
from worker.domain.evidence.landmarks import Landmark, Landmarks
from worker.domain.evidence.owners import suspects_of
from worker.domain.evidence.planning import SAVED, Allowance, next_round, parents_to_read, wanted_chunks
from worker.domain.evidence.sightings import Asked, chunk_of, chunks
from worker.domain.evidence.verdicts import KnownParent

#: Ten ids a second, and a known order each ten seconds, until second 1000. The order is lost at second 1000.
MARKS = [Landmark(10_000 + 100 * n, 10.0 * n - 1, 10.0 * n) for n in range(100)]
LOST = lost(1, began_at=1000.0)
LIKELY = chunk_of(20_000)  #: about the id at the time
LAST = 1310.0  #: until then the panel may take it
LATER = [Landmark(25_000, 1400.0, 1401.0)]


def wanted(questions=(LOST,), asked=None, now=1011.0, marks=MARKS):
    landmarks = Landmarks(marks)
    return wanted_chunks(suspects_of(questions, landmarks, PREMISES), landmarks, Asked(asked or {}), PREMISES, now)


def test_nothing_in_doubt_costs_no_calls():
    assert wanted([]) == []
    assert wanted([in_flight(1, began_at=1000.0)]) == []


def test_without_a_known_order_nobody_knows_which_ids_to_ask_about():
    assert wanted(marks=[]) == []
    assert wanted(marks=[Landmark(20_000, -math.inf, 10.0)]) == []


def test_the_likeliest_ids_come_first():
    plan = wanted()
    assert plan[0] == LIKELY
    assert plan == sorted(plan, key=lambda chunk: abs(chunk - plan[0]))
    assert max(plan) >= chunk_of(20_150)  # ids that were given out during the call
    assert min(plan) >= chunk_of(19_900)  # none below the newest known order before


def test_while_it_may_still_be_taken_the_newest_ids_are_asked_about_too():
    near, later = wanted(now=1011.0), wanted(now=1200.0)
    assert set(near) < set(later)
    assert later[: len(near)] == near  # after the likely ones
    assert max(later) >= chunk_of(22_000)
    assert max(wanted(now=5000.0)) <= chunk_of(int(23_100 * 1.3))  # no id above was given out by second 1310


@pytest.mark.parametrize(
    ("sent_at", "too_soon", "again_at"),
    [(1002, 1003.9, 1004), (1010, 1011.9, 1015), (1100, 1145, 1150), (1300, 1445, 1450)],
)
def test_what_was_denied_is_asked_again_at_times_that_grow(sent_at, too_soon, again_at):
    marks = [*MARKS, Landmark(20_010, 999.0, 1001.0), *LATER]
    asked = dict.fromkeys(range(600), float(sent_at))
    assert LIKELY not in wanted(asked=asked, now=too_soon, marks=marks)
    assert LIKELY in wanted(asked=asked, now=again_at, marks=marks)


def test_what_was_never_asked_comes_before_what_was():
    plan = wanted(asked={LIKELY: 1002.0})
    assert plan[-1] == LIKELY


def test_absence_needs_the_whole_gap_once_its_time_has_come():
    gap = set(chunks(19_900, 25_000))
    asked = dict.fromkeys(gap, LAST - 1)  # long ago, but too early to be proof
    before = wanted(asked=asked, now=LAST + 299, marks=MARKS + LATER)
    after = wanted(asked=asked, now=LAST + 301, marks=MARKS + LATER)
    assert set(after) == gap
    assert set(before) < gap


def test_a_denial_that_is_proof_isnt_asked_for_again():
    proof = dict.fromkeys(range(600), LAST + 300)
    assert wanted(asked=proof, now=LAST + 301, marks=MARKS + LATER) == []
    assert wanted(asked=proof, now=90_000.0, marks=MARKS + LATER) == []


def test_below_a_known_order_a_denial_is_proof_sooner():
    soon = [*MARKS, Landmark(20_100, 1012.0, 1013.0), *LATER]
    asked = dict.fromkeys(range(600), 1320.0)
    again = wanted(asked=asked, now=90_000.0, marks=soon)
    assert LIKELY not in again
    assert chunk_of(24_000) in again


def test_in_a_quiet_night_all_ids_up_to_the_frontier_are_asked_about():
    proof = dict.fromkeys(chunks(0, 24_200), LAST + 300)
    assert wanted(asked=proof, now=LAST + 299) == []
    night = wanted(asked=proof, now=LAST + 301)
    assert min(night) >= chunk_of(24_000)
    assert max(night) >= chunk_of(19_900 + 3 * 10 * 310)


def test_orders_that_were_lost_together_are_asked_about_together():
    many = [lost(n, began_at=1000.0 + n / 100) for n in range(100)]
    assert set(wanted(many)) == set(wanted([many[0], many[-1]]))


@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 30)), min_size=1, max_size=6),
    st.dictionaries(st.integers(90, 300), st.integers(900, 3000), max_size=40),
    st.integers(0, 2000),
    st.booleans(),
)
def test_nothing_is_asked_twice_while_its_answer_counts(calls, sent, later, is_bounded):
    """A chunk that is wanted was never asked, or its denial is too old for what it is needed for."""
    questions = [lost(n, began_at=1000.0 + at, ended_at=1000.0 + at + took) for n, (at, took) in enumerate(calls)]
    marks = [*MARKS, *([Landmark(28_000, 2300.0, 2301.0)] if is_bounded else [])]
    now = max(one.ended_at for one in questions) + later
    asked = {chunk: float(at) for chunk, at in sent.items() if at < now}
    last_at = max(one.last_at(PREMISES) for one in questions)
    for chunk in wanted(questions, asked, now, marks):
        if chunk in asked:
            assert asked[chunk] < last_at + PREMISES.hidden
            assert asked[chunk] <= now - 2 or now >= last_at
    asked |= dict.fromkeys(wanted(questions, asked, now, marks), now)
    assert not wanted(questions, asked, now, marks)


# The budget


def test_unused_calls_are_saved_to_a_limit():
    allowance = Allowance(10.0)
    assert allowance.calls(0.0) == SAVED
    allowance.spend(15)
    assert allowance.calls(0.0) == 5
    assert allowance.calls(3.0) == 11  # a fifth of ten calls a second
    assert allowance.calls(2.0) == 11  # the clock doesn't go back
    assert allowance.calls(1000.0) == SAVED
    allowance.spend(30)
    assert allowance.calls(1000.0) == 0
    assert allowance.calls(1005.4) == 0
    assert allowance.calls(1005.6) == 1


@pytest.mark.parametrize(
    ("age", "pause", "while_waiting"),
    [(0, 1.5, 1.5), (5.9, 1.5, 1.5), (6, 4, 4), (59, 4, 4), (60, 15, 5), (899, 15, 5), (900, 30, 5), (1500, 120, 5)],
)
def test_rounds_come_more_rarely_as_the_youngest_grows_older(age, pause, while_waiting):
    old = lost(2, began_at=0.0)
    suspects = suspects_of([old, LOST], Landmarks(MARKS), PREMISES)
    now = LOST.ended_at + age
    assert next_round(suspects, now, waiting=False) == pause
    assert next_round(suspects, now, waiting=True) == while_waiting


# Parents

PARENT = KnownParent(20_001, "1", 1000, 900.0)


@pytest.mark.parametrize(
    ("parent", "sightings", "now", "is_read"),
    [
        (PARENT, [], 1100.0, False),
        (PARENT, [seen(20_005, seen_at=1020.0)], 1021.0, True),  # it was never read
        (PARENT, [seen(19_999, seen_at=1020.0)], 1021.0, False),  # it can't be its child
        (PARENT, [seen_parent(20_005, seen_at=1020.0)], 1021.0, False),
        (replace(PARENT, read_at=1010.0), [seen(20_005, seen_at=1020.0)], 1021.0, False),  # a moment ago
        (replace(PARENT, read_at=1010.0), [seen(20_005, seen_at=1020.0)], 1025.0, True),
        (replace(PARENT, read_at=1079.0), [seen(20_005, seen_at=1020.0)], 2000.0, True),
        (replace(PARENT, read_at=1080.0), [seen(20_005, seen_at=1020.0)], 2000.0, False),  # it would list it by now
    ],
)
def test_a_parent_is_read_while_an_id_may_be_its_child(parent, sightings, now, is_read):
    assert parents_to_read([parent], sightings, PREMISES, now) == ([parent] if is_read else [])
