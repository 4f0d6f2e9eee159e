"""Tests what refusals in unknown words mean: of one order its own trouble, of order after order the panel's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted, NotSent, Reason, Refused, Scope, Unknown
from worker.domain.orders.refusals import (
    ANY_WORDS,
    MOST_BLAMED,
    SAME_WORDS,
    WAITS,
    Blame,
    RefusedInARow,
    blamed_on_panel,
    subject_of,
    wait_after,
)


def refused(text):
    return Refused(Reason.REFUSED, text)


def counted(*calls):
    """Counts calls, each given as the number of its order and its outcome."""
    count = RefusedInARow()
    for number, outcome in calls:
        count = count.after(("1", f"https://example.com/{number}"), outcome)
    return count


@pytest.mark.parametrize(
    "texts",
    [
        ["Недостаточно прав", "недостаточно  ПРАВ", " Недостаточно прав\n"],
        ["wait 15 s, request 8841", "wait 9 s, request 8842", "Wait 120 s, request 8850"],
        ["ห้ามเข้า", "ห้ามเข้า", "ห้ามเข้า"],
        ["", "", ""],
        ["٣ طلبات", "٤ طلبات", "٦٧ طلبات"],
    ],
    ids=["case and spaces", "numbers", "Thai", "no words", "Arabic digits"],
)
def test_the_same_words_for_several_orders_are_the_panels(texts):
    assert len(texts) == SAME_WORDS
    calls = [(number, refused(text)) for number, text in enumerate(texts)]
    assert not counted(*calls[:-1]).is_the_panels
    assert counted(*calls).is_the_panels


def test_any_words_for_more_orders_are_the_panels():
    calls = [(number, refused("x" * number)) for number in range(ANY_WORDS)]
    assert not counted(*calls[:-1]).is_the_panels
    assert counted(*calls).is_the_panels


@given(st.lists(st.text(), max_size=50))
def test_one_order_alone_is_never_the_panels_trouble(texts):
    assert not counted(*[(1, refused(text)) for text in texts]).is_the_panels


def test_two_orders_that_take_turns_are_two():
    assert not counted(*[(number % 2, refused("no")) for number in range(50)]).is_the_panels


def test_an_acceptance_begins_the_count_anew():
    few = [(number, refused("no")) for number in range(SAME_WORDS - 1)]
    assert not counted(*few, (9, Accepted("1")), *few).is_the_panels
    assert counted(*few, (9, refused("no"))).is_the_panels


OTHERS = [
    *[Refused(reason, "no") for reason in Reason if reason is not Reason.REFUSED],
    NotSent("no route"),
    Unknown("timeout"),
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: getattr(other, "reason", None) or type(other).__name__)
def test_known_words_and_silence_neither_count_nor_reset(other):
    few = [(number, refused("no")) for number in range(SAME_WORDS - 1)]
    assert not counted(*few, *[(number, other) for number in range(10, 30)]).is_the_panels
    assert counted(*few, (10, other), (11, refused("no"))).is_the_panels


def test_other_words_in_between_are_no_row_of_the_same():
    assert not counted(*[(number, refused("ab"[number % 2])) for number in range(ANY_WORDS - 1)]).is_the_panels


@pytest.mark.parametrize(
    ("parameters", "subject"),
    [({"link": "x", "quantity": "5"}, ("7", "x")), ({"username": "y"}, ("7", "y")), ({}, ("7", ""))],
)
def test_an_order_is_told_apart_by_its_service_and_its_link(parameters, subject):
    assert subject_of(AddRequest("7", parameters)) == subject


def test_the_tries_lie_further_and_further_apart_within_an_hour():
    assert [wait_after(refusals) for refusals in (1, 2, 3, 50)] == [600, 2400, 2400, 2400]
    assert sum(WAITS) <= 3600


@pytest.mark.parametrize("outcome", [Accepted("1"), refused("nein"), *OTHERS])
def test_only_unknown_words_are_blamed_on_a_panel_that_refuses(outcome):
    blamed = blamed_on_panel(outcome)
    if outcome == refused("nein"):
        assert blamed == Refused(Reason.REFUSING, "nein")
        assert blamed.reason.scope is Scope.PANEL
    else:
        assert blamed == outcome


ONE, OTHER = ("1", "one"), ("1", "other")
TAKEN = Accepted("1")


def alone(blame, reason, subject=ONE):
    return blame.judge(subject, Refused(reason, "no")).alone


ABOUT_ONE_ORDER = [Reason.NOT_ENOUGH_FUNDS, Reason.BAD_KEY, Reason.REFUSING]


@pytest.mark.parametrize("reason", ABOUT_ONE_ORDER)
def test_words_about_the_panel_are_an_orders_own_once_another_order_was_taken(reason):
    blame = Blame()
    blame.judge(OTHER, TAKEN)
    assert not alone(blame, reason)
    assert not alone(blame, reason)
    blame.judge(OTHER, TAKEN)
    assert alone(blame, reason)
    assert alone(blame, reason), "what was learned is kept"
    assert not alone(blame, reason, OTHER)


def test_a_limit_has_to_be_refuted_twice():
    """A panel that is asked too often takes some orders all the same."""
    blame = Blame()
    assert not alone(blame, Reason.RATE_LIMITED)
    blame.judge(OTHER, TAKEN)
    assert not alone(blame, Reason.RATE_LIMITED)
    assert not alone(blame, Reason.RATE_LIMITED)
    blame.judge(OTHER, TAKEN)
    assert alone(blame, Reason.RATE_LIMITED)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is Scope.PANEL])
def test_an_answer_to_another_call_refutes_nothing_but_a_wrong_key(reason):
    blame = Blame()
    alone(blame, reason)
    blame.answered()
    assert alone(blame, reason) is (reason is Reason.BAD_KEY)


def test_a_wait_that_the_panel_asks_for_is_always_the_panels():
    blame = Blame()
    for _ in range(5):
        assert not blame.judge(ONE, Refused(Reason.RATE_LIMITED, "no", retry_after=5)).alone
        blame.judge(OTHER, TAKEN)


def test_an_order_that_was_taken_begins_anew():
    blame = Blame()
    alone(blame, Reason.BAD_KEY)
    blame.judge(ONE, TAKEN)
    assert not alone(blame, Reason.BAD_KEY)


@pytest.mark.parametrize("outcome", [TAKEN, refused("nein"), Refused(Reason.LINK_REFUSED, "no"), NotSent("no route")])
def test_all_other_outcomes_are_taken_as_they_are(outcome):
    blame = Blame()
    for _ in range(3):
        assert blame.judge(ONE, outcome) == outcome
        blame.judge(OTHER, TAKEN)


def test_what_a_worker_remembers_has_a_bound():
    blame = Blame()
    for number in range(MOST_BLAMED + 1):
        alone(blame, Reason.BAD_KEY, ("1", str(number)))
    blame.judge(OTHER, TAKEN)
    assert not alone(blame, Reason.BAD_KEY, ("1", "0"))
    assert alone(blame, Reason.BAD_KEY, ("1", str(MOST_BLAMED)))
