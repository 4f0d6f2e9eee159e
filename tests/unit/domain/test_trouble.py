"""Tests what pauses a panel, which calls it holds back, and for how long (docs/panel-trouble.md)."""

import pytest

from worker.domain.orders.outcomes import Accepted, Answered, NotSent, Reason, Refused, Scope, Unknown
from worker.domain.orders.trouble import (
    ADD_OUTAGE_AFTER,
    OUTAGE_AFTER,
    PASSING,
    Pause,
    PauseReason,
    PauseScope,
    Unanswered,
    low_balance,
    met_again,
    other_account,
    proven_over,
    refusing,
    trouble_of,
)

NONE = Unanswered()
CALLS = pytest.mark.parametrize("adding", [True, False], ids=["add", "other"])


@CALLS
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is not Scope.PANEL])
def test_what_is_true_of_one_item_pauses_nothing(reason, adding):
    assert trouble_of(Refused(reason, "no"), Unanswered(1000, 1000), adding=adding) is None


@CALLS
@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if reason.scope is Scope.PANEL and reason is not Reason.REFUSING]
)
def test_what_is_true_of_the_panel_pauses_it_at_once(reason, adding):
    pause = trouble_of(Refused(reason, "the panel's words"), NONE, adding=adding)
    assert pause.reason == reason
    assert pause.detail == "the panel's words"
    assert 0 < pause.first <= pause.longest


@CALLS
def test_no_money_holds_back_nothing_but_add(adding):
    assert trouble_of(Refused(Reason.NOT_ENOUGH_FUNDS, "no"), NONE, adding=adding).scope is PauseScope.ADD


@CALLS
def test_a_bad_key_holds_back_everything(adding):
    """Some panels block an address after several calls with a bad key."""
    pause = trouble_of(Refused(Reason.BAD_KEY, "no"), NONE, adding=adding)
    assert pause.scope is PauseScope.ALL
    assert pause.first >= 30


@pytest.mark.parametrize(("adding", "scope"), [(True, PauseScope.ADD), (False, PauseScope.ALL)])
def test_a_rate_limit_reaches_as_far_as_it_was_met(adding, scope):
    assert trouble_of(Refused(Reason.RATE_LIMITED, "no"), NONE, adding=adding).scope is scope


@CALLS
def test_a_rate_limit_lasts_as_long_as_the_panel_asks(adding):
    pause = trouble_of(Refused(Reason.RATE_LIMITED, "no", retry_after=17.5), NONE, adding=adding)
    assert (pause.first, pause.longest) == (17.5, 17.5)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is Scope.PANEL])
def test_words_about_the_panel_that_are_refuted_pause_nothing(reason):
    assert trouble_of(Refused(reason, "no", alone=True), NONE, adding=True) is None


def test_a_panel_that_refuses_orders_is_asked_with_orders_alone():
    """A panel that forbids `status` may well take orders."""
    assert trouble_of(Refused(Reason.REFUSING, "no"), NONE, adding=False) is None
    pause = trouble_of(Refused(Reason.REFUSING, "no"), NONE, adding=True)
    assert pause == refusing("no") == Pause(PauseScope.ADD, PauseReason.REFUSING, "no", first=10, longest=600)


OUT = Pause(PauseScope.ALL, PauseReason.OUTAGE, "silence", first=5, longest=60)
ADD_OUT = Pause(PauseScope.ADD, PauseReason.OUTAGE, "silence", first=5, longest=600)


@pytest.mark.parametrize(
    ("failure", "adding"),
    [(NotSent("silence"), True), (NotSent("silence"), False), (Unknown("silence"), False)],
    ids=["add not sent", "other not sent", "other unknown"],
)
@pytest.mark.parametrize("in_a_row", [1, OUTAGE_AFTER - 1, OUTAGE_AFTER, OUTAGE_AFTER + 1])
def test_silence_is_an_outage_once_it_lasts(failure, in_a_row, adding):
    pause = trouble_of(failure, Unanswered(0, in_a_row), adding=adding)
    assert pause == (OUT if in_a_row >= OUTAGE_AFTER else None)


@pytest.mark.parametrize("in_a_row", [1, ADD_OUTAGE_AFTER - 1, ADD_OUTAGE_AFTER, ADD_OUTAGE_AFTER + 1])
@pytest.mark.parametrize("replied", [True, False])
def test_adds_in_doubt_are_an_outage_of_add_alone(in_a_row, replied):
    pause = trouble_of(Unknown("silence", replied=replied), Unanswered(in_a_row, 1000), adding=True)
    assert pause == (ADD_OUT if in_a_row >= ADD_OUTAGE_AFTER else None)


def test_an_outage_of_add_puts_about_a_dozen_orders_an_hour_in_doubt():
    probes, at, wait = 0, 0.0, ADD_OUT.first
    while (at := at + wait) < 3600:
        probes, wait = probes + 1, min(2 * wait, ADD_OUT.longest)
    assert probes <= 12


def test_one_other_call_that_fails_while_add_is_out_is_an_outage_of_all_calls():
    unanswered = Unanswered(ADD_OUTAGE_AFTER, 1)
    assert trouble_of(Unknown("silence"), unanswered, adding=False) == OUT
    assert trouble_of(NotSent("silence"), unanswered, adding=True) is None


@pytest.mark.parametrize("failure", [NotSent("silence"), Unknown("silence")])
def test_one_failed_probe_of_all_calls_is_an_outage(failure):
    assert trouble_of(failure, Unanswered(0, 1), adding=False, probe=True) == OUT
    assert trouble_of(failure, Unanswered(1, 1), adding=True, probe=True) is None


def test_a_reply_that_nobody_can_read_is_no_outage_of_all_calls():
    unread = Unknown("what?", replied=True)
    assert trouble_of(unread, Unanswered(1000, 1000), adding=False, probe=True) is None
    assert proven_over(unread, adding=False) == (PauseReason.OUTAGE,)
    assert proven_over(unread, adding=True) == ()


@pytest.mark.parametrize(
    ("outcome", "adding", "after"),
    [
        (Unknown("silence"), True, Unanswered(4, 4)),
        (Unknown("silence", replied=True), True, Unanswered(4, 4)),
        (NotSent("silence"), True, Unanswered(3, 5)),
        (Accepted("1"), True, NONE),
        (Refused(Reason.REFUSED, "no"), True, NONE),
        (Unknown("silence"), False, Unanswered(3, 5)),
        (NotSent("silence"), False, Unanswered(3, 5)),
        (Unknown("what?", replied=True), False, Unanswered(3, 0)),
        (Answered({}), False, Unanswered(3, 0)),
        (Refused(Reason.BAD_KEY, "no"), False, Unanswered(3, 0)),
    ],
)
def test_adds_in_doubt_count_by_themselves(outcome, adding, after):
    """However many status calls are answered, an `add` that nobody answers is out."""
    assert Unanswered(3, 4).after(outcome, adding=adding) == after


@pytest.mark.parametrize(
    ("failure", "trouble"),
    [
        (Unknown("silence"), ADD_OUT),
        (Unknown("silence", replied=True), ADD_OUT),
        (Refused(Reason.REFUSED, "no"), refusing("no")),
        (Refused(Reason.LINK_REFUSED, "no"), None),
        (NotSent("silence"), None),
    ],
)
def test_a_probe_meets_the_trouble_that_it_was_to_find_over(failure, trouble):
    assert met_again(failure) == trouble


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
    assert set(PauseReason) - set(PASSING) == {PauseReason.LOW_BALANCE, PauseReason.OTHER_ACCOUNT}


def test_another_account_holds_everything_back_until_a_worker_has_the_right_one():
    pause = other_account("its URL and KEY lead to another account")
    assert pause == Pause(PauseScope.ALL, PauseReason.OTHER_ACCOUNT, "its URL and KEY lead to another account", None, 0)


@pytest.mark.parametrize("outcome", [Accepted("1"), Answered({})], ids=["accepted", "answered"])
@CALLS
def test_an_answer_ends_whatever_can_pass(outcome, adding):
    assert proven_over(outcome, adding=adding) == PASSING


@CALLS
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is not Scope.PANEL])
def test_a_refusal_of_one_order_says_nothing_of_money_or_of_unknown_words(reason, adding):
    """Panels check the link, the service and the quantity before the balance."""
    over = proven_over(Refused(reason, "no"), adding=adding)
    assert set(PASSING) - set(over) == {PauseReason.NOT_ENOUGH_FUNDS, PauseReason.REFUSING}


@CALLS
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is Scope.PANEL])
def test_no_refusal_ends_its_own_trouble_and_each_ends_an_outage(reason, adding):
    over = proven_over(Refused(reason, "no"), adding=adding)
    assert PauseReason(reason) not in over
    assert PauseReason.OUTAGE in over


@CALLS
@pytest.mark.parametrize("failure", [NotSent("refused"), Unknown("timeout")], ids=["not sent", "unknown"])
def test_silence_proves_nothing_to_be_over(failure, adding):
    assert proven_over(failure, adding=adding) == ()
