"""Quirks in numbers and flags."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from worker.sandbox.misbehaviour.quirks.reply import Call, Change, Quirk, Reply, statuses

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _each_value(value: Any, change: Callable[[Any], Any]) -> Any:
    match value:
        case dict():
            return {name: _each_value(held, change) for name, held in value.items()}
        case list():
            return [_each_value(held, change) for held in value]
        case _:
            return change(value)


def numbers_as_text(reply: Reply, _call: Call) -> None:
    """Every number arrives as a string."""
    reply.body = _each_value(reply.body, lambda value: str(value) if type(value) is int else value)


def text_as_numbers(reply: Reply, _call: Call) -> None:
    """Every string that spells a number arrives as a number, also money."""

    def change(value: Any) -> Any:
        if not isinstance(value, str) or not _NUMBER.fullmatch(value):
            return value
        return float(value) if "." in value else int(value)

    reply.body = _each_value(reply.body, change)


def flags_as_numbers(reply: Reply, _call: Call) -> None:
    """Flags arrive as 1 and 0."""
    reply.body = _each_value(reply.body, lambda value: int(value) if isinstance(value, bool) else value)


def flags_as_text(reply: Reply, _call: Call) -> None:
    """Flags arrive as "1" and "0"."""
    reply.body = _each_value(reply.body, lambda value: str(int(value)) if isinstance(value, bool) else value)


def flags_absent(reply: Reply, call: Call) -> None:
    """Services have no flags."""
    if call.action == "services" and reply.error is None:
        for entry in reply.body:
            for flag in ("refill", "cancel", "dripfeed"):
                entry.pop(flag, None)


def dripfeed_flag(reply: Reply, call: Call) -> None:
    """Services have a flag that says whether they take drip-feeds."""
    if call.action == "services" and reply.error is None:
        for entry in reply.body:
            entry["dripfeed"] = call.panel.catalogue.sold(str(entry["service"])).dripfeed


def _counts(name: str, value: Any) -> Change:
    def counts(reply: Reply, call: Call) -> None:
        for _, item in statuses(reply, call):
            if name in item:
                item[name] = value

    counts.__doc__ = f"`{name}` is {json.dumps(value)}."
    return counts


QUIRKS: Mapping[str, Quirk] = {
    "dripfeed_flag": dripfeed_flag,
    "remains_null": _counts("remains", None),
    "remains_zero": _counts("remains", "0"),
    "remains_empty": _counts("remains", ""),
    "remains_negative": _counts("remains", "-12"),
    "remains_word": _counts("remains", "unknown"),
    "start_count_null": _counts("start_count", None),
    "start_count_empty": _counts("start_count", ""),
    "start_count_negative": _counts("start_count", "-1"),
    "start_count_word": _counts("start_count", "private"),
    "flags_absent": flags_absent,
    "flags_as_numbers": flags_as_numbers,
    "flags_as_text": flags_as_text,
    "numbers_as_text": numbers_as_text,
    "text_as_numbers": text_as_numbers,
}
