"""Reads replies about orders and refills, item by item, in all shapes that panels give them (docs/panels.md).

The same code reads replies about one id and about many, since panels answer either question in either shape.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from worker.domain.orders.outcomes import Answered, Reason, Refused, Reply, Scope, Unknown
from worker.domain.orders.statuses import (
    CancelTaken,
    ItemError,
    OrderReport,
    Recognition,
    RefillTaken,
    read_order_status,
    read_refill_status,
)
from worker.panel.envelope import ENVELOPE_KEYS, Meaning, is_verdict, plain, unwrap
from worker.panel.errors import reason_of, says_taken
from worker.panel.replies import Received, read_answer
from worker.panel.values import read_flag, read_id, read_money, read_text, read_whole

T = TypeVar("T")

#: The keys of an item's own id, and those of an order's status.
_ORDER_KEYS = ("order", "orderid", "id")
_REFILL_KEYS = ("refill", "refillid", "id")
_STATUS_KEYS = ("orderstatus", "status")

#: Any of these makes `"status": "Error"` the status of an order, even with a message.
_COUNTS = ("charge", "startcount", "remains")

#: Any of these makes an object a status.
_STATUS_FIELDS = (*_STATUS_KEYS, *_COUNTS, "orders")


def only(reply: Reply[dict[str, T]], asked: str) -> Reply[T]:
    """Returns the item of a reply about one id; `Unknown` if the reply says nothing of this id."""
    if not isinstance(reply, Answered):
        return reply
    item = reply.value.get(asked)
    return Unknown("the reply says nothing of the id that was asked about") if item is None else Answered(item)


@dataclass(frozen=True, slots=True)
class _Reader(Generic[T]):
    """Reads the replies to one action, item by item.

    `of_all`: what each order gets from one answer that says yes and names none of them.
    """

    id_keys: Sequence[str]
    read_item: Callable[[Meaning], T | ItemError | None]
    of_all: T | None = None

    def read(self, reply: Received, asked: Sequence[str]) -> Reply[dict[str, T | ItemError]]:
        """Reads a reply about several ids.

        The error of a reply about one id is this item's, unless it speaks of the whole panel.
        """
        outcome = read_answer(
            reply,
            lambda meaning: self._items(meaning, asked, reply.http_status),
            "JSON that says nothing of the ids that were asked about",
        )
        if isinstance(outcome, Refused) and outcome.reason.scope is not Scope.PANEL and len(asked) == 1:
            return Answered({asked[0]: ItemError(outcome.reason, outcome.text, whole=True)})
        return outcome

    def _items(self, meaning: Meaning, asked: Sequence[str], http_status: int) -> dict[str, T | ItemError] | None:
        found = _named(meaning.payload, asked, self.id_keys)
        if found is not None and meaning.payload:
            read_ones = ((key, self.read_item(unwrap(item))) for key, item in found)
            return {key: item for key, item in read_ones if item is not None and not _proves_nothing(item, http_status)}
        if (bare := self._bare(meaning, asked)) is not None:
            return bare
        return None if found is None or meaning.error is not None else {}

    def _bare(self, meaning: Meaning, asked: Sequence[str]) -> dict[str, T | ItemError] | None:
        """Reads an answer that names no id: that about the one id that was asked about, or one yes for all ids.

        An error of the whole reply is read with it, by its HTTP status: None.
        """
        if isinstance(meaning.payload, list) and len(meaning.payload) == 1 and len(asked) == 1:
            meaning = unwrap(meaning.payload[0])
        is_object = isinstance(meaning.payload, dict)
        if not is_object and not isinstance(meaning.payload, str) and not meaning.succeeded:
            return None
        item = self.read_item(meaning)
        if isinstance(item, ItemError) and (meaning.error is not None or len(asked) != 1 or not is_object):
            return None
        if item is None or len(asked) == 1:
            return None if item is None else {asked[0]: item}
        return None if self.of_all is None else dict.fromkeys(asked, self.of_all)


def _proves_nothing(item: object, http_status: int) -> bool:
    """Says whether an item's error is a failing server's: unknown words at HTTP 5xx."""
    is_unknown = isinstance(item, ItemError) and item.reason is Reason.REFUSED
    return is_unknown and http_status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _named(payload: Any, asked: Sequence[str], id_keys: Sequence[str]) -> list[tuple[str, Any]] | None:
    """Returns the items of a reply that names ids, without ids that nobody asked about; None if it names no id."""
    wanted = frozenset(asked)
    match payload:
        case [dict() as item] if _own_id(item, id_keys) is None and len(asked) == 1:
            return _named(plain(item), asked, id_keys)
        case list():
            named = [(own, item) for item in payload if (own := _own_id(item, id_keys)) is not None]
            if payload and not named:
                return None
        case dict() if (own := _own_id(payload, id_keys)) is not None:
            named = [(own, payload)]
        case dict() if _is_keyed_by_id(payload, wanted):
            named = list(payload.items())
        case _:
            return None
    return [(own, item) for own, item in named if own in wanted]


def _is_keyed_by_id(payload: Mapping[str, Any], wanted: frozenset[str]) -> bool:
    """Says whether an object's keys are ids, apart from what an envelope says of itself."""
    if not payload or not wanted.isdisjoint(payload):
        return True
    keys = payload.keys() - ENVELOPE_KEYS
    return bool(keys) and all(key.isdecimal() for key in keys)


def _own_id(item: Any, id_keys: Sequence[str]) -> str | None:
    if not isinstance(item, dict):
        return None
    said = plain(item)
    return next((own for key in id_keys if (own := read_id(said.get(key))) is not None), None)


def _item_error(text: str) -> ItemError:
    return ItemError(reason_of(text), text)


def _order(meaning: Meaning) -> OrderReport | ItemError | None:
    if isinstance(meaning.payload, str):
        return _worded(meaning.payload, read_order_status, OrderReport)
    if not isinstance(meaning.payload, dict) or _is_verdict_alone(meaning):
        return None
    error = _error_of_status(meaning)
    if error is not None and not _tells_of_an_order(meaning):
        return error
    if meaning.get(*_STATUS_FIELDS) is None:
        return None
    return OrderReport(
        status=read_text(meaning.get(*_STATUS_KEYS)),
        charge=read_money(meaning.get("charge")),
        currency=read_text(meaning.get("currency")),
        start_count=read_whole(meaning.get("startcount")),
        remains=read_whole(meaning.get("remains")),
        spawned=_spawned(meaning.get("orders")),
    )


def _is_verdict_alone(meaning: Meaning) -> bool:
    """Says whether an envelope says "success" of itself, with nothing of an order in it."""
    return (
        bool(meaning.succeeded) and is_verdict(meaning.get(*_STATUS_KEYS)) and meaning.get(*_COUNTS, "orders") is None
    )


def _error_of_status(meaning: Meaning) -> ItemError | None:
    """Returns the error of an item: its own, that in the place of its status, or words there that deny the id."""
    status = meaning.get(*_STATUS_KEYS)
    text = meaning.error or unwrap(status).error
    if text is None and isinstance(status, str) and reason_of(status) is Reason.NOT_FOUND:
        text = read_text(status)
    return None if text is None else _item_error(text)


def _tells_of_an_order(meaning: Meaning) -> bool:
    """Says whether an item is an order's status in spite of the error in it."""
    word = read_text(meaning.get(*_STATUS_KEYS))
    known = word is not None and read_order_status(word)[1] is Recognition.KNOWN
    return known or any(read_text(meaning.get(field)) is not None for field in _COUNTS)


def _worded(
    text: str, read_status: Callable[[str], tuple[Any, Recognition]], make: Callable[[str], T]
) -> T | ItemError | None:
    """Reads a bare text in an item's place: a known word is a status, everything else an error."""
    word = read_text(text)
    if word is None:
        return None
    return _item_error(word) if read_status(word)[1] is Recognition.UNKNOWN else make(word)


def _spawned(orders: Any) -> tuple[str, ...]:
    """Returns the ids of child orders, from a text, a list or an object."""
    match orders:
        case None:
            return ()
        case str():
            found = [read_id(part) for part in orders.split(",")]
        case list():
            found = [_own_id(entry, _ORDER_KEYS) or read_id(entry) for entry in orders]
        case dict():
            found = [_own_id(entry, _ORDER_KEYS) or read_id(entry) or read_id(key) for key, entry in orders.items()]
        case _:
            found = [read_id(orders)]
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _refill_status(meaning: Meaning) -> str | ItemError | None:
    if isinstance(meaning.payload, str):
        return _worded(meaning.payload, read_refill_status, str)
    if meaning.succeeded and is_verdict(meaning.get("refillstatus", "status")):
        return None
    return _error_of_status(meaning) or read_text(meaning.get("refillstatus", "status"))


def _refill(meaning: Meaning) -> str | RefillTaken | ItemError | None:
    answer = meaning.get("refill", "refillid") if isinstance(meaning.payload, dict) else meaning.payload
    if isinstance(answer, dict):
        nested = unwrap(answer)
        own = _own_id(nested.payload, _REFILL_KEYS) if nested.error is None else None
        return own or _refill(nested)
    return _error_of(meaning) or read_id(answer) or _taken(meaning, answer, RefillTaken())


def _cancel(meaning: Meaning) -> CancelTaken | ItemError | None:
    answer = meaning.get("cancel") if isinstance(meaning.payload, dict) else meaning.payload
    if isinstance(answer, dict):
        return _cancel(unwrap(answer))
    if error := _error_of(meaning):
        return error
    if read_flag(answer) is False:
        return ItemError(Reason.REFUSED, "the panel did not take the request")
    return CancelTaken() if (read_whole(answer) or 0) > 0 else _taken(meaning, answer, CancelTaken())


def _error_of(meaning: Meaning) -> ItemError | None:
    return None if meaning.error is None else _item_error(meaning.error)


def _taken(meaning: Meaning, answer: Any, taken: T) -> T | ItemError | None:
    """Reads an answer to a request in words: `answer` stands in its place, the envelope and its remark say the rest."""
    if read_flag(answer) or (isinstance(answer, str) and says_taken(answer)):
        return taken
    if isinstance(answer, str) and any(map(str.isalpha, answer)) and (text := read_text(answer)):
        return _item_error(text)
    status = meaning.get("status")
    words = [text for text in (meaning.remark, status) if isinstance(text, str)]
    return taken if meaning.succeeded or any(map(says_taken, words)) else None


_STATUSES: _Reader[OrderReport] = _Reader(_ORDER_KEYS, _order)
_REFILLS: _Reader[str | RefillTaken] = _Reader(_ORDER_KEYS, _refill, of_all=RefillTaken())
_REFILL_STATUSES: _Reader[str] = _Reader(_REFILL_KEYS, _refill_status)
_CANCELS: _Reader[CancelTaken] = _Reader(_ORDER_KEYS, _cancel, of_all=CancelTaken())


def read_statuses(reply: Received, asked: Sequence[str]) -> Reply[dict[str, OrderReport | ItemError]]:
    return _STATUSES.read(reply, asked)


def read_refills(reply: Received, asked: Sequence[str]) -> Reply[dict[str, str | RefillTaken | ItemError]]:
    return _REFILLS.read(reply, asked)


def read_refill_statuses(reply: Received, asked: Sequence[str]) -> Reply[dict[str, str | ItemError]]:
    return _REFILL_STATUSES.read(reply, asked)


def read_cancels(reply: Received, asked: Sequence[str]) -> Reply[dict[str, CancelTaken | ItemError]]:
    return _CANCELS.read(reply, asked)
