"""Tests the ids of orders, and the orders of other customers, which count by the clock alone."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from worker.sandbox.panel import ledger

ORDER = {"service": 2, "link": "https://example.com/me", "quantity": 10}
DAY = 86_400
HOUR = 3600


def ids(it, orders, every=0.0):
    found = []
    for _ in range(orders):
        found.append(it.ask("add", **ORDER)["order"])
        it.panel.clock.advance(every)
    return found


@pytest.mark.parametrize("rate", [0.1, 1, 20])
def test_others_order_by_the_second(quirky, rate):
    it = quirky(others=rate)
    found = ids(it, 300, every=10)

    gaps = [b - a - 1 for a, b in pairwise(found)]
    assert sum(gaps) / len(gaps) == pytest.approx(10 * rate, rel=0.1)
    assert len(set(gaps)) > 2
    assert len(it.panel.book.orders) == 300


def test_a_long_time_is_counted_at_once(quirky):
    it = quirky(others=20, others_by_day=True, quiet_nights=True)
    first, second = ids(it, 2, every=30 * DAY)

    assert 0.5 < (second - first) / (20 * 30 * DAY) < 1


def test_others_follow_the_time_of_the_day(quirky):
    it = quirky(others=1, others_by_day=True, epoch=datetime(2026, 1, 1, tzinfo=UTC))
    found = ids(it, 97, every=HOUR)  # four days, from midnight on

    hours = [b - a for a, b in pairwise(found)]
    calm = sum(gap for hour, gap in enumerate(hours) if hour % 24 in range(4, 8))
    busy = sum(gap for hour, gap in enumerate(hours) if hour % 24 in range(16, 20))
    assert 2 < busy / calm < 4
    assert sum(hours) / (4 * DAY) == pytest.approx(1, rel=0.15)


def test_nights_are_quiet(quirky):
    it = quirky(others=5, quiet_nights=True, epoch=datetime(2026, 1, 1, 23, tzinfo=UTC))
    found = ids(it, 12, every=HOUR)

    gaps = [b - a - 1 for a, b in pairwise(found)]
    assert gaps[1:7] == [0] * 6
    assert min(gaps[0], *gaps[7:]) > 17_000


def test_a_rate_changes_from_now_on(quirky):
    it = quirky(others=1)
    it.panel.clock.advance(1000)
    it.panel.book.numbering.change_others(rate=0, by_day=None, quiet_nights=None)
    it.panel.clock.advance(1000)

    assert 800 < it.ask("add", **ORDER)["order"] - 23501 < 1200


def test_the_same_seed_gives_the_same_ids(quirky):
    def story(seed):
        return ids(quirky(others=5, foreign=1, seed=seed), 50, every=3)

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_ids_that_do_not_increase_are_each_an_orders_own(quirky):
    it = quirky("ids_not_increasing")
    found = ids(it, 300)

    assert len(set(found)) == 300
    assert 100 < sum(b < a for a, b in pairwise(found)) < 200
    assert [int(entry["id"]) for entry in ledger.orders(it.panel)] == sorted(found)
    assert all("status" in it.ask("status", order=number) for number in found)


def test_ids_jump(quirky):
    assert ids(quirky("ids_jump=2"), 5) == [23501, 23502, 1023503, 1023504, 2023505]


def test_ids_start_anew_and_none_is_given_out_twice(quirky):
    it = quirky("ids_restart=3", first_order_id=500)
    assert ids(it, 10) == [500, 501, 502, 1, 2, 3, 4, 5, 6, 7]
    it.quirks.clear()
    assert ids(it, 2) == [8, 9]


def test_the_next_id_is_set_by_hand(quirky):
    it = quirky(first_order_id=5)
    ids(it, 2)
    it.panel.book.numbering.last = 4

    assert ids(it, 2) == [7, 8]


def test_ids_are_repeated(quirky):
    it = quirky("ids_repeated=1")
    it.ask("add", **ORDER, runs=2, interval=1)

    assert ids(it, 3) == [23501, 23503, 23504]
    assert list(it.panel.book.orders) == [23501, 23502, 23503, 23504, 23505]
