"""Quirks in what surrounds an answer: wrappings, keys, and requests that are taken in words."""

import json
from collections.abc import Mapping
from typing import Any

from worker.sandbox.misbehaviour.quirks.reply import Call, Quirk, Reply, statuses

_WORDS_OF_CANCEL = "Your order will be cancelled asap"


def _items(reply: Reply, call: Call, action: str) -> list[Any]:
    """Returns the items of a reply to a batch of refills or cancels."""
    return reply.body if call.action == action and isinstance(reply.body, list) else []


def cancels_in_words(reply: Reply, call: Call) -> None:
    """The panel takes a cancel with the word requested instead of 1."""
    for item in _items(reply, call, "cancel"):
        if not isinstance(item["cancel"], dict):
            item["cancel"] = "requested"


def cancels_at_once(reply: Reply, call: Call) -> None:
    """One text answers a batch of cancels that the panel takes without an error."""
    items = _items(reply, call, "cancel")
    if items and not any(isinstance(item["cancel"], dict) for item in items):
        reply.body = {"success": _WORDS_OF_CANCEL}


def refills_in_words(reply: Reply, call: Call) -> None:
    """The panel takes a refill with the word success instead of its id."""
    for item in _items(reply, call, "refill"):
        if not isinstance(item["refill"], dict):
            item["refill"] = "success"


def refills_at_once(reply: Reply, call: Call) -> None:
    """One {"refill": "1"} answers a batch of refills that the panel takes without an error."""
    items = _items(reply, call, "refill")
    if items and not any(isinstance(item["refill"], dict) for item in items):
        reply.body = {"refill": "1"}


def cancels_by_id(reply: Reply, call: Call) -> None:
    """Cancels of a batch arrive as an object: {"7": {"cancel": 1}, "8": {"error": text}}."""
    if items := _items(reply, call, "cancel"):
        reply.body = {
            str(item["order"]): item["cancel"] if isinstance(item["cancel"], dict) else {"cancel": item["cancel"]}
            for item in items
        }


def balance_under_funds(reply: Reply, call: Call) -> None:
    """The balance arrives as {"funds": amount}."""
    if call.action == "balance" and isinstance(reply.body, dict) and "balance" in reply.body:
        reply.body["funds"] = reply.body.pop("balance")


def add_tells_more(reply: Reply, call: Call) -> None:
    """The reply to `add` also has the charge, the currency and the quantity."""
    order = call.panel.book.find(str(reply.body.get("order"))) if call.action == "add" and not reply.error else None
    if order:
        reply.body |= {"charge": float(order.price), "currency": call.panel.currency, "quantity": order.quantity}


def statuses_tell_id(reply: Reply, call: Call) -> None:
    """Each status of a batch has its id once more, under `order`."""
    if call.request.is_batch:
        for number, item in statuses(reply, call):
            if call.action == "status":
                item["order"] = int(number)


def order_id(reply: Reply, call: Call) -> None:
    """The panel accepts an order with {"order_id": id}."""
    if call.action == "add" and isinstance(reply.body, dict) and "order" in reply.body:
        reply.body["order_id"] = reply.body.pop("order")


def order_id_in_data(reply: Reply, call: Call) -> None:
    """The panel accepts an order with {"data": {"order_id": id}}."""
    if call.action == "add" and isinstance(reply.body, dict) and "order" in reply.body:
        reply.body = {"data": {"order_id": reply.body["order"]}}


def order_under_id(reply: Reply, call: Call) -> None:
    """The panel accepts an order with {"status": "success", "id": id}."""
    if call.action == "add" and isinstance(reply.body, dict) and "order" in reply.body:
        reply.body = {"status": "success", "id": reply.body["order"]}


def statuses_in_orders(reply: Reply, call: Call) -> None:
    """Statuses of a batch arrive as {"status": "success", "orders": {...}}."""
    if call.action == "status" and call.request.is_batch and reply.error is None:
        reply.body = {"status": "success", "orders": reply.body}


def services_under_id(reply: Reply, call: Call) -> None:
    """Services have their id under `id`, in {"success": true, "message": text, "services": [...]}."""
    if call.action == "services" and isinstance(reply.body, list):
        entries = [{"id" if name == "service" else name: value for name, value in e.items()} for e in reply.body]
        reply.body = {"success": True, "message": "Services retrieved successfully", "services": entries}


def in_success_data(reply: Reply, _call: Call) -> None:
    """Replies arrive as {"success": true, "data": reply}, errors as {"success": false, "data": {"message": text}}."""
    if reply.error is None:
        reply.body = {"success": True, "data": reply.body}
    else:
        reply.body = {"success": False, "data": {"name": "Bad Request", "message": reply.error, "code": 0}}


def in_status_result(reply: Reply, _call: Call) -> None:
    """Replies arrive as {"status": "success", "result": reply}, errors as {"status": "fail", "message": text}."""
    if reply.error is None:
        reply.body = {"status": "success", "result": reply.body}
    else:
        reply.body = {"status": "fail", "message": reply.error}


def _capitalised(value: Any) -> Any:
    match value:
        case dict():
            return {name.capitalize(): _capitalised(held) for name, held in value.items()}
        case list():
            return [_capitalised(held) for held in value]
        case _:
            return value


def keys_capitalised(reply: Reply, _call: Call) -> None:
    """Keys begin with a capital letter."""
    reply.body = _capitalised(reply.body)


def json_in_text(reply: Reply, _call: Call) -> None:
    """The JSON arrives within a JSON string."""
    reply.body = json.dumps(reply.body, ensure_ascii=False)


#: Taken requests are worded before batches are reshaped.
OF_REQUESTS: Mapping[str, Quirk] = {
    "cancels_in_words": cancels_in_words,
    "cancels_at_once": cancels_at_once,
    "refills_in_words": refills_in_words,
    "refills_at_once": refills_at_once,
    "cancels_by_id": cancels_by_id,
}

#: These add to the documented shape.
TELLING_MORE: Mapping[str, Quirk] = {
    "add_tells_more": add_tells_more,
    "statuses_tell_id": statuses_tell_id,
}

#: From the answer outwards. They come last of all.
AROUND: Mapping[str, Quirk] = {
    "balance_under_funds": balance_under_funds,
    "order_id": order_id,
    "order_id_in_data": order_id_in_data,
    "order_under_id": order_under_id,
    "statuses_in_orders": statuses_in_orders,
    "services_under_id": services_under_id,
    "in_success_data": in_success_data,
    "in_status_result": in_status_result,
    "keys_capitalised": keys_capitalised,
    "json_in_text": json_in_text,
}
