"""Holds what a panel says of an order, a refill or a balance, and translates its status words (docs/panels.md)."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from worker.domain.orders.outcomes import Reason
from worker.domain.orders.states import OrderState, RefillState
from worker.domain.words import normalized


@dataclass(frozen=True, slots=True)
class OrderReport:
    """A panel's report on one order. A value that the panel left out, or that can't be read, is None.

    `spawned` are the child orders of a drip-feed or subscription. Their parent has neither charge nor remains.
    """

    status: str | None
    charge: Decimal | None = None
    currency: str | None = None
    start_count: int | None = None
    remains: int | None = None
    spawned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemError:
    """The panel's error about one item of a batch. `whole`: the whole reply was this error, and named no item."""

    reason: Reason
    text: str
    whole: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class CancelTaken:
    """A panel's `1` or kind words to a cancel: it took the request. The order's status shows whether it cancels it."""


@dataclass(frozen=True, slots=True)
class RefillTaken:
    """A panel's answer to a refill that it took without telling the refill's id. Nobody can ask for its status."""


@dataclass(frozen=True, slots=True)
class Balance:
    amount: Decimal
    currency: str | None


class Recognition(StrEnum):
    """A grade of how well we know the panel's word for a status."""

    KNOWN = "known"
    TROUBLED = "troubled"  #: Error, Fail, Paused: the order is open, and an operator should hear of it
    UNKNOWN = "unknown"  #: the order is open; we keep the word as it came, and report it


#: The words of panels, normalized. A new word is one more entry here.
_OPEN = frozenset({"pending", "inprogress", "processing", "progress", "awaiting", "running", "active", "queued"})
_TROUBLED = frozenset({"error", "fail", "failed", "paused"})
_CLOSED = {
    "completed": OrderState.COMPLETED,
    "complete": OrderState.COMPLETED,
    "partial": OrderState.PARTIAL,
    "partiallycompleted": OrderState.PARTIAL,
    "expired": OrderState.PARTIAL,
    "canceled": OrderState.CANCELED,
    "cancelled": OrderState.CANCELED,
    "cancel": OrderState.CANCELED,
    "refunded": OrderState.CANCELED,
    "refund": OrderState.CANCELED,
}
_CLOSED_REFILLS = {
    "completed": RefillState.COMPLETED,
    "complete": RefillState.COMPLETED,
    "rejected": RefillState.REJECTED,
    "reject": RefillState.REJECTED,
    "canceled": RefillState.REJECTED,
    "cancelled": RefillState.REJECTED,
    "refunded": RefillState.REJECTED,
}


def read_order_status(word: str) -> tuple[OrderState, Recognition]:
    """Returns the state that a panel's word for an order stands for. Only a known word closes an order."""
    said = normalized(word)
    if said in _CLOSED:
        return _CLOSED[said], Recognition.KNOWN
    if said in _OPEN:
        return OrderState.SUBMITTED, Recognition.KNOWN
    if said in _TROUBLED:
        return OrderState.SUBMITTED, Recognition.TROUBLED
    return OrderState.SUBMITTED, Recognition.UNKNOWN


def read_refill_status(word: str) -> tuple[RefillState, Recognition]:
    """Returns the state that a panel's word for a refill stands for. Only a known word closes a refill."""
    said = normalized(word)
    if said in _CLOSED_REFILLS:
        return _CLOSED_REFILLS[said], Recognition.KNOWN
    if said in _OPEN:
        return RefillState.SUBMITTED, Recognition.KNOWN
    if said in _TROUBLED:
        return RefillState.SUBMITTED, Recognition.TROUBLED
    return RefillState.SUBMITTED, Recognition.UNKNOWN
