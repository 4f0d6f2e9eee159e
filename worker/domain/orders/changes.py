"""Defines what a change of an order is: the record before and after it, and the event that tells of it.

Every change is such a value, decided before anything is written: by the answer to an `add` (submission), by a status
check (news), by a person (operator_actions) or by evidence (worker.domain.evidence.settlement).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from worker.domain.orders.states import OrderState, may_follow


class EventKind(StrEnum):
    """The kinds of events of an order: `order_events.kind`."""

    SUBMITTING = "submitting"  #: the worker committed its intent, before the first byte
    SUBMITTED = "submitted"  #: the panel took it
    REQUEUED = "requeued"  #: certainly not bought; the worker tries again later
    REJECTED = "rejected"  #: the panel, or our own check, refused it
    UNCONFIRMED = "unconfirmed"  #: it may have been bought, and no answer says whether
    STATUS = "status"  #: the panel's word, a charge or a count changed
    CANCELED = "canceled"  #: canceled here, before it was sent
    RECONCILED = "reconciled"  #: evidence settled it: linked to its panel order, or proven not to have been bought
    EVIDENCE = "evidence"  #: the evidence, where it is less than proof
    DISOWNED = "disowned"  #: a person said which panel orders are somebody else's, while this order was in doubt
    RESOLVED = "resolved"  #: a person settled it
    RETRIED = "retried"  #: a person put it back after it was rejected
    ADDED = "added"  #: a person placed it
    CANCEL_ASKED = "cancel_asked"  #: a person asked for a cancel
    REFILL_ASKED = "refill_asked"  #: a person asked for a refill
    LATE_RESULT = "late_result"  #: the outcome of a call whose lease had ended before


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """The columns of an order that the worker writes, as they are or are to be."""

    state: OrderState = OrderState.PENDING
    panel_order_id: str | None = None
    panel_status: str | None = None
    charge: Decimal | None = None
    currency: str | None = None
    start_count: int | None = None
    remains: int | None = None
    error_code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one order, and the event that tells of it. `retry_in` is in seconds.

    Raises ValueError for a state that may not follow the one before.
    """

    order_id: int
    kind: EventKind
    before: OrderRecord
    after: OrderRecord
    retry_in: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.changes_state and not may_follow(self.before.state, self.after.state):
            raise ValueError(f"order {self.order_id}: {self.after.state} may not follow {self.before.state}")

    @property
    def changes_state(self) -> bool:
        return self.before.state is not self.after.state
