"""Names the outcomes of a call to a panel.

Every `add` ends in one of `Accepted`, `Refused`, `NotSent` and `Unknown`. The other calls end in `Answered` instead of
`Accepted`. No exception stands for an outcome.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")


class Scope(StrEnum):
    """The requests that a refusal is about."""

    ITEM = "item"  #: this request, for good
    LATER = "later"  #: this request, for now
    PANEL = "panel"  #: every request to this panel, until its trouble is over


class Reason(StrEnum):
    """The reasons why a panel refuses: our own stable codes, written to `error_code` (docs/reference/states.md)."""

    NOT_ENOUGH_FUNDS = "not_enough_funds"
    BAD_KEY = "bad_key"
    RATE_LIMITED = "rate_limited"
    REFUSING = "refusing"  #: the panel takes nothing from us: maintenance, a blocked address, HTTP 403
    LINK_BUSY = "link_busy"
    BUSY = "busy"  #: the panel, or its supplier, can't take this order at the moment
    SERVICE_NOT_FOUND = "service_not_found"
    QUANTITY_REFUSED = "quantity_refused"
    LINK_REFUSED = "link_refused"
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"  #: the order or refill id means nothing to this panel, or isn't ours
    REFUSED = "refused"  #: an explicit error in words that we don't know

    @property
    def scope(self) -> Scope:
        match self:
            case Reason.NOT_ENOUGH_FUNDS | Reason.BAD_KEY | Reason.RATE_LIMITED | Reason.REFUSING:
                return Scope.PANEL
            case Reason.LINK_BUSY | Reason.BUSY:
                return Scope.LATER
            case _:
                return Scope.ITEM


@dataclass(frozen=True, slots=True)
class Accepted:
    """The panel took the order, and told its id."""

    panel_order_id: str


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """The panel answered, and we could read the answer."""

    value: T


@dataclass(frozen=True, slots=True)
class Refused:
    """The panel refused: nothing was bought. It said so in JSON at an HTTP status below 500, in known words, or by 429.

    `retry_after` is the number of seconds that the panel asked us to wait, if it did. `alone`: the words speak of the
    whole panel, and other calls have refuted them.
    """

    reason: Reason
    text: str
    retry_after: float | None = None
    alone: bool = False

    @property
    def scope(self) -> Scope:
        return Scope.LATER if self.alone else self.reason.scope


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request can have left: there was no connection, or the request never began."""

    text: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An id that the panel told for one order although it belongs to another of the same panel: `held_by`."""

    panel_order_id: str
    held_by: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have reached the panel, and no usable answer says what became of it.

    `replied`: the panel itself replied, with HTTP 200 and a whole body of JSON, though not with a usable answer. It has
    done by now whatever it did; without such a reply, it may still do it.

    `reason`: the reply has an order id and an error, and the error's words stand for this reason.

    `duplicate`: the reply has an order id that another order has already.
    """

    text: str
    replied: bool = False
    reason: Reason | None = None
    duplicate: Duplicate | None = None


AddOutcome: TypeAlias = Accepted | Refused | NotSent | Unknown
Failure: TypeAlias = Refused | NotSent | Unknown
Outcome: TypeAlias = Accepted | Answered[Any] | Failure
Reply: TypeAlias = Answered[T] | Refused | NotSent | Unknown
