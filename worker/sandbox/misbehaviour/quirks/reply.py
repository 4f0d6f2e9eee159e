"""A reply on its way out, and the request that it answers."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.validate import Reading


@dataclass(slots=True)
class Reply:
    """`body` goes out as JSON, with `prefix` in front of it."""

    body: Any
    status: int = 200
    prefix: bytes = b""

    def encode(self) -> bytes:
        return self.prefix + json.dumps(self.body, ensure_ascii=False).encode()

    @property
    def error(self) -> str | None:
        """The panel's words, where the whole reply is a refusal."""
        if isinstance(self.body, dict) and self.body.keys() == {"error"}:
            return str(self.body["error"])
        return None


@dataclass(frozen=True, slots=True)
class Call:
    """What is being answered, and by whom. `key` is the key as it was sent."""

    reading: Reading
    panel: Panel
    key: str

    @property
    def action(self) -> str:
        return self.reading.action


#: Changes a reply in place. Its docstring tells a person what it does.
Quirk: TypeAlias = Callable[[Reply, Call], None]


def statuses(reply: Reply, call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    """The ids asked about, each with the object that holds its `status`; what was answered with an error is left out.

    Reads the documented shapes, so quirks that change the shape of a batch come after those that use this.
    """
    if reply.error is not None:
        return
    if call.action == "status":
        found = reply.body.items() if call.reading.is_batch else [(call.reading.ids[0], reply.body)]
    elif call.action == "refill_status":
        items = reply.body if call.reading.is_batch else [reply.body]
        found = zip(call.reading.ids, items, strict=True)
    else:
        return
    yield from ((number, item) for number, item in found if isinstance(item.get("status"), str))
