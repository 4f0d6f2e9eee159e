"""Reads replies about orders and refills, item by item, in all shapes that panels give them (docs/panels.md).

The same code reads replies about one id and about many, since panels answer either question in either shape.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from worker.domain.orders.outcomes import Answered, Reason, Reply, Scope, Unknown
from worker.domain.orders.statuses import (
    CancelTaken,
    ItemError,
    OrderReport,
    Recognition,
    read_order_status,
    read_refill_status,
)
from worker.panel.errors import explicit_error, reason_of
from worker.panel.replies import Received, read_answer
from worker.panel.values import read_flag, read_id, read_money, read_text, read_whole

T = TypeVar("T")

#: The keys of an item's own id.
_ORDER_KEYS = ("order", "id")
_REFILL_KEYS = ("refill", "id")

#: Any of these makes an object a status.
_STATUS_FIELDS = ("status", "charge", "start_count", "remains", "orders")

#: Any of these makes `"status": "Error"` the status of an order, even with a message.
_COUNTS = ("charge", "start_count", "remains")


def read_statuses(reply: Received, asked: Sequence[str]) -> Reply[dict[str, OrderReport | ItemError]]:
    return _read_items(reply, asked, _ORDER_KEYS, _order)


def read_refills(reply: Received, asked: Sequence[str]) -> Reply[dict[str, str | ItemError]]:
    return _read_items(reply, asked, _ORDER_KEYS, _refill)


def read_refill_statuses(reply: Received, asked: Sequence[str]) -> Reply[dict[str, str | ItemError]]:
    return _read_items(reply, asked, _REFILL_KEYS, _refill_status)


def read_cancels(reply: Received, asked: Sequence[str]) -> Reply[dict[str, CancelTaken | ItemError]]:
    return _read_items(reply, asked, _ORDER_KEYS, _cancel)


def only(reply: Reply[dict[str, T]], asked: str) -> Reply[T]:
    """Returns the item of a reply about one id; `Unknown` if the reply says nothing of this id."""
    if not isinstance(reply, Answered):
        return reply
    item = reply.value.get(asked)
    return Unknown("the reply says nothing of the id that was asked about") if item is None else Answered(item)


def _read_items(
    reply: Received, asked: Sequence[str], id_keys: Sequence[str], read_item: Callable[[Any], T | ItemError | None]
) -> Reply[dict[str, T | ItemError]]:
    def read(document: Any) -> dict[str, T | ItemError] | None:
        found = _items(document, asked, id_keys)
        if found is None:
            return _read_bare(document, asked, read_item)
        read_ones = ((key, read_item(item)) for key, item in found)
        return {key: item for key, item in read_ones if item is not None}

    return read_answer(reply, read, "JSON that says nothing of the ids that were asked about")


def _items(document: Any, asked: Sequence[str], id_keys: Sequence[str]) -> Iterable[tuple[str, Any]] | None:
    """Returns the items of a reply that names ids, without ids that nobody asked about; None if it names no id."""
    wanted = frozenset(asked)
    match document:
        case [dict() as item] if _own_id(item, id_keys) is None and len(asked) == 1:
            return _items(item, asked, id_keys)
        case list():
            named = [(_own_id(item, id_keys), item) for item in document]
            if document and all(own is None for own, _ in named):
                return None
        case dict() if (own := _own_id(document, id_keys)) is not None:
            named = [(own, document)]
        case dict() if _is_keyed_by_id(document, wanted):
            named = list(document.items())
        case _:
            return None
    return [(own, item) for own, item in named if own in wanted]


def _is_keyed_by_id(document: Mapping[str, Any], wanted: frozenset[str]) -> bool:
    return not wanted.isdisjoint(document) or all(key.isdecimal() for key in document)


def _own_id(item: Any, id_keys: Sequence[str]) -> str | None:
    if not isinstance(item, dict):
        return None
    return next((own for key in id_keys if (own := read_id(item.get(key))) is not None), None)


def _read_bare(
    document: Any, asked: Sequence[str], read_item: Callable[[Any], T | ItemError | None]
) -> dict[str, T | ItemError] | None:
    """Reads an object that names no id as the answer about the one id that was asked about.

    An error of the whole panel is no error of this item: None.
    """
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if len(asked) != 1 or not isinstance(document, dict):
        return None
    item = read_item(document)
    if item is None or (explicit_error(document) and isinstance(item, ItemError) and item.reason.scope is Scope.PANEL):
        return None
    return {asked[0]: item}


def _item_error(text: str) -> ItemError:
    return ItemError(reason_of(text), text)


def _error_of(item: Mapping[str, Any], key: str) -> ItemError | None:
    """Returns the error that an item states: directly, nested under `key`, or as words there that deny the id."""
    inner = item.get(key)
    text = explicit_error(item) or explicit_error(inner)
    if text is None and isinstance(inner, str) and reason_of(inner) is Reason.NOT_FOUND:
        text = read_text(inner)
    return None if text is None else _item_error(text)


def _order(item: Any) -> OrderReport | ItemError | None:
    if isinstance(item, str):
        return _worded(item, read_order_status, OrderReport)
    if not isinstance(item, dict):
        return None
    error = _error_of(item, "status")
    if error is not None and not _tells_of_an_order(item):
        return error
    status = item.get("status")
    if status is None and all(item.get(field) is None for field in _STATUS_FIELDS):
        return None
    return OrderReport(
        status=read_text(status),
        charge=read_money(item.get("charge")),
        currency=read_text(item.get("currency")),
        start_count=read_whole(item.get("start_count")),
        remains=read_whole(item.get("remains")),
        spawned=_spawned(item.get("orders")),
    )


def _tells_of_an_order(item: Mapping[str, Any]) -> bool:
    """Says whether an item is an order's status in spite of the error in it."""
    word = read_text(item.get("status"))
    known = word is not None and read_order_status(word)[1] is Recognition.KNOWN
    return known or any(read_text(item.get(field)) is not None for field in _COUNTS)


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


def _refill(item: Any) -> str | ItemError | None:
    if not isinstance(item, dict):
        return _refill_id(item)
    return _error_of(item, "refill") or _refill_id(item.get("refill"))


def _refill_id(value: Any) -> str | ItemError | None:
    return read_id(value) or _error_in_words(value)


def _error_in_words(value: Any) -> ItemError | None:
    is_worded = isinstance(value, str) and any(character.isalpha() for character in value)
    return _item_error(text) if is_worded and (text := read_text(value)) else None


def _refill_status(item: Any) -> str | ItemError | None:
    if isinstance(item, str):
        return _worded(item, read_refill_status, str)
    if not isinstance(item, dict):
        return None
    return _error_of(item, "status") or read_text(item.get("status"))


def _cancel(item: Any) -> CancelTaken | ItemError | None:
    if isinstance(item, dict):
        return _error_of(item, "cancel") or _cancel_answer(item.get("cancel"))
    return _cancel_answer(item)


def _cancel_answer(value: Any) -> CancelTaken | ItemError | None:
    if read_flag(value) is False:
        return ItemError(Reason.REFUSED, "the panel did not take the request")
    if read_flag(value) or (read_whole(value) or 0) > 0:
        return CancelTaken()
    return _error_in_words(value)
