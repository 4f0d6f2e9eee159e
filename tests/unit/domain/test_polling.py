"""How often an order is looked at, and how long a failure makes us wait."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.polling import DAY, LATE, MOST_STRETCH, SETTLING_STRETCH, Closes, Outlook, Pace, Progress, back_off

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


few_seconds = st.floats(0, 1e7)
closes = st.builds(
    lambda count, mean, variance: Closes(count, count * mean, count * (mean**2 + variance)),
    st.floats(0, 50),
    st.floats(0, 16),
    st.floats(0, 9),
)
progress = st.builds(Progress, st.integers(-(2**40), 2**40), st.floats(-1e3, 1e7), st.integers(-(2**40), 2**40))


what_is_known = st.fixed_dictionaries(
    {
        "age": few_seconds | st.none(),
        "closes": closes | st.none(),
        "progress": progress | st.none(),
        "late": st.floats(-1e3, 1e7),
    }
)


@given(paces, few_seconds, what_is_known)
def test_whatever_is_known_an_open_order_is_looked_at_within_the_bounds(pace, still_for, is_known):
    assert pace.fastest <= pace.next_open_look(still_for, **is_known) <= pace.slowest


@given(paces, few_seconds, few_seconds, st.floats(0, 2.9))
def test_a_service_that_nobody_knows_yet_is_looked_at_as_its_stillness_says(pace, still_for, age, count):
    for known in (None, Closes(count, count * 5, count * 25)):
        assert pace.next_open_look(still_for, age=age, closes=known) == pace.next_look(still_for)
    for nothing in (Progress(0, 60, 10), Progress(10, 0, 10), Progress(10, 60, 0)):
        assert pace.next_open_look(still_for, age=age, progress=nothing) == pace.next_look(still_for)


def known(median: float, spread: float = 0.3, count: float = 50) -> Closes:
    mean = math.log(median)
    return Closes(count, count * mean, count * (mean**2 + spread**2))


def test_an_order_is_looked_at_most_when_its_service_s_orders_close():
    early, expected, overdue = (Pace().next_open_look(0, age=age, closes=known(6 * 3600)) for age in (0, 6 * 3600, DAY))
    assert expected < 200
    assert early > 5 * expected
    assert overdue > expected


def test_a_quick_service_is_looked_at_more_often_than_a_slow_one():
    waits = [Pace().next_open_look(0, age=median, closes=known(median)) for median in (18_000, 36_000, 360_000)]
    assert waits[0] > Pace().fastest
    assert waits == sorted(set(waits))


@pytest.mark.parametrize("remaining", [60, 600, 7200])
def test_an_order_that_is_about_to_end_is_looked_at_near_its_estimated_end(remaining):
    """Not long before, never after it; and the last look before it is very near."""
    progress = Progress(900, 9.0 * remaining, 100)
    looks, now = 0, 0.0
    while now < remaining:
        waited = Pace().next_open_look(now, progress=progress)
        now += waited
        looks += 1
    assert now < remaining + 180
    assert waited < max(remaining / 10, 31)
    assert looks < 40 + remaining / 120


def test_progress_that_has_stopped_is_looked_at_less_and_less():
    progress = Progress(900, 900.0, 100)
    waits = [Pace().next_open_look(still_for, progress=progress) for still_for in (100, 3600, 10 * 3600, DAY)]
    assert waits == sorted(set(waits))


def test_both_progress_and_service_can_call_for_a_look():
    progress, service = Progress(900, 9000.0, 100), known(6 * 3600)
    alone = [Pace().next_open_look(0, progress=progress), Pace().next_open_look(0, age=6 * 3600, closes=service)]
    assert Pace().next_open_look(0, age=6 * 3600, closes=service, progress=progress) == min(alone)


@given(few_seconds, closes, st.floats(0, 1e6), st.floats(0, 1e6))
def test_late_looks_make_longer_waits_up_to_the_half_of_the_slowest(age, service, late, more):
    sooner, later = (Pace().next_open_look(0, age=age, closes=service, late=by) for by in (late, late + more))
    assert sooner <= later or later >= Pace().slowest / 2


@given(paces, few_seconds, closes, few_seconds)
def test_who_is_seen_late_is_due_early_enough_for_the_slowest(pace, age, service, late):
    wait = pace.next_open_look(0, age=age, closes=service, late=late)
    assert wait + late <= pace.slowest * (1 + 1e-9) or wait <= max(pace.slowest / 2, pace.fastest)


@pytest.mark.parametrize(
    "of",
    [{"age": 36_000, "closes": known(36_000)}, {"progress": Progress(100, 3600, 1000)}, {}],
    ids=["by its service", "by its progress", "by its stillness"],
)
def test_a_look_that_is_late_makes_the_next_wait_longer(of):
    on_time, late, later = (Pace().next_open_look(600, **of, late=by) for by in (0, LATE, 3 * LATE))
    assert on_time * 1.3 < late < on_time * 2.1
    assert late * 1.3 < later < on_time * 4.1


def test_a_wait_is_not_stretched_without_end():
    assert Pace().next_open_look(800, late=1e9) == 100 * MOST_STRETCH


@given(st.floats(1, 1e7), st.floats(0.5, 20), few_seconds, few_seconds, few_seconds)
def test_a_chance_grows_with_time(median, shape, passed, within, more):
    outlook = Outlook(median, shape, passed)
    assert 0 <= outlook.chance(within) <= outlook.chance(within + more) <= 1


def test_half_of_the_orders_close_within_the_median():
    assert Outlook(600, 3, 0).chance(600) == pytest.approx(0.5)
    outlook = known(600).outlook(0)
    assert outlook.median == pytest.approx(600)


def test_few_closes_are_not_trusted_to_be_alike():
    few, many = (known(600, spread=0, count=count).outlook(0) for count in (3, 50))
    assert few.shape < many.shape / 2


def test_a_close_is_taken_to_lie_between_two_looks():
    assert Pace().took(1000, 200) == 900
    assert Pace().took(10, 30) == 1
    assert Pace(slowest=60).took(1000, 200) is None


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
