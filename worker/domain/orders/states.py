"""Names the states of orders, refills and cancels, and which may follow which (docs/reference/states.md)."""

from enum import StrEnum


class OrderState(StrEnum):
    PENDING = "pending"
    SUBMITTING = "submitting"
    UNCONFIRMED = "unconfirmed"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """The order is closed on the panel. The worker polls it, rarely, until its settlement window is over."""
        return self in FINAL


class RefillState(StrEnum):
    PENDING = "pending"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    REJECTED = "rejected"


class CancelState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


FINAL = frozenset({OrderState.COMPLETED, OrderState.PARTIAL, OrderState.CANCELED})

#: The states between which a panel's word moves an order.
ON_PANEL = frozenset({OrderState.SUBMITTED, *FINAL})

#: The states in which an outcome may still come: a call is in flight, or ended without an answer.
AWAITED = frozenset({OrderState.SUBMITTING, OrderState.UNCONFIRMED})

#: Which states may follow which. The panel's word moves an order freely between the states that it has on the panel,
#: backwards too: panels reopen closed orders, and what a panel says of its own order is true.
TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.PENDING: frozenset({OrderState.SUBMITTING, OrderState.REJECTED, OrderState.CANCELED}),
    OrderState.SUBMITTING: frozenset(
        {OrderState.SUBMITTED, OrderState.UNCONFIRMED, OrderState.PENDING, OrderState.REJECTED}
    ),
    OrderState.UNCONFIRMED: frozenset({OrderState.SUBMITTED, OrderState.PENDING, OrderState.REJECTED}),
    **{state: ON_PANEL - {state} for state in ON_PANEL},
    OrderState.REJECTED: frozenset({OrderState.PENDING}),  # an operator's retry
}


def may_follow(before: OrderState, after: OrderState) -> bool:
    return after in TRANSITIONS[before]
