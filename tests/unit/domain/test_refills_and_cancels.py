"""Tests what a panel's answer makes of a refill or a cancel."""

import pytest

from worker.domain.orders.outcomes import Reason, Scope
from worker.domain.orders.refills_and_cancels import RefillOrCancelChange, cancel_answered, refill_answered, refill_news
from worker.domain.orders.states import CancelState, RefillState
from worker.domain.orders.statuses import CancelTaken, ItemError, Recognition, RefillTaken
from worker.domain.polling import Pace

PACE = Pace(fastest=30, slowest=3600)
HOUR = 3600.0
FOR_GOOD = [reason for reason in Reason if reason.scope is Scope.ITEM]
FOR_NOW = [reason for reason in Reason if reason.scope is not Scope.ITEM]


def test_a_refill_that_was_taken_is_followed():
    change = refill_answered(5, "900", HOUR, PACE)
    assert change == RefillOrCancelChange(5, RefillState.SUBMITTED, 30, panel_refill_id="900")


def test_a_refill_that_was_taken_without_an_id_is_not_asked_for_again():
    change = refill_answered(5, RefillTaken(), HOUR, PACE)
    assert (change.state, change.panel_refill_id) == (RefillState.SUBMITTED, None)


@pytest.mark.parametrize("reason", FOR_GOOD)
def test_a_refill_that_was_refused_for_good(reason):
    change = refill_answered(5, ItemError(reason, "no"), HOUR, PACE)
    assert change == RefillOrCancelChange(5, RefillState.REJECTED, 0, error_code=reason, error="no")


@pytest.mark.parametrize("reason", FOR_NOW)
def test_a_refill_that_was_refused_for_now_is_asked_for_again(reason):
    change = refill_answered(5, ItemError(reason, "wait"), HOUR, PACE)
    assert change == RefillOrCancelChange(5, RefillState.PENDING, 450, error_code=reason, error="wait")


def test_a_refill_that_the_reply_left_out_is_asked_for_again():
    assert refill_answered(5, None, HOUR, PACE) == RefillOrCancelChange(5, RefillState.PENDING, 450)


@pytest.mark.parametrize(
    ("word", "state", "recognition"),
    [
        ("Pending", RefillState.SUBMITTED, Recognition.KNOWN),
        ("In progress", RefillState.SUBMITTED, Recognition.KNOWN),
        ("Completed", RefillState.COMPLETED, Recognition.KNOWN),
        ("Error", RefillState.SUBMITTED, Recognition.TROUBLED),
        ("Gone fishing", RefillState.SUBMITTED, Recognition.UNKNOWN),
    ],
)
def test_a_word_about_a_refill(word, state, recognition):
    news = refill_news(5, "Waiting", word, HOUR, PACE)
    assert news == RefillOrCancelChange(5, state, 30, panel_status=word, recognition=recognition)


def test_a_refill_that_the_panel_rejects_tells_the_panels_word():
    change = refill_news(5, "Pending", "Rejected", HOUR, PACE)
    assert (change.state, change.panel_status) == (RefillState.REJECTED, "Rejected")
    assert (change.error_code, change.error) == ("refill_rejected", "the panel answered Rejected")


def test_a_refill_that_is_still_is_looked_at_less_often():
    assert refill_news(5, "Pending", "Pending", HOUR, PACE).due_in == 450


@pytest.mark.parametrize("answer", [None, *[ItemError(reason, "no") for reason in Reason]])
def test_an_error_in_place_of_a_refills_status_is_no_news(answer):
    news = refill_news(5, "Pending", answer, HOUR, PACE)
    assert news == RefillOrCancelChange(5, RefillState.SUBMITTED, 450, panel_status="Pending")


@pytest.mark.parametrize("waited", [0, HOUR])
def test_a_cancel_that_was_taken(waited):
    assert cancel_answered(5, CancelTaken(), waited, PACE) == RefillOrCancelChange(5, CancelState.ACCEPTED, 0)


@pytest.mark.parametrize("reason", FOR_GOOD)
def test_a_cancel_that_was_refused_for_good(reason):
    change = cancel_answered(5, ItemError(reason, "no"), HOUR, PACE)
    assert change == RefillOrCancelChange(5, CancelState.REJECTED, 0, error_code=reason, error="no")


@pytest.mark.parametrize("reason", FOR_NOW)
def test_a_cancel_that_was_refused_for_now_is_asked_for_again(reason):
    change = cancel_answered(5, ItemError(reason, "wait"), HOUR, PACE)
    assert change == RefillOrCancelChange(5, CancelState.PENDING, 450, error_code=reason, error="wait")


def test_a_cancel_that_the_reply_left_out_is_asked_for_again():
    assert cancel_answered(5, None, HOUR, PACE) == RefillOrCancelChange(5, CancelState.PENDING, 450)


@pytest.mark.parametrize(
    ("waited", "state"),
    [(0, CancelState.PENDING), (180, CancelState.PENDING), (599, CancelState.PENDING), (600, CancelState.REJECTED)],
)
def test_a_panel_that_does_not_know_its_new_order_yet_is_asked_again(waited, state):
    change = cancel_answered(5, ItemError(Reason.NOT_FOUND, "Incorrect order ID"), waited, PACE)
    assert (change.state, change.error_code) == (state, "not_found")
