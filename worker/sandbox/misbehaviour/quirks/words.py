"""Words of statuses, and orders that aren't known just after `add`."""

from collections.abc import Callable, Mapping

from worker.sandbox.misbehaviour.quirks.reply import Call, Quirk, Reply, statuses
from worker.sandbox.panel.panel import INCORRECT_ORDER

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "Pending": ("Awaiting", "Queued", "pending"),
    "In progress": ("Inprogress", "Progress", "Running", "Processing", "Active", "in_progress"),
    "Completed": ("Complete", "completed"),
    "Partial": ("PARTIAL", "Partially Completed"),
    "Canceled": ("Cancelled", "canceled", "Refunded"),
}
_REFUNDS = ("Refunded", "Refund")
_TROUBLES = ("Error", "Fail", "Paused")

#: How long a panel goes on not knowing an order that it has just taken, in simulated seconds.
UNKNOWN_AT_FIRST = 180.0


def _spelled(about: str, spell: Callable[[str], str]) -> Quirk:
    def spelled(reply: Reply, call: Call) -> None:
        for _, item in statuses(reply, call):
            item["status"] = spell(item["status"])

    spelled.__doc__ = about
    return spelled


def _worded(about: str, words: Mapping[str, tuple[str, ...]]) -> Quirk:
    """Which of the words an order gets hangs on its id, so that it keeps to one."""

    def worded(reply: Reply, call: Call) -> None:
        for number, item in statuses(reply, call):
            if choice := words.get(item["status"]):
                item["status"] = choice[int(number) % len(choice)]

    worded.__doc__ = about
    return worded


def unknown_at_first(reply: Reply, call: Call) -> None:
    """For its first three minutes an order answers "Incorrect order ID"."""
    if call.action != "status":
        return
    now = call.panel.clock.now()
    for number, _ in list(statuses(reply, call)):
        order = call.panel.book.find(number)
        if order and now - order.accepted_at < UNKNOWN_AT_FIRST:
            error = {"error": INCORRECT_ORDER}
            if call.reading.is_batch:
                reply.body[number] = error
            else:
                reply.body = error


QUIRKS: Mapping[str, Quirk] = {
    "unknown_at_first": unknown_at_first,
    "status_synonyms": _worded("Statuses come in other words: Cancelled, Complete, Running, ...", _SYNONYMS),
    "status_refunded": _worded("Canceled orders are Refunded.", {"Canceled": _REFUNDS}),
    "status_troubled": _worded("Orders in progress show Error, Fail or Paused.", {"In progress": _TROUBLES}),
    "status_unknown": _worded("Orders in progress show a word that nobody knows.", {"In progress": ("Moonwalking",)}),
    "status_upper": _spelled("Statuses are written IN PROGRESS.", str.upper),
    "status_lower": _spelled("Statuses are written in progress.", str.lower),
    "status_snake": _spelled("Statuses are written In_progress.", lambda word: word.replace(" ", "_")),
    "status_dashed": _spelled("Statuses are written In-progress.", lambda word: word.replace(" ", "-")),
    "status_padded": _spelled("Statuses have spaces around them.", lambda word: f" {word}  "),
}
