"""What a quirk is, and what quirks read and change: a reply, and the call that it answers."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from worker.sandbox.panel.orders import Order
from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.validate import ParsedRequest
from worker.sandbox.switches import Value


@dataclass(slots=True)
class Reply:
    """A reply before it is sent: `prefix`, then `body` as JSON in its `charset`."""

    body: Any
    status: int = 200
    prefix: bytes = b""
    charset: str = "utf-8"

    def encode(self) -> bytes:
        return self.prefix + json.dumps(self.body, ensure_ascii=False).encode(self.charset, errors="replace")

    @property
    def error(self) -> str | None:
        """The panel's words, if the whole reply is a refusal; otherwise None."""
        if isinstance(self.body, dict) and self.body.keys() == {"error"}:
            return str(self.body["error"])
        return None


@dataclass(frozen=True, slots=True)
class Call:
    """The request that a reply answers, and the panel that answers it. `key` is the key that the client sent."""

    request: ParsedRequest
    panel: Panel
    key: str

    @property
    def action(self) -> str:
        return self.request.action


#: Changes a reply in place. Its docstring tells a person what it does, as those of all functions of quirks do.
Change: TypeAlias = Callable[[Reply, Call], None]


@dataclass(frozen=True, slots=True)
class Valued:
    """A quirk that changes a reply in place, in a way that its value chooses."""

    change: Callable[[Reply, Call, Any], None]
    value: Value


@dataclass(frozen=True, slots=True)
class OfPanel:
    """A quirk that changes the panel behind the replies.

    `switch` gets the value when the quirk is switched on (True if it takes none), and None when it is switched off.
    """

    switch: Callable[[Panel, Any], None]
    value: Value | None = None


Quirk: TypeAlias = Change | Valued | OfPanel


def statuses(reply: Reply, call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each requested id with the object that holds its `status`. Omits ids that got an error.

    It reads the documented shapes, so quirks that use it come before quirks that change the shape of a batch.
    """
    if reply.error is not None:
        return
    if call.action == "status":
        found = reply.body.items() if call.request.is_batch else [(call.request.ids[0], reply.body)]
    elif call.action == "refill_status":
        items = reply.body if call.request.is_batch else [reply.body]
        found = zip(call.request.ids, items, strict=True)
    else:
        return
    yield from ((number, item) for number, item in found if isinstance(item.get("status"), str))


def order_statuses(reply: Reply, call: Call) -> Iterator[tuple[Order, dict[str, Any]]]:
    """Yields each order whose status was asked for with the object that holds it, as `statuses` does."""
    if call.action == "status":
        for number, item in statuses(reply, call):
            if order := call.panel.book.find(number):
                yield order, item


def put_item(reply: Reply, call: Call, number: str, item: Any) -> None:
    """Puts an item into the place of the one that answers about this order, in a reply to `status`."""
    if call.request.is_batch:
        reply.body[number] = item
    else:
        reply.body = item
