"""Tests what known ids tell about others: bounds, times, and whether a panel's ids increase."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.evidence.landmarks import Landmark, Landmarks, ids_increase


def known(number, began_at, ended_at):
    return Landmark(number, float(began_at), float(ended_at))


def seen(number, seen_at):
    return Landmark(number, -math.inf, float(seen_at))


@pytest.mark.parametrize(
    ("landmarks", "low", "high"),
    [
        ([], None, None),
        ([known(100, 0, 9)], 100, None),
        ([known(100, 0, 10)], None, None),  # it ended as ours began: it may be the later one
        ([known(110, 21, 22)], None, 110),
        ([known(110, 20, 22)], None, None),
        ([known(105, 12, 15)], None, None),  # under way at the same time
        ([known(100, 0, 1), known(103, 5, 9), known(110, 21, 30), known(108, 22, 23)], 103, 108),
        ([seen(104, 9)], 104, None),  # it was there before ours was sent
        ([seen(104, 30)], None, None),  # nobody knows since when
    ],
)
def test_only_calls_wholly_before_or_after_are_bounds(landmarks, low, high):
    marks = Landmarks(landmarks)
    assert (marks.below(10.0), marks.above(20.0)) == (low, high)


def test_a_linked_sighting_is_a_bound_on_both_sides():
    marks = Landmarks([Landmark(104, 50.0, 60.0)])
    assert (marks.above(49.0), marks.above(50.0), marks.below(60.0), marks.below(61.0)) == (104, None, None, 104)


def test_an_id_was_given_out_once_a_higher_one_was():
    marks = Landmarks([known(100, 0, 1), seen(150, 40), known(200, 20, 30)])
    assert [marks.given_out(number) for number in (99, 100, 101, 150, 200, 201)] == [1, 1, 30, 30, 30, math.inf]


@pytest.mark.parametrize(
    ("landmarks", "increase"),
    [
        ([], True),
        ([known(5, 0, 1)], True),
        ([known(5, 0, 1), known(6, 2, 3)], True),
        ([known(6, 0, 1), known(5, 2, 3)], False),
        ([known(6, 0, 2), known(5, 2, 3)], True),  # their calls touch
        ([known(6, 0, 9), known(5, 1, 2), known(7, 10, 11)], True),
        ([known(6, 0, 1), known(9, 5, 9), known(5, 6, 7)], False),
        ([known(6, 0, 1), seen(5, 9)], True),  # it may be as old as can be
        ([seen(6, 1), known(5, 2, 3)], False),
        ([seen(6, 3), known(6, 1, 2)], True),  # the same order: seen once its answer had come
    ],
)
def test_ids_increase(landmarks, increase):
    assert ids_increase(landmarks) is increase


spans = st.tuples(st.integers(1, 60), st.integers(0, 60), st.integers(0, 20), st.booleans())
some = st.lists(spans, max_size=12).map(
    lambda drawn: [
        Landmark(number, -math.inf if is_sighting else float(began), float(began + took))
        for number, began, took, is_sighting in drawn
    ]
)


@given(some, st.integers(0, 60), st.integers(0, 61))
def test_bounds_are_what_trying_all_landmarks_finds(landmarks, time, number):
    marks = Landmarks(landmarks)
    assert marks.below(time) == max((one.number for one in landmarks if one.latest < time), default=None)
    assert marks.above(time) == min((one.number for one in landmarks if one.earliest > time), default=None)
    assert marks.given_out(number) == min((one.latest for one in landmarks if one.number >= number), default=math.inf)


@given(some, st.data())
def test_with_fewer_landmarks_the_bounds_are_wider(landmarks, data):
    some_of_them = [one for one in landmarks if data.draw(st.booleans())]
    time, number = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 61))
    fewer, more = Landmarks(some_of_them), Landmarks(landmarks)
    assert (fewer.below(time) or -1) <= (more.below(time) or -1)
    assert (fewer.above(time) or 999) >= (more.above(time) or 999)
    assert fewer.given_out(number) >= more.given_out(number)


EVENLY = Landmarks([known(100, 0, 0), known(200, 100, 100), known(300, 200, 200), seen(400, 900)])


@pytest.mark.parametrize(("time", "number"), [(0, 100), (50, 150), (150, 250), (200, 300), (260, 360)])
def test_an_id_is_estimated_from_the_known_orders_around_it(time, number):
    estimate, margin = EVENLY.number_at(time)
    assert estimate == number
    assert margin >= 20
    assert EVENLY.time_at(number) == time


def test_farther_away_an_estimate_is_less_certain():
    margins = [EVENLY.number_at(time)[1] for time in (150, 250, 400, 900)]
    assert margins == sorted(margins)
    assert EVENLY.number_at(-1) == (100, 100)  # before the first there is nothing to go by
    assert EVENLY.time_at(1) == 0


def test_sightings_have_no_time_of_their_own():
    assert EVENLY.newest == 300
    assert Landmarks([seen(5, 1)]).newest is None
    assert EVENLY.nearest(390) == 300
    assert EVENLY.nearest(149) == 100
    assert EVENLY.nearest(151) == 200
    assert Landmarks([seen(5, 1)]).nearest(5) is None
    assert [EVENLY.known_before(number) for number in (99, 100, 299, 400)] == [None, 0, 100, 200]


def test_the_pace_is_that_of_the_newest_orders():
    slow = [known(n, 10 * n, 10 * n) for n in range(100)]
    fast = [known(100 + 10 * n, 1000 + n, 1000 + n) for n in range(700)]
    assert Landmarks(slow).pace == pytest.approx(0.1)
    assert Landmarks(slow + fast).pace == pytest.approx(10)
    assert Landmarks(slow[:1]).pace == 1  # nobody knows
    assert bool(Landmarks(slow)) is True
    assert bool(Landmarks([])) is False


def test_the_fastest_pace_is_found_wherever_it_was():
    quick = [known(1000 + 5 * n, 100_000 + n, 100_000 + n) for n in range(700)]
    slow = [known(n, 100 * n, 100 * n) for n in range(1000)] + quick + [known(5000, 200_000, 200_000)]
    assert Landmarks(slow).fastest_pace(600) == pytest.approx(5)
    assert Landmarks(slow).pace < 1
