"""Tests what pauses a panel, which calls it holds back, and for how long (docs/panel-trouble.md)."""

import pytest

from worker.domain.orders.outcomes import Accepted, Answered, NotSent, Reason, Refused, Scope, Unknown
from worker.domain.orders.trouble import (
    OUTAGE_AFTER,
    PASSING,
    Pause,
    PauseReason,
    PauseScope,
    low_balance,
    proven_over,
    trouble_of,
)

CALLS = pytest.mark.parametrize("adding", [True, False], ids=["add", "other"])


@CALLS
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is not Scope.PANEL])
def test_what_is_true_of_one_item_pauses_nothing(reason, adding):
    assert trouble_of(Refused(reason, "no"), 1000, adding=adding) is None


@CALLS
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is Scope.PANEL])
def test_what_is_true_of_the_panel_pauses_it_at_once(reason, adding):
    pause = trouble_of(Refused(reason, "the panel's words"), 0, adding=adding)
    assert pause.reason == reason
    assert pause.detail == "the panel's words"
    assert 0 < pause.first <= pause.longest


@CALLS
def test_no_money_holds_back_nothing_but_add(adding):
    assert trouble_of(Refused(Reason.NOT_ENOUGH_FUNDS, "no"), 0, adding=adding).scope is PauseScope.ADD


@CALLS
def test_a_bad_key_holds_back_everything(adding):
    """Some panels block an address after several calls with a bad key."""
    pause = trouble_of(Refused(Reason.BAD_KEY, "no"), 0, adding=adding)
    assert pause.scope is PauseScope.ALL
    assert pause.first >= 30


@pytest.mark.parametrize(("adding", "scope"), [(True, PauseScope.ADD), (False, PauseScope.ALL)])
def test_a_rate_limit_reaches_as_far_as_it_was_met(adding, scope):
    assert trouble_of(Refused(Reason.RATE_LIMITED, "no"), 0, adding=adding).scope is scope


@CALLS
def test_a_rate_limit_lasts_as_long_as_the_panel_asks(adding):
    pause = trouble_of(Refused(Reason.RATE_LIMITED, "no", retry_after=17.5), 0, adding=adding)
    assert (pause.first, pause.longest) == (17.5, 17.5)


@CALLS
@pytest.mark.parametrize("failure", [NotSent("refused"), Unknown("timeout")], ids=["not sent", "unknown"])
@pytest.mark.parametrize("in_a_row", [1, OUTAGE_AFTER - 1, OUTAGE_AFTER, OUTAGE_AFTER + 1])
def test_silence_is_an_outage_once_it_lasts(failure, in_a_row, adding):
    pause = trouble_of(failure, in_a_row, adding=adding)
    if in_a_row < OUTAGE_AFTER:
        assert pause is None
    else:
        assert pause == Pause(PauseScope.ALL, PauseReason.OUTAGE, failure.text, first=5, longest=60)


@CALLS
@pytest.mark.parametrize(
    ("reason", "first", "longest"),
    [(Reason.NOT_ENOUGH_FUNDS, 10, 60), (Reason.BAD_KEY, 30, 300), (Reason.RATE_LIMITED, 1, 60)],
)
def test_how_long_the_panels_trouble_lasts(reason, first, longest, adding):
    pause = trouble_of(Refused(reason, "no"), 0, adding=adding)
    assert (pause.first, pause.longest) == (first, longest)


def test_five_calls_without_an_answer_are_an_outage():
    assert OUTAGE_AFTER == 5


def test_a_low_balance_holds_add_back_until_the_balance_says_otherwise():
    pause = low_balance("the balance is 3, below 10")
    assert pause == Pause(PauseScope.ADD, PauseReason.LOW_BALANCE, "the balance is 3, below 10", None, 0)
    assert set(PauseReason) - set(PASSING) == {PauseReason.LOW_BALANCE}


@pytest.mark.parametrize("outcome", [Accepted("1"), Answered({})], ids=["accepted", "answered"])
def test_an_answer_ends_whatever_can_pass(outcome):
    assert proven_over(outcome) == PASSING


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is not Scope.PANEL])
def test_a_refusal_of_one_order_says_nothing_of_money(reason):
    """Panels check the link, the service and the quantity before the balance."""
    assert set(PASSING) - set(proven_over(Refused(reason, "no"))) == {PauseReason.NOT_ENOUGH_FUNDS}


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is Scope.PANEL])
def test_no_refusal_ends_its_own_trouble_and_each_ends_an_outage(reason):
    over = proven_over(Refused(reason, "no"))
    assert PauseReason(reason) not in over
    assert PauseReason.OUTAGE in over


@pytest.mark.parametrize("failure", [NotSent("refused"), Unknown("timeout")], ids=["not sent", "unknown"])
def test_silence_proves_nothing_to_be_over(failure):
    assert proven_over(failure) == ()
