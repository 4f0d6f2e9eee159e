"""The quirk that makes order ids texts.

The sandbox still counts its orders. This module translates the ids in requests and replies. A client's id without the
prefix belongs to no order: it is marked, so that the reply can repeat it unchanged.
"""

from collections.abc import Mapping
from typing import Any

from worker.sandbox.misbehaviour.quirks.reply import Call, Reply

PREFIX = "ord-"
_UNKNOWN = "~"


def incoming(form: Mapping[str, str]) -> dict[str, str]:
    """Returns the form with the sandbox's own numbers in place of the client's ids."""
    return {name: _numbers(value) if name in {"order", "orders"} else value for name, value in form.items()}


def _numbers(ids: str) -> str:
    return ",".join(
        number.removeprefix(PREFIX) if number.startswith(PREFIX) else _UNKNOWN + number for number in ids.split(",")
    )


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
