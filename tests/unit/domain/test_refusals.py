"""Tests what refusals in unknown words mean: of one order its own trouble, of order after order the panel's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted, NotSent, Reason, Refused, Scope, Unknown
from worker.domain.orders.refusals import (
    ANY_WORDS,
    SAME_WORDS,
    WAITS,
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
