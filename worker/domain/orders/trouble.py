"""Decides what pauses a whole panel, which calls a pause holds back, and for how long (docs/panel-trouble.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.domain.orders.outcomes import Accepted, Answered, Failure, NotSent, Reason, Refused, Scope, Unknown

#: So many calls in a row without an answer are an outage.
OUTAGE_AFTER = 5

#: Seconds between two calls of `balance` while the panel lacks money: whoever tops up shouldn't have to wait.
WATCH_MONEY_EVERY = 10.0


class PauseScope(StrEnum):
    """The calls that a pause holds back."""

    ADD = "add"
    ALL = "all"


class PauseReason(StrEnum):
    """The reasons why a panel is paused."""

    NOT_ENOUGH_FUNDS = "not_enough_funds"
    BAD_KEY = "bad_key"
    RATE_LIMITED = "rate_limited"
    REFUSING = "refusing"
    OUTAGE = "outage"
    LOW_BALANCE = "low_balance"


#: The trouble that an answered call can prove to be over. A low balance is over when the balance says so.
PASSING = (
    PauseReason.NOT_ENOUGH_FUNDS,
    PauseReason.BAD_KEY,
    PauseReason.RATE_LIMITED,
    PauseReason.REFUSING,
    PauseReason.OUTAGE,
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """The course of a pause for one reason: the calls that it holds back, its first and its longest wait in seconds.

    `adding` is what it holds back if an `add` met the trouble, where that differs.
    """

    scope: PauseScope
    first: float
    longest: float
    adding: PauseScope | None = None


_RULES: Mapping[PauseReason, _Rule] = {
    PauseReason.NOT_ENOUGH_FUNDS: _Rule(PauseScope.ADD, first=10, longest=60),  # money holds back nothing but `add`
    PauseReason.BAD_KEY: _Rule(PauseScope.ALL, first=30, longest=300),
    # A limit that an `add` met may hold for `add` alone.
    PauseReason.RATE_LIMITED: _Rule(PauseScope.ALL, first=1, longest=60, adding=PauseScope.ADD),
    PauseReason.REFUSING: _Rule(PauseScope.ADD, first=60, longest=900),
    PauseReason.OUTAGE: _Rule(PauseScope.ALL, first=5, longest=60),
}


@dataclass(frozen=True, slots=True)
class Pause:
    """Holds calls back for `first` seconds, then lets one try. Each failure doubles the wait, up to `longest`.

    Without `first`, the pause lasts until somebody lifts it.
    """

    scope: PauseScope
    reason: PauseReason
    detail: str
    first: float | None = None
    longest: float = 0.0


def trouble_of(failure: Failure, failures_in_a_row: int, *, adding: bool) -> Pause | None:
    """Returns the pause that a failed call demands, if any. `adding`: the call was an `add`."""
    match failure:
        case Refused(reason, text, retry_after):
            if reason.scope is not Scope.PANEL:
                return None
            return _pause(PauseReason(reason), text, adding=adding, asked_for=retry_after)
        case NotSent(text) | Unknown(text):
            if failures_in_a_row < OUTAGE_AFTER:
                return None
            return _pause(PauseReason.OUTAGE, text, adding=adding)


def _pause(reason: PauseReason, detail: str, *, adding: bool, asked_for: float | None = None) -> Pause:
    """Makes a pause by its rule; `asked_for`: the panel asked for a wait of so many seconds."""
    rule = _RULES[reason]
    scope = rule.adding if adding and rule.adding is not None else rule.scope
    first, longest = (rule.first, rule.longest) if asked_for is None else (asked_for, asked_for)
    return Pause(scope, reason, detail, first, longest)


def proven_over(outcome: Accepted | Answered[Any] | Failure) -> tuple[PauseReason, ...]:
    """Returns the trouble that a call's outcome proves to be over.

    A refusal is an answer too, but it says nothing of money.
    """
    match outcome:
        case Accepted() | Answered():
            return PASSING
        case Refused(Reason.BAD_KEY | Reason.RATE_LIMITED | Reason.REFUSING):
            return (PauseReason.OUTAGE,)
        case Refused():
            return (PauseReason.BAD_KEY, PauseReason.RATE_LIMITED, PauseReason.REFUSING, PauseReason.OUTAGE)
        case NotSent() | Unknown():
            return ()


def low_balance(detail: str) -> Pause:
    """Returns the pause for a balance below its limit: it lasts until a balance is above."""
    return Pause(PauseScope.ADD, PauseReason.LOW_BALANCE, detail)
