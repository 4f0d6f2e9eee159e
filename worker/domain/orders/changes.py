"""What becomes of an order: every change of a row is decided here, as a value, before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from worker.domain.orders.add_request import AddRequest, OrderRequest, Refusal
from worker.domain.orders.outcomes import Accepted, AddOutcome, NotSent, Refused, Scope, Unknown
from worker.domain.orders.states import AWAITED, ON_PANEL, OrderState, may_follow
from worker.domain.orders.statuses import OrderReport, Recognition, read_order_status
from worker.domain.polling import back_off

T = TypeVar("T")


class EventKind(StrEnum):
    """What happened to an order: `order_events.kind`."""

    SUBMITTING = "submitting"  #: the intent, committed before the first byte
    SUBMITTED = "submitted"  #: the panel took it
    REQUEUED = "requeued"  #: certainly not bought; tried again later
    REJECTED = "rejected"  #: refused by the panel, or by our own check
    UNCONFIRMED = "unconfirmed"  #: it may have been bought, and nothing says whether
    STATUS = "status"  #: the panel's word, a charge or a count changed
    CANCELED = "canceled"  #: canceled here, before it was sent
    RECONCILED = "reconciled"  #: settled by evidence: linked to its panel order, or proven not to have been bought
    EVIDENCE = "evidence"  #: what the evidence says, where it is less than proof
    RESOLVED = "resolved"  #: settled by a person
    RETRIED = "retried"  #: rejected, and put back by a person
    ADDED = "added"  #: placed by a person
    CANCEL_ASKED = "cancel_asked"  #: a person asked for a cancel
    REFILL_ASKED = "refill_asked"  #: a person asked for a refill
    LATE_RESULT = "late_result"  #: what a call came to, told after its lease had ended


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """The worker's columns of an order, as they stand or are to stand."""

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


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """A row that waits to be sent."""

    order_id: int
    request: OrderRequest
    attempts: int = 0

    def refused(self, refusal: Refusal) -> Change:
        return Change(
            self.order_id,
            EventKind.REJECTED,
            OrderRecord(),
            OrderRecord(OrderState.REJECTED, error_code=refusal.code, error=refusal.text),
        )

    def intended(self, request: AddRequest) -> Change:
        detail: dict[str, Any] = {"attempt": self.attempts + 1}
        if request.expected_charge is not None:
            detail["expected_charge"] = f"{request.expected_charge:f}"
        return Change(
            self.order_id, EventKind.SUBMITTING, OrderRecord(), OrderRecord(OrderState.SUBMITTING), detail=detail
        )


@dataclass(frozen=True, slots=True)
class Claimed:
    """An order whose intent is committed. `token` is the claim's: who writes the outcome must hold it."""

    order_id: int
    token: int
    attempt: int
    request: AddRequest


def settled(order_id: int, attempt: int, outcome: AddOutcome, before: OrderRecord) -> Change:
    """What an `add` came to, for an order that is `submitting`, or `unconfirmed` because the news is late.

    Raises ValueError for an order in any other state: that is `too_late`.
    """
    if before.state not in AWAITED:
        raise ValueError(f"order {order_id}: a call came back for an order that is {before.state}")
    match outcome:
        case Accepted(panel_order_id):
            after = OrderRecord(OrderState.SUBMITTED, panel_order_id=panel_order_id)
            return Change(order_id, EventKind.SUBMITTED, before, after)
        case Refused(reason, text):
            match reason.scope:
                case Scope.ITEM:
                    after = OrderRecord(OrderState.REJECTED, error_code=reason, error=text)
                    return Change(order_id, EventKind.REJECTED, before, after)
                case Scope.LATER:
                    return _requeued(order_id, before, reason, text, back_off(attempt, first=60, longest=3600))
                case Scope.PANEL:
                    return _requeued(order_id, before, reason, text, back_off(attempt, first=1, longest=60))
        case NotSent(text):
            return _requeued(order_id, before, "not_sent", text, back_off(attempt, first=2, longest=60))
        case Unknown(text):
            return unconfirmed(order_id, before, "no_answer", text)


def unconfirmed(order_id: int, before: OrderRecord, code: str, text: str) -> Change:
    after = OrderRecord(OrderState.UNCONFIRMED, error_code=code, error=text)
    return Change(order_id, EventKind.UNCONFIRMED, before, after)


def _requeued(order_id: int, before: OrderRecord, code: str, text: str, retry_in: float) -> Change:
    after = OrderRecord(OrderState.PENDING, error_code=code, error=text)
    return Change(order_id, EventKind.REQUEUED, before, after, retry_in=retry_in)


def outcome_detail(outcome: AddOutcome) -> dict[str, Any]:
    """What a call came to, as an event or a log line tells it."""
    match outcome:
        case Accepted(panel_order_id):
            return {"outcome": "accepted", "panel_order_id": panel_order_id}
        case Refused(reason, text):
            return {"outcome": "refused", "error_code": reason, "error": text}
        case NotSent(text):
            return {"outcome": "not_sent", "error": text}
        case Unknown(text):
            return {"outcome": "unknown", "error": text}


def too_late(order_id: int, outcome: AddOutcome, record: OrderRecord) -> Change:
    """What a call came to, where its order has gone on without it: kept for a person, and for the evidence."""
    return Change(order_id, EventKind.LATE_RESULT, record, record, detail=outcome_detail(outcome))


@dataclass(frozen=True, slots=True)
class ResolvedAs:
    """What a person decides about an unconfirmed order: taken under this id; or, without one, what it becomes."""

    state: OrderState
    panel_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """What a person asked for isn't done. `text` goes on where "order 42" ends."""

    order_id: int
    text: str


def resolved(order_id: int, before: OrderRecord, decision: ResolvedAs, *, who: str, why: str) -> Change | Declined:
    """An operator's word. It alone may have an order sent again that isn't proven unsent."""
    match before.state:
        case OrderState.UNCONFIRMED:
            pass
        case OrderState.SUBMITTING:
            return Declined(
                order_id, "is being sent just now: its worker writes what comes of it, or is taken over within a minute"
            )
        case _:
            return Declined(order_id, f"{stands(before)}, and only an unconfirmed order can be resolved")
    rejected = decision.state is OrderState.REJECTED
    after = OrderRecord(
        decision.state,
        panel_order_id=decision.panel_order_id,
        error_code="rejected_by_operator" if rejected else None,
        error=why if rejected else None,
    )
    detail = {"who": who, "why": why}
    if decision.panel_order_id is not None:
        detail["panel_order_id"] = decision.panel_order_id
    return Change(order_id, EventKind.RESOLVED, before, after, detail=detail)


def retried(
    order_id: int, before: OrderRecord, *, may_have_been_taken: bool, who: str, why: str | None
) -> Change | Declined:
    """A rejected order goes back to where it waited: nothing was bought.

    `may_have_been_taken`: a call for it ended without an answer, or with an acceptance, and nothing refuted that since.
    """
    match before.state:
        case OrderState.REJECTED if not may_have_been_taken:
            detail = {"who": who} if why is None else {"who": who, "why": why}
            return Change(order_id, EventKind.RETRIED, before, OrderRecord(), detail=detail)
        case OrderState.REJECTED:
            return Declined(
                order_id,
                "was rejected by hand, and the panel may have taken it: insert a new order if it is to be sent anyway",
            )
        case OrderState.PENDING | OrderState.SUBMITTING:
            return Declined(order_id, f"is {before.state} already")
        case OrderState.UNCONFIRMED:
            return Declined(order_id, "is unconfirmed, and the panel may have taken it: `orders resolve` settles it")
        case _:
            return Declined(order_id, f"{stands(before)}, and only a rejected order can be put back")


def stands(record: OrderRecord) -> str:
    """How an order stands, to go on where "order 42" ends."""
    return f"is {record.state}" + (f" as panel order {record.panel_order_id}" if record.panel_order_id else "")


def canceled_here(order_id: int, before: OrderRecord) -> Change:
    """A cancel that came before the order was sent: it never reaches the panel.

    Raises ValueError for an order that isn't pending: its cancel is the panel's to grant.
    """
    if before.state is not OrderState.PENDING:
        raise ValueError(f"order {order_id}: an order that is {before.state} is not canceled here")
    after = replace(before, state=OrderState.CANCELED, error_code=None, error=None)
    return Change(order_id, EventKind.CANCELED, before, after)


@dataclass(frozen=True, slots=True)
class News:
    """What one look at an order brought. `change` is None where nothing is new."""

    change: Change | None
    recognition: Recognition


def read_news(order_id: int, before: OrderRecord, report: OrderReport) -> News:
    """What a panel's answer changes about an order that it has.

    What the answer leaves out stays as it was: missing is no news. Without a status, the state stays too.
    An order that isn't on the panel by our own record is left alone, whatever is said of the id that it had.
    """
    if before.state not in ON_PANEL or before.panel_order_id is None:
        return News(None, Recognition.KNOWN)
    state, recognition = (
        (before.state, Recognition.KNOWN) if report.status is None else read_order_status(report.status)
    )
    after = OrderRecord(
        state,
        before.panel_order_id,
        panel_status=_newer(report.status, before.panel_status),
        charge=_newer(_stored(report.charge), before.charge),
        currency=_newer(report.currency, before.currency),
        start_count=_newer(report.start_count, before.start_count),
        remains=_newer(report.remains, before.remains),
    )
    if after == (before if before.error_code is before.error is None else replace(before, error_code=None, error=None)):
        return News(None, recognition)
    detail = {"orders": list(report.spawned)} if report.spawned else {}
    return News(Change(order_id, EventKind.STATUS, before, after, detail=detail), recognition)


def _newer(said: T | None, known: T | None) -> T | None:
    return known if said is None else said


_PLACES = Decimal("1e-8")
_MOST = Decimal("999999999999.99999999")


def _stored(charge: Decimal | None) -> Decimal | None:
    """A charge as the column holds it, numeric(20,8); None for one that can't be meant."""
    if charge is None or not charge.is_finite() or not -_MOST <= charge <= _MOST:
        return None
    return charge.quantize(_PLACES)
