"""Tests the diagram of states (docs/reference/states.md), edge by edge."""

from itertools import product

import pytest

from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import TRANSITIONS, CancelState, OrderState, RefillState, may_follow

EDGES = {
    # out to the panel, or refused by our own check, or canceled before it was sent
    ("pending", "submitting"),
    ("pending", "rejected"),
    ("pending", "canceled"),
    # what the call came to
    ("submitting", "submitted"),
    ("submitting", "unconfirmed"),
    ("submitting", "rejected"),
    ("submitting", "pending"),
    # what evidence, or an operator, said of it
    ("unconfirmed", "submitted"),
    ("unconfirmed", "pending"),
    ("unconfirmed", "rejected"),
    # the panel's word, which may change after the end
    ("submitted", "completed"),
    ("submitted", "partial"),
    ("submitted", "canceled"),
    ("completed", "submitted"),
    ("completed", "partial"),
    ("completed", "canceled"),
    ("partial", "submitted"),
    ("partial", "completed"),
    ("partial", "canceled"),
    ("canceled", "submitted"),
    ("canceled", "completed"),
    ("canceled", "partial"),
    # an operator's retry
    ("rejected", "pending"),
}

PAIRS = [pytest.param(before, after, id=f"{before}-{after}") for before, after in product(OrderState, OrderState)]


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_an_edge_is_in_the_diagram_or_refused(before, after):
    assert may_follow(before, after) is ((before, after) in EDGES)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_change_follows_the_diagram(before, after):
    def change():
        return Change(7, EventKind.STATUS, OrderRecord(before), OrderRecord(after))

    if before is after:
        assert not change().changes_state
    elif (before, after) in EDGES:
        assert change().changes_state
    else:
        with pytest.raises(ValueError, match=f"order 7: {after} may not follow {before}"):
            change()


def test_every_state_has_a_way_out():
    assert set(TRANSITIONS) == set(OrderState)
    assert all(TRANSITIONS.values())


def test_only_an_intent_leads_to_a_purchase():
    """An order comes to the panel through `submitting` alone: nothing can be sent without an intent."""
    on_panel = {"submitted", "completed", "partial"}
    into_panel = {before for before, after in EDGES if after in on_panel and before not in on_panel | {"canceled"}}
    assert into_panel == {"submitting", "unconfirmed"}
    assert {before for before in OrderState if may_follow(before, OrderState.SUBMITTING)} == {"pending"}


def test_what_the_panel_has_never_goes_back_into_the_queue():
    reached = {OrderState.SUBMITTED}
    while more := {after for state in reached for after in TRANSITIONS[state]} - reached:
        reached |= more
    assert reached == {"submitted", "completed", "partial", "canceled"}


def test_final_states_are_those_that_are_looked_at_again():
    assert {state for state in OrderState if state.is_final} == {"completed", "partial", "canceled"}


def test_the_words_of_refills_and_cancels():
    assert set(RefillState) == {"pending", "submitted", "completed", "rejected"}
    assert set(CancelState) == {"pending", "accepted", "rejected"}
