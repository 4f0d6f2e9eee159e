"""Faults on request: which reply is spoilt, and how. What each does to the wire is in `spoil`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from worker.sandbox.chance import Chance

_MIB = 1024 * 1024


class FaultKind(StrEnum):
    RESET = "reset"  #: the connection is reset
    CLOSE = "close"  #: the connection is closed in good order, without a reply
    TIMEOUT = "timeout"  #: nothing for `seconds`, then closed
    LATE = "late"  #: nothing for `seconds`, and only then carried out, whether or not the client still waits
    HTTP = "http"  #: an HTML page with HTTP status `status`
    EMPTY = "empty"
    NULL = "null"
    CUT = "cut"  #: JSON cut off in the middle, in an HTTP reply that is whole
    SHORT = "short"  #: JSON cut off in the middle, with the Content-Length of the whole
    GARBAGE = "garbage"
    ERROR = "error"  #: an explicit error in JSON: `text`, under HTTP status `status`
    RATE_LIMIT = "rate_limit"  #: HTTP 429; with Retry-After where `seconds` is given
    REDIRECT = "redirect"
    OVERSIZE = "oversize"  #: the reply after `size` bytes of blanks
    SLOW = "slow"  #: the reply byte by byte, over `seconds`


class Where(StrEnum):
    BEFORE = "before"  #: nothing is carried out; what is spoilt is a refusal
    AFTER = "after"  #: the request is carried out, then its reply is spoilt


class Fault(BaseModel):
    """One rule. It strikes requests of `action` ("*": any) whose form holds `fields`.

    It strikes each of them with `probability`, and ends after `count` strikes; without either it strikes always.
    `seconds` are real ones. `late` carries its request out in any case, so `where` means nothing to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    action: str = "*"
    where: Where = Where.BEFORE
    probability: float = Field(default=1.0, ge=0, le=1)
    count: int | None = Field(default=None, ge=1)
    fields: dict[str, str] = Field(default_factory=dict)
    seconds: float | None = Field(default=None, ge=0)
    status: int | None = Field(default=None, ge=200, le=599)
    text: str = "Incorrect request"
    size: int = Field(default=32 * _MIB, ge=0)


@dataclass(slots=True)
class _Rule:
    fault: Fault
    seen: int = 0
    struck: int = 0

    @property
    def is_spent(self) -> bool:
        return self.fault.count is not None and self.struck >= self.fault.count


class Faults:
    """The rules in force. The first that strikes is the one; which requests it strikes repeats with the seed."""

    def __init__(self, seed: int) -> None:
        self._chance = Chance(seed)
        self._numbers = count(1)
        self._rules: dict[int, _Rule] = {}

    def add(self, fault: Fault) -> int:
        """The number under which the rule can be removed."""
        number = next(self._numbers)
        self._rules[number] = _Rule(fault)
        return number

    def remove(self, number: int) -> None:
        """Raises KeyError for a number that isn't in force."""
        del self._rules[number]

    def clear(self) -> None:
        self._rules.clear()

    def pick(self, action: str, form: Mapping[str, str]) -> Fault | None:
        """The fault that strikes this request, if any."""
        for number, rule in self._rules.items():
            fault = rule.fault
            if rule.is_spent or fault.action not in {"*", action}:
                continue
            if any(form.get(name) != value for name, value in fault.fields.items()):
                continue
            rule.seen += 1
            if self._chance.share("fault", number, rule.seen) < fault.probability:
                rule.struck += 1
                return fault
        return None

    def struck(self, number: int) -> int:
        """How many requests this rule has struck. Raises KeyError for a number that isn't in force."""
        return self._rules[number].struck

    def listing(self) -> list[dict[str, Any]]:
        """The rules by number, with how many requests each has matched and struck; spent ones too."""
        return [
            {"id": number, **rule.fault.model_dump(mode="json"), "seen": rule.seen, "struck": rule.struck}
            for number, rule in self._rules.items()
        ]
