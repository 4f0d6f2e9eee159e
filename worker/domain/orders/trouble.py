"""Decides what pauses a whole panel, which calls a pause holds back, and for how long (docs/panel-trouble.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from worker.domain.orders.outcomes import Accepted, Answered, Failure, NotSent, Outcome, Reason, Refused, Scope, Unknown

#: So many calls in a row without an answer are an outage.
OUTAGE_AFTER = 5

#: So many calls of `add` in a row that leave their orders in doubt are an outage of `add`.
ADD_OUTAGE_AFTER = 3

#: Seconds between two calls of `balance` while the panel lacks money: whoever tops up shouldn't have to wait. And
#: while `add` is out: `balance` shows whether the panel is there, and puts no order in doubt.
WATCH_EVERY = 10.0


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
    OTHER_ACCOUNT = "other_account"


#: The trouble that an answered call can prove to be over. A low balance is over when the balance says so, and another
#: account when the settings lead to the right one.
PASSING = (
    PauseReason.NOT_ENOUGH_FUNDS,
    PauseReason.BAD_KEY,
    PauseReason.RATE_LIMITED,
    PauseReason.REFUSING,
    PauseReason.OUTAGE,
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """The course of a pause: the calls that it holds back, its first and its longest wait in seconds."""

    scope: PauseScope
    first: float
    longest: float


#: The course of a pause by its reason, whichever call met the trouble.
_RULES: Mapping[PauseReason, _Rule] = {
    PauseReason.NOT_ENOUGH_FUNDS: _Rule(PauseScope.ADD, first=10, longest=60),  # money holds back nothing but `add`
    PauseReason.BAD_KEY: _Rule(PauseScope.ALL, first=30, longest=300),
    PauseReason.RATE_LIMITED: _Rule(PauseScope.ALL, first=1, longest=60),
    PauseReason.REFUSING: _Rule(PauseScope.ADD, first=10, longest=600),
    PauseReason.OUTAGE: _Rule(PauseScope.ALL, first=5, longest=60),
}

#: Where it is another because an `add` met the trouble.
_RULES_OF_ADD: Mapping[PauseReason, _Rule] = {
    # The limit may hold for `add` alone.
    PauseReason.RATE_LIMITED: _Rule(PauseScope.ADD, first=1, longest=60),
    # Each probe may put an order in doubt: these waits make eleven or twelve probes in the first hour.
    PauseReason.OUTAGE: _Rule(PauseScope.ADD, first=5, longest=600),
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


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Counts calls in a row without an answer: `adds` that left an order in doubt, and `calls` of every other kind.

    An `add` that was never sent counts among the latter: it leaves nothing in doubt, so its trouble is no other's.
    """

    adds: int = 0
    calls: int = 0

    def after(self, outcome: Outcome, *, adding: bool) -> "Unanswered":
        """Returns the counts after one more call. `adding`: the call was an `add`."""
        match outcome:
            case Unknown() if adding:
                return replace(self, adds=self.adds + 1)
            case Unknown(replied=False) | NotSent():
                return replace(self, calls=self.calls + 1)
            case Unknown() | Answered():
                return replace(self, calls=0)
            case Accepted() | Refused():
                return Unanswered() if adding else replace(self, calls=0)


def trouble_of(failure: Failure, unanswered: Unanswered, *, adding: bool, probe: bool = False) -> Pause | None:
    """Returns the pause that a failed call demands, if any.

    `unanswered`: the counts after this call. `adding`: the call was an `add`. `probe`: it was let through a pause.
    """
    match failure:
        case Refused(Reason.REFUSING) if not adding:
            return None  # whether the panel takes orders, only an `add` can tell
        case Refused(reason, text, retry_after):
            if failure.scope is not Scope.PANEL:
                return None
            return _pause(PauseReason(reason), text, adding=adding, asked_for=retry_after)
        case Unknown(text) if adding:
            return _pause(PauseReason.OUTAGE, text, adding=True) if unanswered.adds >= ADD_OUTAGE_AFTER else None
        case Unknown(replied=True):
            return None
        case NotSent(text) | Unknown(text):
            # One more call is enough where a probe of all calls failed, or where `add` is out already.
            is_known = not adding and (probe or unanswered.adds >= ADD_OUTAGE_AFTER)
            if unanswered.calls < OUTAGE_AFTER and not is_known:
                return None
            return _pause(PauseReason.OUTAGE, text, adding=False)


def refusing(text: str) -> Pause:
    """Returns the pause for a panel that refuses order after order in unknown words: `text`."""
    return _pause(PauseReason.REFUSING, text, adding=True)


def met_again(failure: Failure) -> Pause | None:
    """Returns the trouble that an `add` has met again if it was let through a pause for that trouble; None if none.

    One failed probe prolongs such a pause, and wouldn't begin one.
    """
    match failure:
        case Refused(Reason.REFUSED, text):
            return refusing(text)
        case Unknown(text):
            return _pause(PauseReason.OUTAGE, text, adding=True)
        case Refused() | NotSent():
            return None


def _pause(reason: PauseReason, detail: str, *, adding: bool, asked_for: float | None = None) -> Pause:
    """Makes a pause by its rule; `asked_for`: the panel asked for a wait of so many seconds."""
    rule = _RULES_OF_ADD.get(reason, _RULES[reason]) if adding else _RULES[reason]
    first, longest = (rule.first, rule.longest) if asked_for is None else (asked_for, asked_for)
    return Pause(rule.scope, reason, detail, first, longest)


def proven_over(outcome: Outcome, *, adding: bool) -> tuple[PauseReason, ...]:
    """Returns the trouble that a call's outcome proves to be over. `adding`: the call was an `add`.

    A refusal is an answer too, but it says nothing of money, and nothing of what comes after the check that refused.
    """
    match outcome:
        case Accepted() | Answered():
            return PASSING
        case Refused(Reason.BAD_KEY | Reason.RATE_LIMITED | Reason.REFUSING):
            return (PauseReason.OUTAGE,)
        case Refused():
            return (PauseReason.BAD_KEY, PauseReason.RATE_LIMITED, PauseReason.OUTAGE)
        case Unknown(replied=True) if not adding:
            return (PauseReason.OUTAGE,)  # the panel is there, whatever it says
        case NotSent() | Unknown():
            return ()


def low_balance(detail: str) -> Pause:
    """Returns the pause for a balance below its limit: it lasts until a balance is above."""
    return Pause(PauseScope.ADD, PauseReason.LOW_BALANCE, detail)


def other_account(detail: str) -> Pause:
    """Returns the pause for settings that lead to another account: it lasts until a worker has the right ones."""
    return Pause(PauseScope.ALL, PauseReason.OTHER_ACCOUNT, detail)
