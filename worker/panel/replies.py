"""What a whole reply comes to: the body is read first, the HTTP status after."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from worker.domain.orders.outcomes import Accepted, AddOutcome, Answered, Reason, Refused, Reply, Unknown
from worker.domain.orders.statuses import Balance
from worker.panel.document import Unreadable
from worker.panel.errors import reason_of
from worker.panel.values import LONGEST_TEXT, read_flag, read_id, read_money, read_text

T = TypeVar("T")


_ERROR_KEYS = ("error", "errors")
_MESSAGE_KEYS = ("message", "msg", "error", "errors", "error_message", "text", "description")
_ERROR_WORDS = frozenset({"error", "fail", "failed", "failure"})

#: The text of an error that is stated and not explained.
WORDLESS = "an error without words"


@dataclass(frozen=True, slots=True)
class Received:
    """One reply: its HTTP status, what `Retry-After` asked for in seconds, and its JSON."""

    http_status: int
    document: Any | Unreadable
    retry_after: float | None = None


def explicit_error(document: Any) -> str | None:
    """The text of an error that a JSON object states outright, at most LONGEST_TEXT characters; None without one.

    `{"status": "Error"}` alone is no such statement: it is how a panel says that an order is in trouble. It takes
    a message beside it.
    """
    if not isinstance(document, dict):
        return None
    for key in _ERROR_KEYS:
        value = document.get(key)
        if value and _states_something(value):
            return _words(value) or _message(document) or WORDLESS
    if read_flag(document.get("success")) is False:
        return _message(document) or WORDLESS
    return _message(document) if says_error(document.get("status")) else None


def _states_something(value: Any) -> bool:
    is_blank = isinstance(value, str) and not value.strip()
    return not is_blank and read_flag(value) is not False


def says_error(word: Any) -> bool:
    return isinstance(word, str) and word.strip().casefold() in _ERROR_WORDS


def _words(value: Any) -> str | None:
    """An error's words, which may be a text, an object or a list of them; None for a flag such as `"error": true`."""
    match value:
        case dict():
            return _message(value) or json.dumps(value, ensure_ascii=False)[:LONGEST_TEXT]
        case list():
            return "; ".join(words for entry in value if (words := _words(entry)))[:LONGEST_TEXT] or None
        case _:
            return read_text(value) if read_flag(value) is None else None


def _message(document: Mapping[str, Any]) -> str | None:
    return next((words for key in _MESSAGE_KEYS if (value := document.get(key)) and (words := _words(value))), None)


def refusal(reply: Received, text: str) -> Refused:
    reason = reason_of(text)
    if reason is Reason.REFUSED and reply.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        reason = Reason.RATE_LIMITED
    return Refused(reason, text, reply.retry_after if reason is Reason.RATE_LIMITED else None)


def no_news(reply: Received, instead: str) -> Refused | Unknown:
    """What a reply comes to that neither answers nor states an error; `instead` says what it holds."""
    if isinstance(reply.document, Unreadable):
        instead = reply.document.text
    text = f"HTTP {reply.http_status} with {instead}"
    if reply.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return Refused(Reason.RATE_LIMITED, text, reply.retry_after)
    return Unknown(text, replied=reply.http_status == HTTPStatus.OK)


def read_answer(reply: Received, read: Callable[[Any], T | None], instead: str) -> Reply[T]:
    """`read` gives the value of a document, and None where it has none; `instead` names what is missing then."""
    if isinstance(reply.document, Unreadable):
        return no_news(reply, instead)
    error = explicit_error(reply.document)
    if error is not None and reply.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return refusal(reply, error)
    value = read(reply.document)
    if value is not None:
        return Answered(value)
    return no_news(reply, instead) if error is None else refusal(reply, error)


def read_add(reply: Received) -> AddOutcome:
    """An order id, and nothing that contradicts it, is acceptance at any HTTP status; an error alone is refusal."""
    document = reply.document if isinstance(reply.document, dict) else {}
    order = read_id(document.get("order"))
    error = explicit_error(document) or explicit_error(document.get("order"))
    if error is None and says_error(document.get("status")):
        error = WORDLESS
    match order, error:
        case str(), None:
            return Accepted(order)
        case None, str():
            return refusal(reply, error)
        case str(), str():
            return Unknown(
                f"the reply has both an order id ({order}) and an error: {error}"[:LONGEST_TEXT], replied=True
            )
        case _:
            return no_news(reply, "JSON that has neither an order id nor an error")


def read_balance(reply: Received) -> Reply[Balance]:
    def read(document: Any) -> Balance | None:
        if not isinstance(document, dict) or explicit_error(document) is not None:
            return None
        amount = read_money(document.get("balance"))
        return None if amount is None else Balance(amount, read_text(document.get("currency")))

    return read_answer(reply, read, "JSON that has no balance")
