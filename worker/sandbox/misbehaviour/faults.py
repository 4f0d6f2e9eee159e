"""Faults on request: rules that choose which replies to spoil, and how. `http.spoil` carries them out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from worker.sandbox.chance import Chance
from worker.sandbox.panel.validate import ACTIONS
from worker.sandbox.switches import unknown

_MIB = 1024 * 1024


class FaultKind(StrEnum):
    RESET = "reset"
    CLOSE = "close"
    TIMEOUT = "timeout"
    LATE = "late"
    HEAD = "head"
    HTTP = "http"
    EMPTY = "empty"
    NULL = "null"
    CUT = "cut"
    SHORT = "short"
    GARBAGE = "garbage"
    ERROR = "error"
    REPLY = "reply"
    RATE_LIMIT = "rate_limit"
    REDIRECT = "redirect"
    OVERSIZE = "oversize"
    SLOW = "slow"


ABOUT: Mapping[FaultKind, str] = {
    FaultKind.RESET: "The connection is reset.",
    FaultKind.CLOSE: "The connection is closed properly, without a reply.",
    FaultKind.TIMEOUT: "The connection stays silent for `seconds` (60), or until the client has gone.",
    FaultKind.LATE: "The request is carried out only after `seconds` (1), whether or not the client still waits.",
    FaultKind.HEAD: "The head of the reply comes, and no body. The connection is cut after `seconds` (60).",
    FaultKind.HTTP: "A page in HTML with HTTP status `status` (502): a challenge, Just a moment..., at 200 and 403.",
    FaultKind.EMPTY: "An empty body.",
    FaultKind.NULL: "The body is null.",
    FaultKind.CUT: "Half of the JSON, in a complete HTTP reply.",
    FaultKind.SHORT: "Half of the body that the head announces. The connection is cut after `seconds` (0).",
    FaultKind.GARBAGE: "Bytes that are no text.",
    FaultKind.ERROR: "An error in JSON: `text`, with HTTP status `status` (200).",
    FaultKind.REPLY: "The given `body`, whatever it is, with HTTP status `status` (200).",
    FaultKind.RATE_LIMIT: "HTTP 429, with Retry-After if `seconds` is given: as a date if `dated`.",
    FaultKind.REDIRECT: "HTTP `status` (302), to another path.",
    FaultKind.OVERSIZE: "So many blanks as `size` says (32 MiB), then the reply.",
    FaultKind.SLOW: "The reply byte by byte, over `seconds` (5).",
}


class Where(StrEnum):
    BEFORE = "before"  #: the request isn't carried out, and the spoilt reply is a refusal
    AFTER = "after"  #: the request is carried out, and its reply is spoilt
    LATER = "later"  #: the reply is spoilt, and the request is carried out after the call's end


#: Kinds that show the reply to the request, or a part of it.
_SHOWING = frozenset({FaultKind.LATE, FaultKind.CUT, FaultKind.SHORT, FaultKind.OVERSIZE, FaultKind.SLOW})


class Fault(BaseModel):
    """One rule. It strikes requests of `action` ("*": any action) whose form holds `fields`.

    It strikes each of them with `probability`, or each `every`-th, and ends after `count` strikes; without these it
    strikes every time. `seconds` are real seconds. The fault `late` carries out its request in any case and ignores
    `where`. With `where` `later`, the panel carries out the request between 0 and `within` real seconds after the end
    of the call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    action: str = "*"
    where: Where = Where.BEFORE
    probability: float = Field(default=1.0, ge=0, le=1)
    every: int = Field(default=1, ge=1)
    count: int | None = Field(default=None, ge=1)
    fields: dict[str, str] = Field(default_factory=dict)
    seconds: float | None = Field(default=None, ge=0)
    within: float = Field(default=60.0, ge=0)
    status: int | None = Field(default=None, ge=200, le=599)
    text: str = "Incorrect request"
    body: str = ""
    size: int = Field(default=32 * _MIB, ge=0)
    dated: bool = False

    @field_validator("action")
    @classmethod
    def _is_an_action(cls, action: str) -> str:
        if action not in {*ACTIONS, "*"}:
            raise ValueError(unknown("action", action, ACTIONS))
        return action

    @model_validator(mode="after")
    def _has_a_reply_to_show(self) -> Self:
        if self.where is Where.LATER and self.kind in _SHOWING:
            raise ValueError(f"{self.kind} shows the reply, so the request can't be carried out later")
        return self


def read_fault(text: str) -> Fault:
    """Reads a fault from a command line: `KIND[,FIELD=VALUE]...`, or the JSON object of the admin interface.

    Raises ValueError that says what is wrong.
    """
    try:
        if text.startswith("{"):
            return Fault.model_validate_json(text)
        kind, *fields = text.split(",")
        if kind not in set(FaultKind):
            raise ValueError(unknown("fault", kind, [*FaultKind]))
        given = {name: value for name, _, value in (field.partition("=") for field in fields)}
        for name in given:
            if name not in Fault.model_fields:
                raise ValueError(unknown("field of faults", name, [*Fault.model_fields]))
        return Fault.model_validate({"kind": kind, **given})
    except ValidationError as error:
        raise ValueError(f"the fault {text!r}: {problems(error)}") from None


def problems(error: ValidationError) -> str:
    """Returns what is wrong in one line."""
    found = error.errors()
    return "; ".join(": ".join(filter(None, [".".join(map(str, one["loc"])), one["msg"]])) for one in found)


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
        self._delays = 0

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
            if rule.seen % fault.every == 0 and self._chance.share("fault", number, rule.seen) < fault.probability:
                rule.struck += 1
                return fault
        return None

    def delay(self, fault: Fault) -> float:
        """Draws how many real seconds after the end of its call a request is carried out."""
        self._delays += 1
        return fault.within * self._chance.share("later", self._delays)

    def struck(self, number: int) -> int:
        """Returns how many requests this rule has struck. Raises KeyError for a number that isn't in force."""
        return self._rules[number].struck

    def listing(self) -> list[dict[str, Any]]:
        """Returns all rules, also spent ones, with their numbers and how many requests each has matched and struck."""
        return [
            {"id": number, **rule.fault.model_dump(mode="json"), "seen": rule.seen, "struck": rule.struck}
            for number, rule in self._rules.items()
        ]
