"""Order ids that are no numbers.

Inside, the sandbox goes on counting; only what is said and heard is rewritten. An id asked for without the prefix is
nobody's, and is marked so that it can be said back as it came.
"""

from collections.abc import Mapping
from typing import Any

from worker.sandbox.misbehaviour.quirks.reply import Call, Reply

PREFIX = "ord-"
_NOBODYS = "~"


def heard(form: Mapping[str, str]) -> dict[str, str]:
    """A form with the ids as the sandbox counts them."""
    return {name: _heard(value) if name in {"order", "orders"} else value for name, value in form.items()}


def _heard(ids: str) -> str:
    return ",".join(
        number.removeprefix(PREFIX) if number.startswith(PREFIX) else _NOBODYS + number for number in ids.split(",")
    )


def ids_not_numeric(reply: Reply, call: Call) -> None:
    """Order ids are texts such as "ord-23501"."""
    if reply.error is not None:
        return
    if call.action == "status" and call.reading.is_batch:
        reply.body = {_said(number): item for number, item in reply.body.items()}
    objects = reply.body.values() if call.action == "status" and call.reading.is_batch else reply.body
    for item in objects if not isinstance(objects, dict) else [objects]:
        _rewrite(item)


def _rewrite(item: dict[str, Any]) -> None:
    if "order" in item:
        item["order"] = _said(str(item["order"]))
    if "orders" in item:
        item["orders"] = [_said(str(number)) for number in item["orders"]]


def _said(number: str) -> str:
    return number.removeprefix(_NOBODYS) if number.startswith(_NOBODYS) else PREFIX + number
