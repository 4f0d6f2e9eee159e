"""Quirks in the ids of orders.

Where ids are texts, the sandbox still counts its orders, and this module translates the ids in requests and replies. A
client's id without the prefix belongs to no order: it is marked, so that the reply can repeat it unchanged.
"""

from collections.abc import Mapping
from typing import Any

from worker.sandbox.misbehaviour.quirks.reply import Call, OfPanel, Quirk, Reply, Valued
from worker.sandbox.panel.panel import Panel
from worker.sandbox.values import share, whole

PREFIX = "ord-"
_UNKNOWN = "~"


def incoming(form: Mapping[str, str]) -> dict[str, str]:
    """Returns the form with the sandbox's own numbers in place of the client's ids."""
    return {name: _numbers(value) if name in {"order", "orders"} else value for name, value in form.items()}


def _numbers(ids: str) -> str:
    return ",".join(
        number.removeprefix(PREFIX) if number.startswith(PREFIX) else _UNKNOWN + number for number in ids.split(",")
    )


def ids_not_increasing(panel: Panel, value: bool | None) -> None:
    """Ids of new orders don't increase: they lie anywhere within a million."""
    panel.book.numbering.increasing = not value


def ids_jump(panel: Panel, value: int | None) -> None:
    """After every so many of your orders, the sequence of ids jumps ahead by a million."""
    panel.book.numbering.jump_every = value


def ids_restart(panel: Panel, value: int | None) -> None:
    """After every so many of your orders, the sequence of ids starts anew at 1. No order of yours loses its id."""
    panel.book.numbering.restart_every = value


def ids_repeated(reply: Reply, call: Call, value: float) -> None:
    """A share of adds is answered with the id of your order before. The new order has an id of its own all the same."""
    orders = call.panel.book.orders
    if call.action == "add" and reply.error is None and call.panel.chance.share("repeated", len(orders)) < value:
        taken = (number for number, order in reversed(orders.items()) if order.parent is None)
        reply.body["order"] = next((number for number in taken if number != reply.body["order"]), reply.body["order"])


def ids_not_numeric(reply: Reply, call: Call) -> None:
    """Order ids are texts such as "ord-23501"."""
    if reply.error is not None:
        return
    if call.action == "status" and call.request.is_batch:
        reply.body = {_shown(number): item for number, item in reply.body.items()}
    objects = reply.body.values() if call.action == "status" and call.request.is_batch else reply.body
    for item in objects if not isinstance(objects, dict) else [objects]:
        _rewrite(item)


def _rewrite(item: dict[str, Any]) -> None:
    if "order" in item:
        item["order"] = _shown(str(item["order"]))
    if "orders" in item:
        item["orders"] = [_shown(str(number)) for number in item["orders"]]


def _shown(number: str) -> str:
    return number.removeprefix(_UNKNOWN) if number.startswith(_UNKNOWN) else PREFIX + number


QUIRKS: Mapping[str, Quirk] = {
    "ids_not_increasing": OfPanel(ids_not_increasing),
    "ids_jump": OfPanel(ids_jump, whole("ORDERS", 10)),
    "ids_restart": OfPanel(ids_restart, whole("ORDERS", 10)),
    "ids_repeated": Valued(ids_repeated, share("0.5")),
    "ids_not_numeric": ids_not_numeric,
}
