"""Faults on request: rules that choose which replies to spoil, and how. `http.spoil` carries them out."""

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
    CLOSE = "close"  #: the connection is closed properly, without a reply
    TIMEOUT = "timeout"  #: the connection stays silent for `seconds` and is then closed
    LATE = "late"  #: the request is carried out only after `seconds`, whether or not the client still waits
    HTTP = "http"  #: an HTML page with HTTP status `status`
    EMPTY = "empty"
    NULL = "null"
    CUT = "cut"  #: JSON cut off in the middle, in a complete HTTP reply
    SHORT = "short"  #: JSON cut off in the middle, under the Content-Length of the complete reply
    GARBAGE = "garbage"
    ERROR = "error"  #: an explicit error in JSON: `text`, under HTTP status `status`
    RATE_LIMIT = "rate_limit"  #: HTTP 429, with Retry-After if `seconds` is given
    REDIRECT = "redirect"
    OVERSIZE = "oversize"  #: `size` bytes of blanks, then the reply
    SLOW = "slow"  #: the reply byte by byte, over `seconds`


class Where(StrEnum):
    BEFORE = "before"  #: the request isn't carried out, and the spoilt reply is a refusal
    AFTER = "after"  #: the request is carried out, and its reply is spoilt


class Fault(BaseModel):
    """One rule. It strikes requests of `action` ("*": any action) whose form holds `fields`.

    It strikes each of them with `probability`, and ends after `count` strikes; without these two it strikes every time.
    `seconds` are real seconds. The fault `late` carries out its request in any case and ignores `where`.
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
    """The rules in force. The first that strikes a request wins. With the same seed, the same requests are struck."""

    def __init__(self, seed: int) -> None:
        self._chance = Chance(seed)
        self._numbers = count(1)
        self._rules: dict[int, _Rule] = {}

    def add(self, fault: Fault) -> int:
        """Adds a rule and returns its number, by which `remove` finds it."""
        number = next(self._numbers)
        self._rules[number] = _Rule(fault)
        return number

    def remove(self, number: int) -> None:
        """Removes a rule. Raises KeyError for a number that isn't in force."""
        del self._rules[number]

    def clear(self) -> None:
        self._rules.clear()

    def pick(self, action: str, form: Mapping[str, str]) -> Fault | None:
        """Returns the fault that strikes this request, or None."""
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
        """Returns how many requests this rule has struck. Raises KeyError for a number that isn't in force."""
        return self._rules[number].struck

    def listing(self) -> list[dict[str, Any]]:
        """Returns all rules, also spent ones, with their numbers and how many requests each has matched and struck."""
        return [
            {"id": number, **rule.fault.model_dump(mode="json"), "seen": rule.seen, "struck": rule.struck}
            for number, rule in self._rules.items()
        ]
