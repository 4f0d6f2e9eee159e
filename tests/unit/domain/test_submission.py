"""Tests what becomes of an order after its `add`: every outcome, in every state that the order may be in by then."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.add_request import AddRequest, OrderRequest, Refusal
from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.outcomes import Accepted, NotSent, Reason, Refused, Scope, Unknown
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import (
    Claimed,
    PendingOrder,
    belongs_to,
    canceled_here,
    settled,
    too_late,
    unconfirmed,
)

OUTCOMES = [
    pytest.param(Accepted("23501"), id="accepted"),
    *[pytest.param(Refused(reason, "the panel's words"), id=reason) for reason in Reason],
    pytest.param(NotSent("no connection"), id="not_sent"),
    pytest.param(Unknown("timeout"), id="unknown"),
    pytest.param(belongs_to(Accepted("23501"), 5), id="another order's id"),
]


def claimed(attempt=1, refused_before=0):
    return Claimed(7, 1, attempt, AddRequest("1"), refused_before)


#: An order is `submitting` while its call is out, and `unconfirmed` once its lease has ended.
AWAITED = [OrderState.SUBMITTING, OrderState.UNCONFIRMED]


def _expected(outcome):
    """The state, the event and the code that an outcome leads to."""
    match outcome:
        case Accepted():
            return OrderState.SUBMITTED, EventKind.SUBMITTED, None
        case Refused(Reason.REFUSED as reason):
            return OrderState.PENDING, EventKind.REQUEUED, reason
        case Refused(reason) if reason.scope is Scope.ITEM:
            return OrderState.REJECTED, EventKind.REJECTED, reason
        case Refused(reason):
            return OrderState.PENDING, EventKind.REQUEUED, reason
        case NotSent():
            return OrderState.PENDING, EventKind.REQUEUED, "not_sent"
        case Unknown(duplicate=duplicate):
            code = "no_answer" if duplicate is None else "duplicate_id"
            return OrderState.UNCONFIRMED, EventKind.UNCONFIRMED, code


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("state", AWAITED)
def test_what_an_outcome_leads_to(state, outcome):
    before = OrderRecord(state, error_code="worker_lost" if state is OrderState.UNCONFIRMED else None)
    change = settled(claimed(), outcome, before)
    assert (change.after.state, change.kind, change.after.error_code) == _expected(outcome)
    assert (change.order_id, change.before) == (7, before)
    assert change.after.panel_order_id == ("23501" if isinstance(outcome, Accepted) else None)
    assert change.after.error == (None if isinstance(outcome, Accepted) else outcome.text)


def test_an_id_that_another_order_has_names_that_order():
    change = settled(claimed(), belongs_to(Accepted("23501"), 5), OrderRecord(OrderState.SUBMITTING))
    assert change.after.error == "the panel answered with the id 23501, which order 5 has already"
    assert change.detail == {"panel_order_id": "23501", "held_by": 5}


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("state", [state for state in OrderState if state not in AWAITED])
def test_an_order_that_waits_for_no_answer_is_not_settled_by_one(state, outcome):
    with pytest.raises(ValueError, match=f"order 7: a call came back for an order that is {state}"):
        settled(claimed(), outcome, OrderRecord(state, panel_order_id="1"))


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_what_is_tried_again_has_a_wait(outcome):
    change = settled(claimed(), outcome, OrderRecord(OrderState.SUBMITTING))
    assert (change.retry_in is not None) is (change.after.state is OrderState.PENDING)


@pytest.mark.parametrize(
    ("outcome", "waits"),
    [
        (Refused(Reason.LINK_BUSY, ""), [60, 120, 240, 3600]),
        (Refused(Reason.NOT_ENOUGH_FUNDS, ""), [1, 2, 4, 60]),
        (Refused(Reason.BAD_KEY, ""), [1, 2, 4, 60]),
        (Refused(Reason.RATE_LIMITED, ""), [1, 2, 4, 60]),
        (Refused(Reason.REFUSING, ""), [1, 2, 4, 60]),
        (Refused(Reason.BAD_KEY, "", alone=True), [60, 120, 240, 3600]),
        (Refused(Reason.NOT_ENOUGH_FUNDS, "", alone=True), [60, 120, 240, 600]),
        (NotSent(""), [2, 4, 8, 60]),
    ],
    ids=lambda value: getattr(value, "reason", None) or ("not_sent" if isinstance(value, NotSent) else None),
)
def test_the_wait_grows_with_the_attempts(outcome, waits):
    before = OrderRecord(OrderState.SUBMITTING)
    assert [settled(claimed(attempt), outcome, before).retry_in for attempt in (1, 2, 3, 500)] == waits


@pytest.mark.parametrize("state", AWAITED)
@pytest.mark.parametrize(
    ("tries", "waits"), [(3, [600, 2400, None]), (1, [None]), (2, [600, None]), (5, [600, 2400, 2400, 2400, None])]
)
def test_unknown_words_reject_an_order_after_some_tries(state, tries, waits):
    before = OrderRecord(state)
    for refused_before, wait in enumerate(waits):
        outcome = Refused(Reason.REFUSED, "nein")
        change = settled(claimed(50, refused_before), outcome, before, tries=tries)
        expected = OrderState.REJECTED if wait is None else OrderState.PENDING
        assert (change.after.state, change.after.error_code, change.after.error) == (expected, "refused", "nein")
        assert change.retry_in == wait


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is not Scope.ITEM])
def test_no_trouble_of_the_panel_rejects_an_order_however_often_it_comes(reason):
    change = settled(claimed(500, 500), Refused(reason, "no"), OrderRecord(OrderState.SUBMITTING), tries=1)
    assert change.after.state is OrderState.PENDING


outcomes = st.one_of(
    st.builds(Accepted, st.text(min_size=1)),
    st.builds(Refused, st.sampled_from(Reason), st.text(), st.none() | st.floats(0, 1e6)),
    st.builds(NotSent, st.text()),
    st.builds(Unknown, st.text()),
)


@given(outcomes, st.sampled_from(AWAITED), st.integers(0, 10**6))
def test_no_outcome_buys_twice_or_loses_a_purchase(outcome, state, attempt):
    after = settled(claimed(attempt), outcome, OrderRecord(state)).after
    assert (after.state is OrderState.SUBMITTED) is isinstance(outcome, Accepted)
    assert (after.panel_order_id is not None) is isinstance(outcome, Accepted)
    assert (after.state is OrderState.UNCONFIRMED) is isinstance(outcome, Unknown)
    if after.state in {OrderState.PENDING, OrderState.REJECTED}:
        assert isinstance(outcome, Refused | NotSent)


def test_a_lease_that_ended_leaves_an_open_question():
    change = unconfirmed(7, OrderRecord(OrderState.SUBMITTING), "worker_lost", "the worker died")
    assert change.after == OrderRecord(OrderState.UNCONFIRMED, error_code="worker_lost", error="the worker died")
    assert (change.kind, change.retry_in) == (EventKind.UNCONFIRMED, None)


LATE = [
    (Accepted("23501"), {"outcome": "accepted", "panel_order_id": "23501"}),
    (
        Refused(Reason.LINK_REFUSED, "Bad Link"),
        {"outcome": "refused", "error_code": "link_refused", "error": "Bad Link"},
    ),
    (NotSent("no connection"), {"outcome": "not_sent", "error": "no connection"}),
    (Unknown("timeout"), {"outcome": "unknown", "error": "timeout"}),
]


@pytest.mark.parametrize(("outcome", "detail"), LATE, ids=["accepted", "refused", "not_sent", "unknown"])
@pytest.mark.parametrize("state", OrderState)
def test_a_result_that_is_too_late_changes_nothing_and_is_kept(state, outcome, detail):
    record = OrderRecord(state, panel_order_id="1", charge=Decimal(3), error_code="refused", error="no")
    change = too_late(7, outcome, record)
    assert (change.kind, change.before, change.after) == (EventKind.LATE_RESULT, record, record)
    assert change.detail == detail
    assert not change.changes_state


ORDER = PendingOrder(7, OrderRequest("1", "https://example.com/p/1", 100), attempts=2)


def test_a_refusal_of_our_own():
    change = ORDER.refused(Refusal("unknown_service", "there is none"))
    assert change == Change(
        7,
        EventKind.REJECTED,
        OrderRecord(OrderState.PENDING),
        OrderRecord(OrderState.REJECTED, error_code="unknown_service", error="there is none"),
    )


@pytest.mark.parametrize(
    ("charge", "told"),
    [
        (None, {}),
        (Decimal("0.0900"), {"expected_charge": "0.0900"}),
        (Decimal("1E-7"), {"expected_charge": "0.0000001"}),
        (Decimal("1E+2"), {"expected_charge": "100"}),
    ],
)
def test_an_intent_tells_its_attempt_and_what_it_should_cost(charge, told):
    change = ORDER.intended(AddRequest("1", {}, charge))
    assert (change.before.state, change.after) == (OrderState.PENDING, OrderRecord(OrderState.SUBMITTING))
    assert (change.kind, change.detail) == (EventKind.SUBMITTING, {"attempt": 3, **told})


def test_a_cancel_before_the_order_was_sent():
    before = OrderRecord(error_code="link_busy", error="wait")
    change = canceled_here(7, before)
    assert (change.kind, change.before, change.after) == (
        EventKind.CANCELED,
        before,
        OrderRecord(OrderState.CANCELED),
    )


@pytest.mark.parametrize("state", [state for state in OrderState if state is not OrderState.PENDING])
def test_what_was_sent_is_never_canceled_here(state):
    """A cancel of what the panel has, or may have, is the panel's to grant."""
    with pytest.raises(ValueError, match="order 7"):
        canceled_here(7, replace(OrderRecord(), state=state, panel_order_id="1"))
