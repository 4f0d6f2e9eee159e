"""Decides the outcome of a whole reply. The body counts first, the HTTP status after it."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from worker.domain.orders.outcomes import Accepted, AddOutcome, Answered, Reason, Refused, Reply, Unknown
from worker.domain.orders.statuses import Balance
from worker.panel.document import Unreadable
from worker.panel.errors import WORDLESS, explicit_error, reason_of, says_error
from worker.panel.values import LONGEST_TEXT, read_id, read_money, read_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Received:
    """One reply: its HTTP status, its JSON, and the seconds that `Retry-After` asks for."""

    http_status: int
    document: Any | Unreadable
    retry_after: float | None = None


def read_answer(reply: Received, read: Callable[[Any], T | None], instead: str) -> Reply[T]:
    """Reads a reply to any call except `add`.

    `read` returns the value of a document; None where it has none. `instead` then names what the document holds.
    """
    if isinstance(reply.document, Unreadable):
        return _no_news(reply, instead)
    error = explicit_error(reply.document)
    if error is not None and reply.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return _refusal(reply, error)
    value = read(reply.document)
    if value is not None:
        return Answered(value)
    return _no_news(reply, instead) if error is None else _refusal(reply, error)


def read_add(reply: Received) -> AddOutcome:
    """Reads a reply to `add`, at any HTTP status.

    An order id without an error is an acceptance, an error without an order id a refusal.
    """
    document = reply.document if isinstance(reply.document, dict) else {}
    order = read_id(document.get("order"))
    error = explicit_error(document) or explicit_error(document.get("order"))
    if error is None and says_error(document.get("status")):
        error = WORDLESS
    match order, error:
        case str(), None:
            return Accepted(order)
        case None, str():
            return _refusal(reply, error)
        case str(), str():
            return Unknown(
                f"the reply has both an order id ({order}) and an error: {error}"[:LONGEST_TEXT], replied=True
            )
        case _:
            return _no_news(reply, "JSON that has neither an order id nor an error")


def read_balance(reply: Received) -> Reply[Balance]:
    """Reads a reply to `balance`."""

    def read(document: Any) -> Balance | None:
        if not isinstance(document, dict) or explicit_error(document) is not None:
            return None
        amount = read_money(document.get("balance"))
        return None if amount is None else Balance(amount, read_text(document.get("currency")))

    return read_answer(reply, read, "JSON that has no balance")


def _refusal(reply: Received, text: str) -> Refused:
    """Returns the refusal that an error's text states. HTTP 429 tells the reason of unknown words."""
    reason = reason_of(text)
    if reason is Reason.REFUSED and reply.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        reason = Reason.RATE_LIMITED
    return Refused(reason, text, reply.retry_after if reason is Reason.RATE_LIMITED else None)


def _no_news(reply: Received, instead: str) -> Refused | Unknown:
    """Returns the outcome of a reply that neither answers nor states an error; `instead` names what it holds."""
    if isinstance(reply.document, Unreadable):
        instead = reply.document.text
    text = f"HTTP {reply.http_status} with {instead}"
    if reply.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return Refused(Reason.RATE_LIMITED, text, reply.retry_after)
    return Unknown(text, replied=reply.http_status == HTTPStatus.OK)
