"""Tests what the panel accepts of its callers: limits, also by action, and bans."""

import pytest

from worker.sandbox.panel.limits import Bans, Limit


@pytest.mark.parametrize(("rate", "at_once", "window"), [(5, 5, 1.0), (1, 1, 1.0), (0.5, 1, 2.0)])
def test_the_limit_holds_in_any_window(real, rate, at_once, window):
    limit = Limit(rate, real)

    assert [limit.take() for _ in range(at_once)] == [None] * at_once
    assert limit.take() == pytest.approx(window)
    real.now += window / 2
    assert limit.take() == pytest.approx(window / 2)
    real.now += window / 2
    assert [limit.take() for _ in range(at_once)] == [None] * at_once
    assert limit.take() is not None


def test_a_limit_of_none_lets_nobody_in(real):
    limit = Limit(0, real)
    assert limit.take() == 60
    real.now += 61
    assert limit.take() == 60


def test_a_limit_by_action_is_for_this_action_alone(quirky):
    limits = quirky("limits_by_action=status:1,balance:0", rate_limit=3).panel.limits

    assert [limits.take(action) for action in ("status", "add")] == [None, None]
    assert limits.take("status") > 0
    assert limits.take("balance") == 60
    assert limits.take("add") is None
    assert limits.take("add") > 0, "the limit of all together holds as well"


def test_a_ban_comes_after_so_many_bad_keys_and_ends(real):
    bans = Bans(3, 60, real)
    for _ in range(2):
        bans.note_bad_key("a")
    bans.note_bad_key("b")
    assert not bans.holds("a")

    bans.note_bad_key("a")

    assert (bans.holds("a"), bans.holds("b")) == (True, False)
    real.now += 60
    assert not bans.holds("a")
    bans.note_bad_key("a")
    assert not bans.holds("a")
