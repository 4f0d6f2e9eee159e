"""Describes services: what `add` takes for each of the 17 types and what it bills, and how a catalogue changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from worker.domain.words import normalized


class Billing(StrEnum):
    """The number that a panel multiplies the rate by."""

    QUANTITY = "quantity"  #: units, priced per 1,000; times runs when dripped
    LINES = "lines"  #: entries of the type's list, priced per 1,000
    PACKAGE = "package"  #: one package, priced per package
    SPAWNED = "spawned"  #: the sum of its child orders: not known beforehand


@dataclass(frozen=True, slots=True)
class TypeRule:
    """The parameters and the bill of one service type. `required` names parameters in addition to link and quantity."""

    name: str
    billing: Billing = Billing.QUANTITY
    required: tuple[str, ...] = ()
    takes_link: bool = True
    takes_drip_feed: bool = False
    counted_list: str | None = None  #: the list whose entries are billed, where `billing` is LINES

    @property
    def takes_quantity(self) -> bool:
        return self.billing is Billing.QUANTITY


#: Parameters that are lists: one entry a line, no blank lines.
LISTS = frozenset({"comments", "usernames", "hashtags", "groups", "keywords"})

#: Parameters that are one of a few whole numbers, with their lowest and highest.
CHOICES: Mapping[str, tuple[int, int]] = {"device": (1, 5), "type_of_traffic": (1, 3)}

#: What Web Traffic asks for in addition to its required parameters, by `type_of_traffic`.
TRAFFIC_NEEDS: Mapping[str, str] = {"1": "google_keyword", "2": "referring_url"}

TYPES: tuple[TypeRule, ...] = (
    TypeRule("Default", takes_drip_feed=True),
    TypeRule("Package", Billing.PACKAGE),
    TypeRule("Custom Comments", Billing.LINES, ("comments",), counted_list="comments"),
    TypeRule("Custom Comments Package", Billing.PACKAGE, ("comments",)),
    TypeRule("Comment Replies", Billing.LINES, ("username", "comments"), counted_list="comments"),
    TypeRule("Mentions", required=("usernames",)),
    TypeRule("Mentions with Hashtags", required=("usernames", "hashtags")),
    TypeRule("Mentions Custom List", Billing.LINES, ("usernames",), counted_list="usernames"),
    TypeRule("Mentions Hashtag", required=("hashtag",)),
    TypeRule("Mentions User Followers", required=("username",)),
    TypeRule("Mentions Media Likers", required=("media",)),
    TypeRule("Comment Likes", required=("username",)),
    TypeRule("Poll", required=("answer_number",)),
    TypeRule("Invites from Groups", required=("groups",)),
    TypeRule("SEO", required=("keywords",)),
    TypeRule("Web Traffic", required=("country", "device", "type_of_traffic"), takes_drip_feed=True),
    TypeRule("Subscriptions", Billing.SPAWNED, ("username", "min", "max"), takes_link=False),
)

#: Other spellings of types, and the usual ones, normalized.
_SPELLINGS = {
    "mentionsusersfollowers": "mentionsuserfollowers",
    "websitetraffic": "webtraffic",
    "subscription": "subscriptions",
    "commentlike": "commentlikes",
    "commentreply": "commentreplies",
}

_BY_NAME = {normalized(rule.name): rule for rule in TYPES}


def rule_of(type_name: str | None) -> TypeRule | None:
    """Returns the rule of a type, however the panel spells it; None for an unknown type: nobody guesses."""
    if type_name is None:
        return None
    name = normalized(type_name)
    return _BY_NAME.get(_SPELLINGS.get(name, name))


@dataclass(frozen=True, slots=True)
class Untyped:
    """The services for which a panel's catalogue tells no type: the type to take them for, and the setting with it."""

    setting: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of a panel's catalogue. `rate` is the price of 1,000 units in the account's currency.

    A value that the panel left out, or that can't be read, is None. `raw` is the entry as it came.
    """

    service: str
    name: str | None = None
    type: str | None = None
    category: str | None = None
    rate: Decimal | None = None
    min: int | None = None
    max: int | None = None
    refill: bool | None = None
    cancel: bool | None = None
    dripfeed: bool | None = None
    raw: Mapping[str, Any] | None = None


#: The fields whose changes a reseller wants to know (the table service_changes).
WATCHED = ("rate", "min", "max", "name")


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """One change of a service. `kind` is one of WATCHED, or `removed` or `returned`."""

    service: str
    kind: str
    before: str | None = None
    after: str | None = None


def changes_between(known: Mapping[str, tuple[Service, bool]], listed: Iterable[Service]) -> list[ServiceChange]:
    """Returns how a panel's list differs from the services that we know, each with whether it had been removed.

    A service that is listed for the first time is no change.
    """
    changes: list[ServiceChange] = []
    names: set[str] = set()
    for service in listed:
        names.add(service.service)
        if service.service not in known:
            continue
        before, removed = known[service.service]
        if removed:
            changes.append(ServiceChange(service.service, "returned"))
        for kind in WATCHED:
            old, new = getattr(before, kind), getattr(service, kind)
            if old != new:
                changes.append(ServiceChange(service.service, kind, _text(old), _text(new)))
    changes += [
        ServiceChange(name, "removed") for name, (_, removed) in known.items() if not removed and name not in names
    ]
    return changes


def _text(value: Decimal | int | str | None) -> str | None:
    match value:
        case None:
            return None
        case Decimal():
            return f"{value:f}"  # without an exponent
        case _:
            return str(value)


def is_plausible(known: int, listed: int) -> bool:
    """Says whether to believe a list of `listed` services from a panel of which we know `known`.

    An empty or much shorter list is a fault of the panel. To believe it would reject a shop's whole queue.
    """
    return listed > 0 and listed * 2 >= known
