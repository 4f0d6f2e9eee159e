"""Quirks in whose orders there are on the account, and in when `status` shows them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from worker.domain.words import whole_number
from worker.sandbox.misbehaviour.quirks.reply import Call, Quirk, Reply, Valued, order_statuses, put_item, statuses
from worker.sandbox.panel.orders import COMPLETED, Origin
from worker.sandbox.panel.panel import INCORRECT_ORDER
from worker.sandbox.panel.validate import RefusedError, Wanted
from worker.sandbox.values import seconds, share, span


def _chosen(reply: Reply, call: Call, value: float, about: str) -> Wanted | None:
    """Returns what the client ordered if the panel took it and chance chooses it, for this share of orders."""
    if call.action != "add" or reply.error is not None:
        return None
    return call.request.wanted if call.panel.chance.share(about, reply.body["order"]) < value else None


def bought_twice(reply: Reply, call: Call, value: float) -> None:
    """A share of adds buys two orders. The reply has the id of the first."""
    if wanted := _chosen(reply, call, value, "twice"):
        with suppress(RefusedError):
            call.panel.book.accept(wanted, Origin.TWICE)


def orders_by_hand(reply: Reply, call: Call, value: float) -> None:
    """After a share of adds, somebody orders the same service by hand, at once, with another link and quantity."""
    wanted = _chosen(reply, call, value, "by hand")
    if wanted is None:
        return
    billed = wanted.billed
    if wanted.rule.takes_quantity:
        low, high = wanted.service.min or 1, wanted.service.max or wanted.billed
        most = max(low, min(high, 2 * wanted.billed))
        billed = call.panel.chance.whole(low, most, "by hand of", reply.body["order"])
    link = wanted.link and f"{wanted.link}#by-hand"
    with suppress(RefusedError):
        call.panel.book.accept(replace(wanted, link=link, billed=billed), Origin.HAND)


def unknown_at_first(reply: Reply, call: Call, value: tuple[float, float]) -> None:
    """For so long after `add`, the status of an order is "Incorrect order ID". 0-180: each order has its own time."""
    low, high = value
    now = call.panel.clock.now()
    for order, _ in list(order_statuses(reply, call)):
        hidden = low + (high - low) * call.panel.chance.share("hidden", order.id)
        if now - order.accepted_at < hidden:
            put_item(reply, call, str(order.id), {"error": INCORRECT_ORDER})


def children_listed_late(reply: Reply, call: Call, value: float) -> None:
    """A drip-feed or subscription lists a child order only so long after it was placed."""
    orders, now = call.panel.book.orders, call.panel.clock.now()
    for _, item in order_statuses(reply, call):
        if "orders" in item:
            item["orders"] = [child for child in item["orders"] if now - orders[int(child)].accepted_at >= value]


def strangers_answered(reply: Reply, call: Call) -> None:
    """The status of another customer's order is shown as if it were yours."""
    if call.action != "status":
        return
    book = call.panel.book
    own = {number for number, _ in statuses(reply, call)}
    for number in set(call.request.ids) - own:
        given = whole_number(number)
        if given is not None and book.numbering.first <= given <= book.numbering.given_out() and not book.find(number):
            put_item(reply, call, number, _made_up(call, given))


def _made_up(call: Call, number: int) -> dict[str, Any]:
    return {
        "charge": f"{call.panel.chance.whole(1, 999_999, 'stranger', number) / 100_000:.5f}",
        "start_count": "0",
        "status": COMPLETED,
        "remains": "0",
        "currency": call.panel.currency,
    }


QUIRKS: Mapping[str, Quirk] = {
    "bought_twice": Valued(bought_twice, share("1")),
    "orders_by_hand": Valued(orders_by_hand, share("0.05")),
    "strangers_answered": strangers_answered,
    "children_listed_late": Valued(children_listed_late, seconds("20")),
    "unknown_at_first": Valued(unknown_at_first, span("180")),
}
