"""How often an order is polled, and how long the worker waits after a failure."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.polling import (
    DAY,
    FADING,
    LATE,
    MOST_STRETCH,
    SETTLING_STRETCH,
    Closes,
    Outlook,
    Pace,
    PollHistory,
    Progress,
    back_off,
)

seconds = st.floats(0, 1e9)
paces = st.builds(
    lambda fastest, more, settlement: Pace(fastest, fastest + more, settlement),
    st.floats(0.1, 1e4),
    st.floats(0, 1e5),
    st.floats(1, 1e8),
)


@given(paces, seconds | st.floats(-1e6, 0))
def test_an_open_order_is_polled_within_the_bounds(pace, still_for):
    assert pace.fastest <= pace.wait_after(still_for) <= pace.slowest


@given(paces, st.lists(seconds, min_size=2))
def test_an_order_that_is_still_for_longer_is_polled_less_often(pace, times):
    for nearer, further in pairwise(sorted(times)):
        assert pace.wait_after(nearer) <= pace.wait_after(further)


@pytest.mark.parametrize(
    ("still_for", "wait"),
    [(0, 30), (240, 30), (480, 60), (3600, 450), (8 * 3600, 3600), (DAY, 3600), (30 * DAY, 3600)],
)
def test_the_default_pace(still_for, wait):
    assert Pace().wait_after(still_for) == wait


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
def test_whatever_is_known_an_open_order_is_polled_within_the_bounds(pace, still_for, is_known):
    assert pace.fastest <= pace.next_open_poll(still_for, **is_known) <= pace.slowest


@given(paces, few_seconds, few_seconds, st.floats(0, 2.9))
def test_an_order_of_an_unknown_service_is_polled_by_its_stillness(pace, still_for, age, count):
    for known in (None, Closes(count, count * 5, count * 25)):
        assert pace.next_open_poll(still_for, age=age, closes=known) == pace.wait_after(still_for)
    for nothing in (Progress(0, 60, 10), Progress(10, 0, 10), Progress(10, 60, 0)):
        assert pace.next_open_poll(still_for, age=age, progress=nothing) == pace.wait_after(still_for)


def known(median: float, spread: float = 0.3, count: float = 50) -> Closes:
    mean = math.log(median)
    return Closes(count, count * mean, count * (mean**2 + spread**2))


def test_an_order_is_polled_most_when_its_service_s_orders_close():
    early, expected, overdue = (Pace().next_open_poll(0, age=age, closes=known(6 * 3600)) for age in (0, 6 * 3600, DAY))
    assert expected < 200
    assert early > 5 * expected
    assert overdue > expected


def test_a_quick_service_is_polled_more_often_than_a_slow_one():
    waits = [Pace().next_open_poll(0, age=median, closes=known(median)) for median in (18_000, 36_000, 360_000)]
    assert waits[0] > Pace().fastest
    assert waits == sorted(set(waits))


@pytest.mark.parametrize("remaining", [60, 600, 7200])
def test_an_order_that_is_about_to_end_is_polled_near_its_estimated_end(remaining):
    """Not long before, never after it; and the last poll before it is very near."""
    progress = Progress(900, 9.0 * remaining, 100)
    polls, now = 0, 0.0
    while now < remaining:
        waited = Pace().next_open_poll(now, progress=progress)
        now += waited
        polls += 1
    assert now < remaining + 180
    assert waited < max(remaining / 10, 31)
    assert polls < 40 + remaining / 120


def test_progress_that_has_stopped_is_polled_less_and_less():
    progress = Progress(900, 900.0, 100)
    waits = [Pace().next_open_poll(still_for, progress=progress) for still_for in (100, 3600, 10 * 3600, DAY)]
    assert waits == sorted(set(waits))


def test_both_progress_and_service_can_call_for_a_poll():
    progress, service = Progress(900, 9000.0, 100), known(6 * 3600)
    alone = [Pace().next_open_poll(0, progress=progress), Pace().next_open_poll(0, age=6 * 3600, closes=service)]
    assert Pace().next_open_poll(0, age=6 * 3600, closes=service, progress=progress) == min(alone)


@given(few_seconds, closes, st.floats(0, 1e6), st.floats(0, 1e6))
def test_late_polls_make_longer_waits_up_to_the_half_of_the_slowest(age, service, late, more):
    sooner, later = (Pace().next_open_poll(0, age=age, closes=service, late=by) for by in (late, late + more))
    assert sooner <= later or later >= Pace().slowest / 2


@given(paces, few_seconds, closes, few_seconds)
def test_an_order_that_is_polled_late_is_due_early_enough_for_the_slowest(pace, age, service, late):
    wait = pace.next_open_poll(0, age=age, closes=service, late=late)
    assert wait + late <= pace.slowest * (1 + 1e-9) or wait <= max(pace.slowest / 2, pace.fastest)


@pytest.mark.parametrize(
    "of",
    [{"age": 36_000, "closes": known(36_000)}, {"progress": Progress(100, 3600, 1000)}, {}],
    ids=["by its service", "by its progress", "by its stillness"],
)
def test_a_poll_that_is_late_makes_the_next_wait_longer(of):
    on_time, late, later = (Pace().next_open_poll(600, **of, late=by) for by in (0, LATE, 3 * LATE))
    assert on_time * 1.3 < late < on_time * 2.1
    assert late * 1.3 < later < on_time * 4.1


def test_a_wait_is_not_stretched_without_end():
    assert Pace().next_open_poll(800, late=1e9) == 100 * MOST_STRETCH


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


def test_an_order_is_taken_to_have_closed_between_two_polls():
    assert Pace().took(PollHistory(0, 200, age=1000)) == 900
    assert Pace().took(PollHistory(0, 30, age=10)) == 1


def test_a_close_says_nothing_where_nobody_polled_or_nobody_knows_its_age():
    assert Pace(slowest=60).took(PollHistory(0, 120, age=1000)) == 940
    assert Pace(slowest=60).took(PollHistory(0, 121, age=1000)) is None
    assert Pace().took(PollHistory(0, 30)) is None


durations = st.lists(st.floats(1, 1e7), max_size=20)


@given(durations)
def test_what_orders_teach(took):
    learned = Closes.of(took)
    assert learned.count == len(took)
    assert learned.log_sum == pytest.approx(sum(math.log(each) for each in took))
    assert learned.log_squares == pytest.approx(sum(math.log(each) ** 2 for each in took))


@given(closes, st.lists(st.floats(1, 1e7), min_size=1, max_size=5))
def test_earlier_closes_fade_with_each_later_one(known, took):
    later = known
    for each in took:
        later = later.followed_by(Closes.of([each]))
    assert later.count == pytest.approx(known.count * FADING ** len(took) + sum(FADING**n for n in range(len(took))))
    newest = Closes.of(took)
    together = known.followed_by(newest)
    assert together.count == pytest.approx(known.count * FADING ** len(took) + len(took))
    assert together.log_sum == pytest.approx(known.log_sum * FADING ** len(took) + newest.log_sum)
    assert together.log_squares == pytest.approx(known.log_squares * FADING ** len(took) + newest.log_squares)


HISTORY = PollHistory(
    still_for=4000, unseen_for=500, age=36_000, closes=known(36_000), begun_with=1000, begun_for=10_000
)


def test_an_open_order_is_polled_by_all_that_is_known_of_it():
    progress = Progress(delivered=400, took=6000, remains=600)
    expected = Pace().next_open_poll(4000, age=36_000, closes=known(36_000), progress=progress, late=10)
    assert Pace().next_poll(HISTORY, is_closed=False, changed=False, remains=600, late=10) == expected


def test_an_order_that_has_just_changed_is_not_still():
    progress = Progress(delivered=400, took=10_000, remains=600)
    expected = Pace().next_open_poll(0, age=36_000, closes=known(36_000), progress=progress)
    assert Pace().next_poll(HISTORY, is_closed=False, changed=True, remains=600) == expected
    assert Pace().next_poll(PollHistory(4000, 500), is_closed=False, changed=True) == Pace().fastest


def test_without_remains_there_is_no_progress():
    assert HISTORY.progress(None, 0) is None
    assert PollHistory(0, 0).progress(5, 0) is None


@pytest.mark.parametrize(("closed_for", "wait"), [(0, 3600), (8 * 3600, 7200), (7 * DAY, None)])
def test_a_closed_order_is_polled_by_the_time_since_its_close(closed_for, wait):
    history = replace(HISTORY, closed_for=closed_for)
    for changed in (True, False):
        assert Pace().next_poll(history, is_closed=True, changed=changed, remains=0, late=900) == wait


@given(paces, st.floats(0, 0.999))
def test_a_closed_order_is_polled_within_the_bounds(pace, share):
    wait = pace.next_settlement_poll(pace.settlement * share)
    assert pace.slowest <= wait <= pace.slowest * SETTLING_STRETCH


@given(paces, st.floats(0, 1e9))
def test_settlement_ends(pace, later):
    assert pace.next_settlement_poll(pace.settlement + later) is None


def test_settlement_takes_few_polls_and_ends_after_its_window():
    pace, closed_for, polls = Pace(), 0.0, 0
    while (wait := pace.next_settlement_poll(closed_for)) is not None:
        closed_for += wait
        polls += 1
    assert 7 * DAY <= closed_for <= 8 * DAY
    assert polls < 25


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
