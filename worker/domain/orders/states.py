"""The states of an order, a refill and a cancel, and which may follow which (README, "States")."""

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
        """Closed on the panel; looked at again only during the settlement window."""
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

#: The states that a panel's word moves an order among.
ON_PANEL = frozenset({OrderState.SUBMITTED, *FINAL})

#: A call is out, or its answer was never had: what it came to may still be told.
AWAITED = frozenset({OrderState.SUBMITTING, OrderState.UNCONFIRMED})

#: Which state may follow which. The panel's word moves an order freely among the states that it has on the panel,
#: backwards too: panels reopen closed orders, and what they say of their own order is true.
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
