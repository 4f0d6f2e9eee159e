"""Decides what refusals in unknown words mean: some speak of one order, the same for order after order of the panel.

An `add` that was refused was certainly not bought, so another try costs nothing. No rule here knows a language.
"""

import re
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TypeAlias

from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted, AddOutcome, Outcome, Reason, Refused, Scope

#: Tries of an order that the panel refuses in unknown words, unless the settings say otherwise.
TRIES = 3

#: Seconds until the second and the third try; the last value holds for all further tries.
WAITS = (600.0, 2400.0)

#: So many different orders in a row, refused in the same unknown words, are the panel's trouble.
SAME_WORDS = 3

#: So many different orders in a row, refused in any unknown words, are the panel's trouble.
ANY_WORDS = 6

#: How often a refusal has to be refuted, where once is too little: a limit lets some orders through.
_REFUTATIONS = {Reason.RATE_LIMITED: 2}

#: Most orders that a worker remembers for words about the whole panel.
MOST_BLAMED = 10_000

#: What tells one order from another here: the service, and the link or the name of an account.
Subject: TypeAlias = tuple[str, str]

_DIGITS = re.compile(r"\d+")


def wait_after(refusals: int) -> float:
    """Returns the seconds until the next try of an order that was refused so many times in unknown words."""
    return WAITS[min(refusals, len(WAITS)) - 1]


def blamed_on_panel(outcome: AddOutcome) -> AddOutcome:
    """Returns an outcome as it is to be read while the panel is `refusing`: unknown words are then the panel's."""
    match outcome:
        case Refused(Reason.REFUSED, text):
            return Refused(Reason.REFUSING, text)
        case _:
            return outcome


def subject_of(request: AddRequest) -> Subject:
    parameters = request.parameters
    return request.service, parameters.get("link") or parameters.get("username", "")


@dataclass(frozen=True, slots=True)
class RefusedInARow:
    """The different orders that a panel has refused in unknown words since it last accepted one, with its words.

    The newest is the last. A refusal in known words says nothing about the panel, so it neither counts nor resets.
    """

    refusals: tuple[tuple[Subject, str], ...] = ()

    def after(self, subject: Subject, outcome: Outcome) -> "RefusedInARow":
        """Returns the count after an `add` for this subject."""
        match outcome:
            case Accepted():
                return RefusedInARow()
            case Refused(Reason.REFUSED, text):
                others = [refusal for refusal in self.refusals if refusal[0] != subject]
                return RefusedInARow((*others, (subject, _normalized(text)))[-ANY_WORDS:])
            case _:
                return self

    @property
    def is_the_panels(self) -> bool:
        """Whether these refusals are the panel's trouble, and not each order's own."""
        words = [word for _, word in reversed(self.refusals)]
        same = sum(1 for _ in takewhile(lambda word: word == words[0], words))
        return same >= SAME_WORDS or len(words) >= ANY_WORDS


@dataclass(frozen=True, slots=True)
class _Blamed:
    """How much spoke against an order's last refusal of a kind, and how many of them were refuted."""

    proofs: int
    refuted: int = 0


class Blame:
    """Remembers which orders were refused in words about the whole panel, and which of these refusals were refuted.

    A refusal is refuted when the same order is refused again although the panel has taken another order meanwhile; or,
    where it is about the key, has answered another call. From then on, such words are the order's own trouble.
    """

    def __init__(self) -> None:
        self._taken = 0  #: how many orders the panel has taken
        self._answered = 0  #: how many other calls it has answered
        self._blamed: dict[tuple[Subject, Reason], _Blamed] = {}

    def judge(self, subject: Subject, outcome: AddOutcome) -> AddOutcome:
        """Returns the outcome of an `add` as it is to be taken, and remembers it."""
        match outcome:
            case Accepted():
                self._taken += 1
                self._blamed = {key: blamed for key, blamed in self._blamed.items() if key[0] != subject}
            case Refused(reason, retry_after=None) if reason.scope is Scope.PANEL:
                proofs = self._taken + (self._answered if reason is Reason.BAD_KEY else 0)
                before = self._blamed.pop((subject, reason), _Blamed(proofs))
                refuted = before.refuted + (proofs > before.proofs)
                self._blamed[subject, reason] = _Blamed(proofs, refuted)
                if len(self._blamed) > MOST_BLAMED:
                    del self._blamed[next(iter(self._blamed))]
                return replace(outcome, alone=refuted >= _REFUTATIONS.get(reason, 1))
        return outcome

    def answered(self) -> None:
        """Remembers that the panel has answered another call."""
        self._answered += 1


def _normalized(text: str) -> str:
    """Returns a panel's words without what differs from order to order: case, numbers and white space."""
    return " ".join(_DIGITS.sub("#", text.casefold()).split())
