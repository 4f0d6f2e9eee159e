"""Decides the outcome of a whole reply. The body counts first, the HTTP status after it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from worker.domain.orders.outcomes import Accepted, AddOutcome, Answered, Reason, Refused, Reply, Scope, Unknown
from worker.domain.orders.statuses import Balance
from worker.panel.document import Unreadable
from worker.panel.envelope import WORDLESS, Meaning, unwrap
from worker.panel.errors import denies_the_account, is_crash, proven_reason_of, reason_of, says_taken
from worker.panel.values import LONGEST_TEXT, read_currency, read_id, read_money, read_text

T = TypeVar("T")

#: What an HTTP status says of the panel beside words that aren't known.
_REASON_OF_STATUS: Mapping[int, Reason] = {
    HTTPStatus.UNAUTHORIZED: Reason.BAD_KEY,
    HTTPStatus.PAYMENT_REQUIRED: Reason.NOT_ENOUGH_FUNDS,
    HTTPStatus.FORBIDDEN: Reason.REFUSING,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: Reason.REFUSING,
    HTTPStatus.TOO_MANY_REQUESTS: Reason.RATE_LIMITED,
}

#: Reasons that prove nothing at HTTP 5xx. An `add` that misses an order has made one.
_UNPROVEN = frozenset({Reason.BUSY})
_UNPROVEN_OF_ADD = _UNPROVEN | {Reason.NOT_FOUND}

_ORDER_IDS = ("order", "orderid")
_BALANCES = ("balance", "funds", "amount", "credit", "credits")


@dataclass(frozen=True, slots=True)
class Received:
    """One reply: its HTTP status, its JSON, and the seconds that `Retry-After` asks for."""

    http_status: int
    document: Any | Unreadable
    retry_after: float | None = None


def read_answer(reply: Received, read: Callable[[Meaning], T | None], instead: str) -> Reply[T]:
    """Reads a reply to any call except `add`.

    `read` returns the value of what a reply means; None where it has none. `instead` then names what the reply holds.
    """
    if isinstance(reply.document, Unreadable):
        return _no_news(reply, instead)
    meaning = unwrap(reply.document)
    error = meaning.error
    if error is not None and reply.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return _refusal(reply, error)
    value = read(meaning)
    if value is not None:
        return Answered(value)
    error = error or _error_in_a_remark(reply, meaning)
    return _no_news(reply, instead) if error is None else _refusal(reply, error)


def read_account_answer(reply: Received, read: Callable[[Meaning], T | None], instead: str) -> Reply[T]:
    """Reads a reply about the account itself: words that deny an account or a user speak of ours."""
    outcome = read_answer(reply, lambda meaning: read(meaning) if meaning.error is None else None, instead)
    if isinstance(outcome, Refused) and outcome.reason.scope is Scope.ITEM and denies_the_account(outcome.text):
        return Refused(Reason.BAD_KEY, outcome.text)
    return outcome


def read_add(reply: Received) -> AddOutcome:
    """Reads a reply to `add`.

    An order id without any sign of an error is an acceptance, at any HTTP status. An error without an order id is a
    refusal where a panel speaks: below HTTP 500, or in known words.
    """
    if isinstance(reply.document, Unreadable):
        return _no_news(reply, "")
    meaning = unwrap(reply.document)
    # A bare `id` may be anything's, unless the envelope says that the call succeeded.
    keys = (*_ORDER_IDS, "id") if meaning.succeeded else _ORDER_IDS
    order = next((order for key in keys if (order := read_id(meaning.get(key))) is not None), None)
    error = meaning.error or (WORDLESS if meaning.succeeded is False else None)
    error = error or _error_in_a_remark(reply, meaning, beside_an_id=order is not None)
    match order, error:
        case str(), None:
            return Accepted(order)
        case None, str():
            return _refusal(reply, error, unproven=_UNPROVEN_OF_ADD)
        case str(), str():
            text = f"the reply has both an order id ({order}) and an error: {error}"[:LONGEST_TEXT]
            return Unknown(text, replied=True, reason=reason_of(error))
        case _:
            return _no_news(reply, "JSON that has neither an order id nor an error")


def read_balance(reply: Received) -> Reply[Balance]:
    """Reads a reply to `balance`."""

    def read(meaning: Meaning) -> Balance | None:
        told = meaning.get(*_BALANCES)
        amount = read_money(told)
        return None if amount is None else Balance(amount, read_text(meaning.get("currency")) or read_currency(told))

    return read_account_answer(reply, read, "JSON that has no balance")


def _error_in_a_remark(reply: Received, meaning: Meaning, *, beside_an_id: bool = False) -> str | None:
    """Returns a message that states no error and yet is one: at HTTP 4xx, or where it speaks of the panel's trouble."""
    if meaning.remark is None:
        return None
    is_client_error = HTTPStatus.BAD_REQUEST <= reply.http_status < HTTPStatus.INTERNAL_SERVER_ERROR
    reason = proven_reason_of(meaning.remark)
    speaks_of_the_panel = reason is not None and reason.scope is Scope.PANEL
    is_plain_error = is_client_error and meaning.succeeded is None and not says_taken(meaning.remark)
    if speaks_of_the_panel or (is_plain_error and not beside_an_id):
        return meaning.remark
    return None


def _refusal(reply: Received, text: str, unproven: frozenset[Reason] = _UNPROVEN) -> Refused | Unknown:
    """Returns the refusal that an error's text states; `Unknown` where only a server's failure speaks, at HTTP 5xx.

    Known words count first, the HTTP status beside other words after them. `unproven`: reasons that prove nothing at
    HTTP 5xx, where a program may have failed after it took the order.
    """
    is_server_error = reply.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR
    reason = proven_reason_of(text)
    if is_server_error and (reason in unproven or is_crash(text)):
        reason = None
    reason = reason or _REASON_OF_STATUS.get(reply.http_status)
    if reason is None:
        if is_server_error:
            return Unknown(f"HTTP {reply.http_status} with an error that proves nothing: {text}"[:LONGEST_TEXT])
        reason = reason_of(text)
    return Refused(reason, text, reply.retry_after if reason is Reason.RATE_LIMITED else None)


def _no_news(reply: Received, instead: str) -> Refused | Unknown:
    """Returns the outcome of a reply that neither answers nor states an error; `instead` names what it holds."""
    is_json = not isinstance(reply.document, Unreadable)
    if isinstance(reply.document, Unreadable):
        instead = reply.document.text
    text = f"HTTP {reply.http_status} with {instead}"
    if reply.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return Refused(Reason.RATE_LIMITED, text, reply.retry_after)
    return Unknown(text, replied=is_json and reply.http_status == HTTPStatus.OK)
