"""Quirks in the catalogue, and other spellings of its types."""

from collections.abc import Iterator, Mapping
from typing import Any

from worker.sandbox.misbehaviour.quirks.reply import Call, OfPanel, Quirk, Reply
from worker.sandbox.panel.panel import Panel
from worker.sandbox.values import whole

_SPELLINGS: Mapping[str, str] = {
    "Custom Comments": "custom_comments",
    "Comment Replies": "Comment-Replies",
    "Mentions Custom List": "MENTIONS CUSTOM LIST",
    "Mentions User Followers": "Mentions Users Followers",
    "Invites from Groups": "Invites From Groups",
    "Web Traffic": "Website Traffic",
    "SEO": "seo",
}


def _entries(reply: Reply, call: Call) -> Iterator[dict[str, Any]]:
    if call.action == "services" and reply.error is None:
        yield from reply.body


def many_services(panel: Panel, value: int | None) -> None:
    """The catalogue has so many services, of every type, with odd limits (min above max, 0, huge, none) and rates."""
    panel.catalogue.grow(value)


def types_respelled(reply: Reply, call: Call) -> None:
    """The catalogue spells types differently."""
    for entry in _entries(reply, call):
        entry["type"] = _SPELLINGS.get(entry["type"], entry["type"].lower())


def types_absent(reply: Reply, call: Call) -> None:
    """Services have no type."""
    for entry in _entries(reply, call):
        entry.pop("type", None)


def types_unknown(reply: Reply, call: Call) -> None:
    """Services have an unknown type."""
    for entry in _entries(reply, call):
        entry["type"] = "Holograms"


def services_by_id(reply: Reply, call: Call) -> None:
    """The catalogue is an object that has the services under their ids."""
    if call.action == "services" and reply.error is None:
        reply.body = {str(entry["service"]): entry for entry in reply.body}


def services_wrapped(reply: Reply, call: Call) -> None:
    """The catalogue arrives as {"services": [...]}."""
    if call.action == "services" and reply.error is None:
        reply.body = {"services": reply.body}


def services_in_data(reply: Reply, call: Call) -> None:
    """The catalogue arrives as {"data": [...]}."""
    if call.action == "services" and reply.error is None:
        reply.body = {"data": reply.body}


QUIRKS: Mapping[str, Quirk] = {
    "many_services": OfPanel(many_services, whole("COUNT", 6000)),
    "types_respelled": types_respelled,
    "types_absent": types_absent,
    "types_unknown": types_unknown,
    "services_by_id": services_by_id,
    "services_wrapped": services_wrapped,
    "services_in_data": services_in_data,
}
