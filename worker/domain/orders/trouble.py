"""Trouble of a whole panel: what pauses it, how far, and for how long (README, promise 5)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.domain.orders.outcomes import Accepted, Answered, Failure, NotSent, Reason, Refused, Unknown

#: So many calls in a row without any answer are an outage.
OUTAGE_AFTER = 5


class PauseScope(StrEnum):
    """Which calls a pause holds back."""

    ADD = "add"
    ALL = "all"


class PauseReason(StrEnum):
    NOT_ENOUGH_FUNDS = "not_enough_funds"
    BAD_KEY = "bad_key"
    RATE_LIMITED = "rate_limited"
    OUTAGE = "outage"
    LOW_BALANCE = "low_balance"


#: What an answered call can prove to be over. A low balance is over when the balance says so.
PASSING = (PauseReason.NOT_ENOUGH_FUNDS, PauseReason.BAD_KEY, PauseReason.RATE_LIMITED, PauseReason.OUTAGE)

#: Seconds between two looks at the balance while there isn't enough money: whoever tops up shouldn't have to wait.
WATCH_MONEY_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold calls back for `first` seconds, then let one try; each failure doubles the wait, up to `longest`.

    Without `first`, the pause lasts until it is lifted.
    """

    scope: PauseScope
    reason: PauseReason
    detail: str
    first: float | None = None
    longest: float = 0.0


def trouble_of(failure: Failure, failures_in_a_row: int, *, adding: bool) -> Pause | None:
    """The pause that a failed call calls for, if any. `adding`: the call was an `add`.

    Money holds back nothing but `add`, and a limit that only `add` met may be one of `add` alone.
    """
    match failure:
        case Refused(Reason.NOT_ENOUGH_FUNDS, text):
            return Pause(PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS, text, first=10, longest=60)
        case Refused(Reason.BAD_KEY, text):
            return Pause(PauseScope.ALL, PauseReason.BAD_KEY, text, first=30, longest=300)
        case Refused(Reason.RATE_LIMITED, text, retry_after):
            scope = PauseScope.ADD if adding else PauseScope.ALL
            if retry_after is not None:
                return Pause(scope, PauseReason.RATE_LIMITED, text, first=retry_after, longest=retry_after)
            return Pause(scope, PauseReason.RATE_LIMITED, text, first=1, longest=60)
        case Refused():
            return None
        case NotSent(text) | Unknown(text):
            if failures_in_a_row < OUTAGE_AFTER:
                return None
            return Pause(PauseScope.ALL, PauseReason.OUTAGE, text, first=5, longest=60)


def proven_over(outcome: Accepted | Answered[Any] | Failure) -> tuple[PauseReason, ...]:
    """The troubles that a call's end proves to be over. A refusal is an answer too, yet says nothing of money."""
    match outcome:
        case Accepted() | Answered():
            return PASSING
        case Refused(Reason.BAD_KEY | Reason.RATE_LIMITED):
            return (PauseReason.OUTAGE,)
        case Refused():
            return (PauseReason.BAD_KEY, PauseReason.RATE_LIMITED, PauseReason.OUTAGE)
        case NotSent() | Unknown():
            return ()


def low_balance(detail: str) -> Pause:
    return Pause(PauseScope.ADD, PauseReason.LOW_BALANCE, detail)
