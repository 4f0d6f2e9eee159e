"""What a panel says of an order or a refill, and what its words mean (CONTRIBUTING.md, "What panels do")."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from worker.domain.orders.outcomes import Reason
from worker.domain.orders.states import OrderState, RefillState
from worker.domain.words import plain


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What a panel said of one order. What it didn't say, or said in no readable way, is None.

    `spawned` are the orders that a drip-feed or subscription made; such a parent carries no charge and no remains.
    """

    status: str | None
    charge: Decimal | None = None
    currency: str | None = None
    start_count: int | None = None
    remains: int | None = None
    spawned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemError:
    """One item of a batch that the panel answered with an error."""

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class CancelTaken:
    """A panel's `1` to a cancel: the request was taken, which says nothing yet of what comes of it."""


@dataclass(frozen=True, slots=True)
class Balance:
    amount: Decimal
    currency: str | None


class Recognition(StrEnum):
    KNOWN = "known"
    TROUBLED = "troubled"  #: Error, Fail, Paused: open, and an operator should hear of it
    UNKNOWN = "unknown"  #: not a word that we know: open, kept as it came, and reported


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


def read_order_status(word: str) -> tuple[OrderState, Recognition]:
    """The state that a panel's word stands for. Only a word that is known closes an order."""
    said = plain(word)
    if said in _CLOSED:
        return _CLOSED[said], Recognition.KNOWN
    if said in _OPEN:
        return OrderState.SUBMITTED, Recognition.KNOWN
    if said in _TROUBLED:
        return OrderState.SUBMITTED, Recognition.TROUBLED
    return OrderState.SUBMITTED, Recognition.UNKNOWN


def read_refill_status(word: str) -> tuple[RefillState, Recognition]:
    said = plain(word)
    if said in {"completed", "complete"}:
        return RefillState.COMPLETED, Recognition.KNOWN
    if said in {"rejected", "reject", "canceled", "cancelled", "refunded"}:
        return RefillState.REJECTED, Recognition.KNOWN
    if said in _OPEN:
        return RefillState.SUBMITTED, Recognition.KNOWN
    if said in _TROUBLED:
        return RefillState.SUBMITTED, Recognition.TROUBLED
    return RefillState.SUBMITTED, Recognition.UNKNOWN
