"""Tests what a person may do to an order by hand, in every state, with the words that decline it."""

from decimal import Decimal

import pytest

from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.operator_actions import (
    Declined,
    ResolvedAs,
    added,
    cancel_asked,
    declined_cancel,
    declined_refill,
    refill_asked,
    resolved,
    retried,
    standing,
)
from worker.domain.orders.states import OrderState

#: How an order of each state stands, in words.
STANDING = {
    OrderState.PENDING: "is pending",
    OrderState.SUBMITTING: "is submitting",
    OrderState.UNCONFIRMED: "is unconfirmed",
    OrderState.SUBMITTED: "is submitted as panel order 23501",
    OrderState.COMPLETED: "is completed as panel order 23501",
    OrderState.PARTIAL: "is partial as panel order 23501",
    OrderState.CANCELED: "is canceled as panel order 23501",
    OrderState.REJECTED: "is rejected",
}


def record(state: OrderState) -> OrderRecord:
    on_panel = "panel order" in STANDING[state]
    code = "refused" if state in {OrderState.REJECTED, OrderState.UNCONFIRMED} else None
    return OrderRecord(state, "23501" if on_panel else None, error_code=code, error=code and "no")


@pytest.mark.parametrize("state", OrderState)
def test_how_an_order_stands(state):
    assert standing(record(state)) == STANDING[state]


def test_an_order_that_a_person_places_starts_where_all_do():
    assert added(7, who="ann", why="a test") == Change(
        7, EventKind.ADDED, OrderRecord(), OrderRecord(), detail={"who": "ann", "why": "a test"}
    )
    assert added(7, who="ann", why=None).detail == {"who": "ann"}


# Resolving


@pytest.mark.parametrize(
    ("decision", "after", "detail"),
    [
        (ResolvedAs(OrderState.SUBMITTED, "99"), OrderRecord(OrderState.SUBMITTED, "99"), {"panel_order_id": "99"}),
        (ResolvedAs(OrderState.PENDING), OrderRecord(), {}),
        (
            ResolvedAs(OrderState.REJECTED),
            OrderRecord(OrderState.REJECTED, error_code="rejected_by_operator", error="asked the panel"),
            {},
        ),
    ],
    ids=["linked", "sent again", "rejected"],
)
def test_an_unconfirmed_order_is_settled_as_a_person_decides(decision, after, detail):
    before = record(OrderState.UNCONFIRMED)
    assert resolved(7, before, decision, who="ann", why="asked the panel") == Change(
        7, EventKind.RESOLVED, before, after, detail={"who": "ann", "why": "asked the panel", **detail}
    )


@pytest.mark.parametrize("state", [state for state in OrderState if state is not OrderState.UNCONFIRMED])
def test_no_other_order_can_be_resolved(state):
    text = f"{STANDING[state]}, and only an unconfirmed order can be resolved"
    if state is OrderState.SUBMITTING:
        text = "is being sent just now: its worker records the outcome, or another takes over within a minute"
    assert resolved(7, record(state), ResolvedAs(OrderState.PENDING), who="ann", why="") == Declined(7, text)


# Putting back


@pytest.mark.parametrize(("why", "detail"), [("it works now", {"why": "it works now"}), (None, {})])
def test_a_rejected_order_goes_back_to_where_it_waited(why, detail):
    before = record(OrderState.REJECTED)
    assert retried(7, before, may_have_been_taken=False, who="ann", why=why) == Change(
        7, EventKind.RETRIED, before, OrderRecord(), detail={"who": "ann", **detail}
    )


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (OrderState.PENDING, "is pending already"),
        (OrderState.SUBMITTING, "is submitting already"),
        (
            OrderState.UNCONFIRMED,
            "is unconfirmed, and the panel may have taken it: `orders resolve` settles it",
        ),
        *(
            (state, f"{STANDING[state]}, and only a rejected order can be put back")
            for state in (OrderState.SUBMITTED, OrderState.COMPLETED, OrderState.PARTIAL, OrderState.CANCELED)
        ),
    ],
)
@pytest.mark.parametrize("may_have_been_taken", [True, False])
def test_no_other_order_goes_back(state, text, may_have_been_taken):
    declined = retried(7, record(state), may_have_been_taken=may_have_been_taken, who="ann", why=None)
    assert declined == Declined(7, text)


def test_an_order_that_the_panel_may_have_taken_does_not_go_back():
    declined = retried(7, record(OrderState.REJECTED), may_have_been_taken=True, who="ann", why=None)
    assert declined == Declined(
        7, "was rejected by hand, and the panel may have taken it: insert a new order if it is to be sent anyway"
    )


# Cancels and refills


@pytest.mark.parametrize("asked", [cancel_asked, refill_asked])
@pytest.mark.parametrize(("why", "signed"), [("too slow", {"why": "too slow"}), (None, {})])
def test_a_request_changes_nothing_yet_and_is_signed(asked, why, signed):
    before = OrderRecord(OrderState.SUBMITTED, "23501", charge=Decimal("0.9"))
    change = asked(7, before, 12, who="ann", why=why)
    kind, name = {
        cancel_asked: (EventKind.CANCEL_ASKED, "cancel_id"),
        refill_asked: (EventKind.REFILL_ASKED, "refill_id"),
    }[asked]
    assert change == Change(7, kind, before, before, detail={"who": "ann", **signed, name: 12})


@pytest.mark.parametrize("state", OrderState)
def test_a_cancel_is_in_vain_once_the_order_has_ended(state):
    ended = state in {OrderState.COMPLETED, OrderState.PARTIAL, OrderState.CANCELED, OrderState.REJECTED}
    text = f"{STANDING[state]}: there is nothing left to cancel"
    assert declined_cancel(7, record(state), asked_for=False) == (Declined(7, text) if ended else None)
    text = text if ended else "has a cancel that is under way already"
    assert declined_cancel(7, record(state), asked_for=True) == Declined(7, text)


@pytest.mark.parametrize("state", OrderState)
def test_a_refill_is_in_vain_before_the_order_is_on_the_panel(state):
    on_panel = "panel order" in STANDING[state]
    text = f"{STANDING[state]}: there is nothing to refill"
    assert declined_refill(7, record(state), asked_for=False) == (None if on_panel else Declined(7, text))
    text = "has a refill that is under way already" if on_panel else text
    assert declined_refill(7, record(state), asked_for=True) == Declined(7, text)


def test_an_order_that_was_canceled_before_it_was_sent_has_nothing_to_refill():
    never_sent = OrderRecord(OrderState.CANCELED)
    assert declined_refill(7, never_sent, asked_for=False) == Declined(7, "is canceled: there is nothing to refill")
