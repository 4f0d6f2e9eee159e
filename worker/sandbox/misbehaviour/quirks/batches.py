"""Quirks in batches: in the replies to them, in their size, and panels that take one id alone."""

from collections.abc import Mapping
from typing import Any

from worker.sandbox.misbehaviour.quirks.reply import Call, OfPanel, Quirk, Reply, Valued
from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.validate import MOST_IDS
from worker.sandbox.values import share, whole

_RESULTS: Mapping[str, str] = {"refill": "refill", "cancel": "cancel", "refill_status": "status"}


def _is_batch(reply: Reply, call: Call) -> bool:
    return call.request.is_batch and reply.error is None


def _is_error(item: Any) -> bool:
    return isinstance(item, dict) and "error" in item


def batch_gaps(reply: Reply, call: Call) -> None:
    """The reply omits every second id."""
    if _is_batch(reply, call):
        reply.body = dict(list(reply.body.items())[::2]) if isinstance(reply.body, dict) else reply.body[::2]


def batch_silent_ids(reply: Reply, call: Call, value: float) -> None:
    """A share of ids is never in the reply: whoever asks again is told nothing again."""
    if _is_batch(reply, call) and isinstance(reply.body, dict):
        silent = call.panel.chance.share
        reply.body = {number: item for number, item in reply.body.items() if silent("silent", number) >= value}


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


def batch_limit(panel: Panel, value: int | None) -> None:
    """The panel refuses batches of more than so many ids."""
    panel.validator.batches.most = MOST_IDS if value is None else value


def batch_first_hundred(panel: Panel, value: bool | None) -> None:
    """The panel answers the first 100 ids of a longer batch (`batch_limit` sets another number), ignores the others."""
    panel.validator.batches.cut = bool(value)


def _one_by_one(action: str, field: str) -> OfPanel:
    def switch(panel: Panel, value: bool | None) -> None:
        single = panel.validator.batches.single
        (single.add if value else single.discard)(action)

    switch.__doc__ = f"The panel knows `{action}` only with one id, in the field `{field}`."
    return OfPanel(switch)


QUIRKS: Mapping[str, Quirk] = {
    "single_status": _one_by_one("status", "order"),
    "single_refill": _one_by_one("refill", "order"),
    "single_refill_status": _one_by_one("refill_status", "refill"),
    "single_cancel": _one_by_one("cancel", "order"),
    "batch_limit": OfPanel(batch_limit, whole("IDS", 20)),
    "batch_first_hundred": OfPanel(batch_first_hundred),
    "batch_gaps": batch_gaps,
    "batch_silent_ids": Valued(batch_silent_ids, share("0.1")),
    "batch_empty_list": batch_empty_list,
    "batch_bare_errors": batch_bare_errors,
    "batch_bare_object": batch_bare_object,
    "batch_as_list": batch_as_list,
}
