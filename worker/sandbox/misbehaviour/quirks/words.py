"""Quirks in the words of statuses."""

from collections.abc import Callable, Mapping

from worker.sandbox.misbehaviour.quirks.reply import Call, Change, Quirk, Reply, statuses

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "Pending": ("Awaiting", "Queued", "pending"),
    "In progress": ("Inprogress", "Progress", "Running", "Processing", "Active", "in_progress"),
    "Completed": ("Complete", "completed"),
    "Partial": ("PARTIAL", "Partially Completed"),
    "Canceled": ("Cancelled", "canceled", "Refunded"),
}
_REFUNDS = ("Refunded", "Refund")
_TROUBLES = ("Error", "Fail", "Paused")


def _spelled(about: str, spell: Callable[[str], str]) -> Change:
    def spelled(reply: Reply, call: Call) -> None:
        for _, item in statuses(reply, call):
            item["status"] = spell(item["status"])

    spelled.__doc__ = about
    return spelled


def _worded(about: str, words: Mapping[str, tuple[str, ...]]) -> Change:
    """Makes a quirk that replaces words. An order's id chooses among `words`, so that each order keeps its word."""

    def worded(reply: Reply, call: Call) -> None:
        for number, item in statuses(reply, call):
            if choice := words.get(item["status"]):
                item["status"] = choice[int(number) % len(choice)]

    worded.__doc__ = about
    return worded


QUIRKS: Mapping[str, Quirk] = {
    "status_synonyms": _worded("Statuses are synonyms: Cancelled, Complete, Running, ...", _SYNONYMS),
    "status_refunded": _worded("Canceled orders have the status Refunded.", {"Canceled": _REFUNDS}),
    "status_troubled": _worded("Orders in progress have the status Error, Fail or Paused.", {"In progress": _TROUBLES}),
    "status_unknown": _worded("Orders in progress have an unknown status.", {"In progress": ("Moonwalking",)}),
    "status_upper": _spelled("Statuses have the form IN PROGRESS.", str.upper),
    "status_lower": _spelled("Statuses have the form in progress.", str.lower),
    "status_snake": _spelled("Statuses have the form In_progress.", lambda word: word.replace(" ", "_")),
    "status_dashed": _spelled("Statuses have the form In-progress.", lambda word: word.replace(" ", "-")),
    "status_padded": _spelled("Statuses have spaces around them.", lambda word: f" {word}  "),
}
