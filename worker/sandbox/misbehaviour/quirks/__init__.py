"""Known departures of real panels from their own documents, each under a name."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from worker.sandbox.misbehaviour.quirks import (
    batches,
    charges,
    envelopes,
    errors,
    ids,
    limits,
    orders,
    prices,
    services,
    values,
    words,
)
from worker.sandbox.misbehaviour.quirks.reply import Call, OfPanel, Quirk, Reply, Valued
from worker.sandbox.panel.panel import Panel
from worker.sandbox.switches import Switch, Switches

__all__ = ["ALL", "KINDS", "Call", "Quirks", "Reply"]

#: `Quirks.apply` keeps this order: quirks that change a word or a value read the documented shape, so they come before
#: quirks that change the shape.
ALL: Mapping[str, Quirk] = {
    **prices.QUIRKS,
    **limits.QUIRKS,
    **orders.QUIRKS,
    **charges.QUIRKS,
    **words.QUIRKS,
    **values.QUIRKS,
    **envelopes.TELLING_MORE,
    **ids.QUIRKS,
    **services.QUIRKS,
    **envelopes.OF_REQUESTS,
    **batches.QUIRKS,
    **errors.QUIRKS,
    **envelopes.AROUND,
}

#: The names of all quirks, in groups for people.
KINDS: Mapping[str, tuple[str, ...]] = {
    "Prices": tuple(prices.QUIRKS),
    "Charges and money": tuple(charges.QUIRKS),
    "Orders": tuple(orders.QUIRKS),
    "Ids": tuple(ids.QUIRKS),
    "Limits": tuple(limits.QUIRKS),
    "Batches": tuple(batches.QUIRKS),
    "Words of statuses": tuple(words.QUIRKS),
    "Numbers and flags": tuple(values.QUIRKS),
    "Catalogue": tuple(services.QUIRKS),
    "Errors and bytes": tuple(errors.QUIRKS),
    "Envelopes": (*envelopes.TELLING_MORE, *envelopes.OF_REQUESTS, *envelopes.AROUND),
}


def switch_of(quirk: Quirk) -> Switch:
    """Describes a quirk: its function's docstring tells what it does."""
    match quirk:
        case Valued(function, value) | OfPanel(function, value):
            return Switch(function.__doc__ or "", value)
        case _:
            return Switch(quirk.__doc__ or "")


class Quirks(Switches):
    """The switches of all quirks of one panel."""

    def __init__(self, panel: Panel) -> None:
        super().__init__("quirk", {name: switch_of(quirk) for name, quirk in ALL.items()})
        self._panel = panel
        self._changes: dict[str, Callable[[Reply, Call], None]] = {}

    def incoming(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Translates a client's form into the form that the panel reads."""
        return ids.incoming(form) if "ids_not_numeric" in self else form

    def apply(self, reply: Reply, call: Call) -> None:
        """Changes a reply in place, by each quirk that is on."""
        for change in self._changes.values():
            change(reply, call)

    def _switched(self, name: str, value: Any) -> None:
        match ALL[name]:
            case OfPanel(switch, _):
                switch(self._panel, value)
                return
            case Valued(change, _):
                changes = self._changes | {name: partial(_with_value, change, value)}
            case plain:
                changes = self._changes | {name: plain}
        self._changes = {known: changes[known] for known in ALL if known in changes and known in self}


def _with_value(change: Callable[[Reply, Call, Any], None], value: Any, reply: Reply, call: Call) -> None:
    change(reply, call, value)
