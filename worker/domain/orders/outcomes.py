"""What a call to a panel came to.

`Accepted`, `Refused`, `NotSent` and `Unknown` are the whole truth about an `add`; the other calls end in `Answered`
instead of `Accepted`. No exception stands for any of them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")


class Scope(StrEnum):
    """How far a refusal reaches."""

    ITEM = "item"  #: this request, for good
    LATER = "later"  #: this request, for now
    PANEL = "panel"  #: every request to this panel, until somebody mends it


class Reason(StrEnum):
    """Why a panel refused: stable codes of ours, written to `error_code` (the README has them all)."""

    NOT_ENOUGH_FUNDS = "not_enough_funds"
    BAD_KEY = "bad_key"
    RATE_LIMITED = "rate_limited"
    LINK_BUSY = "link_busy"
    SERVICE_NOT_FOUND = "service_not_found"
    QUANTITY_REFUSED = "quantity_refused"
    LINK_REFUSED = "link_refused"
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"  #: the order or refill id means nothing to this panel, or isn't ours
    REFUSED = "refused"  #: an explicit error that we have no word for; its text says more

    @property
    def scope(self) -> Scope:
        match self:
            case Reason.NOT_ENOUGH_FUNDS | Reason.BAD_KEY | Reason.RATE_LIMITED:
                return Scope.PANEL
            case Reason.LINK_BUSY:
                return Scope.LATER
            case _:
                return Scope.ITEM


@dataclass(frozen=True, slots=True)
class Accepted:
    """The panel took the order, and said under which id."""

    panel_order_id: str


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """The panel answered, and the answer could be read."""

    value: T


@dataclass(frozen=True, slots=True)
class Refused:
    """The panel said no, in JSON (or with HTTP 429): nothing was bought.

    `retry_after` is in seconds, as the panel asked for, where it did.
    """

    reason: Reason
    text: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request can have left: no connection was had, or the request was never begun."""

    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have reached the panel, and nothing that came back says what became of it.

    `replied`: a reply of the panel's own came (HTTP 200), if an unreadable one. Whatever it did, it has done by now;
    without a reply it may still do it.
    """

    text: str
    replied: bool = False


AddOutcome: TypeAlias = Accepted | Refused | NotSent | Unknown
Failure: TypeAlias = Refused | NotSent | Unknown
Reply: TypeAlias = Answered[T] | Refused | NotSent | Unknown
