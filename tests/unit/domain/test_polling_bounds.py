"""Tests the exact waits between polls, at the bounds and with each constant, against a computation of their own."""

import math

import pytest

from worker.domain.polling import Closes, Outlook, Pace, Progress, back_off

HOUR = 3600.0
DAY = 24 * HOUR


def wait_that_is_worth(delay: float, outlook: Outlook) -> float:
    """Returns the seconds after which so much delay is expected, in steps too small to matter."""

    def still_open(after: float) -> float:
        return 1 / (1 + (after / outlook.median) ** outlook.shape)

    wait = expected = 0.0
    step = 0.1
    while expected < delay:
        expected += step * (1 - still_open(outlook.passed + wait + step / 2) / still_open(outlook.passed))
        wait += step
    return wait


def service(count: float, mean: float = math.log(6 * HOUR), variance: float = 0.0) -> Closes:
    """What is known of a service of whose orders so many closed."""
    return Closes(count, count * mean, count * (mean**2 + variance))


def test_the_bounds_that_hold_where_no_setting_says_otherwise():
    assert Pace() == Pace(fastest=30, slowest=3600, settlement=7 * 24 * 3600)


# How likely a close is


@pytest.mark.parametrize(
    ("within", "chance"),
    [(0, 0), (300, 1 - (1 + 1) / (1 + 4)), (600, 1 - (1 + 1) / (1 + 9))],
)
def test_the_chance_that_an_open_order_closes(within, chance):
    """An order that is open after 300 s, of a service with a median of 300 s, and a shape of 2."""
    assert Outlook(median=300, shape=2, passed=300).chance(within) == pytest.approx(chance)


# What a service's closes teach


@pytest.mark.parametrize(("count", "variance"), [(3, 0.0), (3, 2.0), (50, 0.0), (50, 0.09)])
def test_few_closes_are_averaged_with_a_usual_spread(count, variance):
    """Like four more closes with a spread of 1. The variance of a log-logistic distribution is (pi / shape)^2 / 3."""
    outlook = service(count, variance=variance).outlook(120)
    assert (math.pi / outlook.shape) ** 2 / 3 == pytest.approx((count * variance + 4) / (count + 4))
    assert outlook.median == pytest.approx(6 * HOUR)
    assert outlook.passed == 120


def test_older_closes_fade_by_a_fiftieth_with_each_newer_one():
    known = Closes(100, 500.0, 2600.0).followed_by(Closes(2, 12.0, 72.0))
    assert (known.count, known.log_sum, known.log_squares) == pytest.approx(
        (98.04, 492.2, 2569.04)  # 0.98 x 0.98 = 0.9604 of what was known, and the two newer ones in full
    )


def test_a_service_is_known_after_three_closes():
    assert service(2.99).outlook(0) is None
    assert service(3).outlook(0) is not None


def test_sums_that_rounding_made_impossible_mean_no_spread():
    impossible = Closes(4, 4 * 5.0, 4 * 25.0 - 0.5)
    assert impossible.outlook(0).shape == pytest.approx(service(4).outlook(0).shape)


def test_no_median_is_below_a_second_and_no_age_below_none():
    quick = service(5, mean=math.log(0.2))
    assert (quick.outlook(-5).median, quick.outlook(-5).passed, quick.outlook(0).passed) == (1, 0, 0)


# What an order's own progress says


def test_an_order_goes_on_at_its_own_speed():
    assert Progress(delivered=10, took=60, remains=5).outlook(45) == Outlook(median=30, shape=2, passed=45)


def test_the_slowest_progress_counts_and_none_does_not():
    assert Progress(1, 1.0, 1).outlook(0) == Outlook(1, 2, 0)
    for nothing in (Progress(0, 60, 5), Progress(10, 0, 5), Progress(10, 60, 0), Progress(-1, 60, 5)):
        assert nothing.outlook(0) is None


def test_no_estimate_is_below_a_second_and_no_stillness_below_none():
    assert Progress(100, 10, 1).outlook(-5) == Outlook(1, 2, 0)


# The wait of an open order


@pytest.mark.parametrize(
    ("age", "count", "variance"), [(4 * HOUR, 50, 0.0), (6 * HOUR, 50, 0.09), (12 * HOUR, 3, 0.0), (6 * HOUR, 10, 2.0)]
)
@pytest.mark.parametrize(("late", "worth"), [(0, 0.25), (30, 1.0), (-50, 0.25), (60, 2.25), (1000, 16.0)])
def test_an_order_waits_until_a_quarter_of_a_second_of_delay_is_expected(age, count, variance, late, worth):
    """A poll that was late has to be worth more: the square of how much longer the wait may be, eight times at most."""
    closes = service(count, variance=variance)
    expected = wait_that_is_worth(worth, closes.outlook(age))
    pace = Pace(fastest=5, slowest=100_000)
    assert pace.next_open_poll(0, age=age, closes=closes, late=late) == pytest.approx(expected, rel=0.04)


def test_an_order_waits_until_its_own_end_is_near():
    progress = Progress(delivered=1000, took=2 * HOUR, remains=1000)
    expected = wait_that_is_worth(0.25, Outlook(2 * HOUR, 2, 600))
    assert Pace(fastest=5).next_open_poll(600, progress=progress) == pytest.approx(expected, rel=0.03)


def test_where_nothing_is_expected_the_wait_is_the_slowest():
    assert Pace(fastest=5, slowest=100).next_open_poll(0, age=0, closes=service(50)) == 100


@pytest.mark.parametrize(
    ("late", "wait"), [(-50, 100), (0, 100), (15, 150), (30, 200), (60, 300), (210, 800), (300, 800)]
)
def test_half_a_minute_late_doubles_the_wait_up_to_eight_times(late, wait):
    assert Pace().next_open_poll(800, late=late) == wait


@pytest.mark.parametrize(("late", "wait"), [(0, 3600), (600, 3000), (1800, 1800), (5000, 1800)])
def test_what_will_be_late_again_is_due_earlier_by_no_more_than_half(late, wait):
    assert Pace().next_open_poll(30 * DAY, late=late) == wait


# Closed orders


@pytest.mark.parametrize(
    ("closed_for", "wait"),
    [
        (0, HOUR),
        (4 * HOUR, HOUR),
        (8 * HOUR, 2 * HOUR),
        (4 * DAY, DAY),
        (5 * DAY, DAY),
        (7 * DAY - 1, DAY),
        (7 * DAY, None),
        (8 * DAY, None),
    ],
)
def test_a_closed_order_is_polled_after_a_quarter_of_the_time_since_its_close(closed_for, wait):
    assert Pace().next_settlement_poll(closed_for) == wait


# After failures


@pytest.mark.parametrize(("failures", "wait"), [(-1, 3), (0, 3), (1, 3), (2, 6), (3, 12), (11, 3072)])
def test_waits_double_from_the_first(failures, wait):
    assert back_off(failures, first=3, longest=10**6) == wait
