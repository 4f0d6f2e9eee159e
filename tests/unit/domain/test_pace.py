"""How often an order is looked at, and how long a failure makes us wait."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.pace import DAY, SETTLING_STRETCH, Pace, back_off

seconds = st.floats(0, 1e9)
paces = st.builds(
    lambda fastest, more, settlement: Pace(fastest, fastest + more, settlement),
    st.floats(0.1, 1e4),
    st.floats(0, 1e5),
    st.floats(1, 1e8),
)


@given(paces, seconds | st.floats(-1e6, 0))
def test_an_open_order_is_looked_at_within_the_bounds(pace, still_for):
    assert pace.fastest <= pace.next_look(still_for) <= pace.slowest


@given(paces, st.lists(seconds, min_size=2))
def test_the_stiller_the_seldomer(pace, times):
    for nearer, further in pairwise(sorted(times)):
        assert pace.next_look(nearer) <= pace.next_look(further)


@pytest.mark.parametrize(
    ("still_for", "wait"),
    [(0, 30), (240, 30), (480, 60), (3600, 450), (8 * 3600, 3600), (DAY, 3600), (30 * DAY, 3600)],
)
def test_the_default_pace(still_for, wait):
    assert Pace().next_look(still_for) == wait


@given(paces, st.floats(0, 0.999))
def test_a_closed_order_is_looked_at_within_the_bounds(pace, share):
    wait = pace.next_settlement_look(pace.settlement * share)
    assert pace.slowest <= wait <= pace.slowest * SETTLING_STRETCH


@given(paces, st.floats(0, 1e9))
def test_settlement_ends(pace, later):
    assert pace.next_settlement_look(pace.settlement + later) is None


def test_settlement_takes_few_looks_and_ends_after_its_window():
    pace, closed_for, looks = Pace(), 0.0, 0
    while (wait := pace.next_settlement_look(closed_for)) is not None:
        closed_for += wait
        looks += 1
    assert 7 * DAY <= closed_for <= 8 * DAY
    assert looks < 25


@pytest.mark.parametrize(("failures", "wait"), [(0, 2), (1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (1000, 30)])
def test_a_wait_doubles_up_to_the_longest(failures, wait):
    assert back_off(failures, first=2, longest=30) == wait


@given(st.integers(-10, 10**30), st.floats(0.001, 1e9), st.floats(0.001, 1e9))
def test_a_wait_is_never_longer_than_the_longest(failures, first, longest):
    wait = back_off(failures, first=first, longest=longest)
    assert math.isfinite(wait)
    assert min(first, longest) <= wait <= longest


@given(st.integers(0, 200), st.floats(0.001, 1e3), st.floats(0.001, 1e6))
def test_a_wait_never_gets_shorter(failures, first, longest):
    assert back_off(failures, first=first, longest=longest) <= back_off(failures + 1, first=first, longest=longest)
