"""Quirks in replies to batches."""

from collections.abc import Mapping
from typing import Any

from worker.sandbox.misbehaviour.quirks.reply import Call, Quirk, Reply

_RESULTS: Mapping[str, str] = {"refill": "refill", "cancel": "cancel", "refill_status": "status"}


def _is_batch(reply: Reply, call: Call) -> bool:
    return call.request.is_batch and reply.error is None


def _is_error(item: Any) -> bool:
    return isinstance(item, dict) and "error" in item


def batch_gaps(reply: Reply, call: Call) -> None:
    """The reply omits every second id."""
    if _is_batch(reply, call):
        reply.body = dict(list(reply.body.items())[::2]) if isinstance(reply.body, dict) else reply.body[::2]


def batch_empty_list(reply: Reply, call: Call) -> None:
    """The reply omits unknown ids; if none is left, the empty map arrives as []."""
    if _is_batch(reply, call) and isinstance(reply.body, dict):
        reply.body = {number: item for number, item in reply.body.items() if not _is_error(item)} or []


def batch_bare_errors(reply: Reply, call: Call) -> None:
    """Errors of items are bare strings."""
    if not _is_batch(reply, call):
        return
    if isinstance(reply.body, dict):
        reply.body = {number: item["error"] if _is_error(item) else item for number, item in reply.body.items()}
        return
    result = _RESULTS.get(call.action, "")
    for item in reply.body:
        if _is_error(item.get(result)):
            item[result] = item[result]["error"]


def batch_bare_object(reply: Reply, call: Call) -> None:
    """A batch of one id gets the bare object, as a single id does."""
    if _is_batch(reply, call) and len(reply.body) == 1:
        reply.body = next(iter(reply.body.values())) if isinstance(reply.body, dict) else reply.body[0]


def batch_as_list(reply: Reply, call: Call) -> None:
    """Statuses arrive as a list of objects that carry their id."""
    if _is_batch(reply, call) and call.action == "status" and isinstance(reply.body, dict):
        if len(call.request.ids) == 1 and "status" in reply.body:
            return  # `batch_bare_object` has changed it already
        reply.body = [
            {"order": number, **(item if isinstance(item, dict) else {"error": item})}
            for number, item in reply.body.items()
        ]


def batch_first_hundred(_reply: Reply, _call: Call) -> None:
    """The panel answers the first 100 ids of a longer batch and ignores the others."""
    # The validator has dropped the others already.


QUIRKS: Mapping[str, Quirk] = {
    "batch_first_hundred": batch_first_hundred,
    "batch_gaps": batch_gaps,
    "batch_empty_list": batch_empty_list,
    "batch_bare_errors": batch_bare_errors,
    "batch_bare_object": batch_bare_object,
    "batch_as_list": batch_as_list,
}
