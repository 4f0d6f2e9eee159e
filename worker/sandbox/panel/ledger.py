"""The ledger: tells a tester what the sandbox really took. Money and ids are text, times are ISO 8601."""

from typing import Any

from worker.sandbox.panel.orders import Order
from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.refills import Refill


def orders(panel: Panel, since_id: int = 0) -> list[dict[str, Any]]:
    """Returns every accepted order with an id above `since_id`, by ascending id.

    The charges of all orders add up to the amount that the account paid. They are net of refunds, and a drip-feed's
    child order counts its share of the parent's charge, which the parent no longer counts.
    """
    panel.book.settle()
    return [_order(panel, order) for number, order in sorted(panel.book.orders.items()) if number > since_id]


def order(panel: Panel, number: str) -> dict[str, Any] | None:
    """Returns one entry of `orders`, or None for an id that isn't an order of this account."""
    panel.book.settle()
    found = panel.book.find(number)
    return _order(panel, found) if found else None


def refills(panel: Panel) -> list[dict[str, Any]]:
    """Returns every refill that the panel accepted."""
    return [_refill(panel, refill) for refill in panel.refills.refills.values()]


def cancels(panel: Panel) -> list[dict[str, Any]]:
    """Returns every order for which the panel accepted a cancel, with the time of the first request."""
    panel.book.settle()
    return [
        {"order": str(order.id), "status": order.status, "requested_at": _date(panel, order.cancel_requested_at)}
        for order in panel.book.orders.values()
        if order.cancel_requested_at is not None
    ]


def balance(panel: Panel) -> dict[str, str]:
    """Returns the account's sums: opening - charges + refunds + top_ups = closing."""
    panel.book.settle()
    account = panel.account
    return {
        "opening": str(account.opening),
        "charges": str(account.charges),
        "refunds": str(account.refunds),
        "top_ups": str(account.top_ups),
        "closing": str(account.balance),
        "currency": panel.currency,
    }


def _order(panel: Panel, order: Order) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "service": order.service,
        "link": order.link,
        "quantity": order.quantity,
        "params": dict(order.params),
        "status": order.status,
        "price": str(order.price),
        "charge": str(order.charge),
        "debited": str(order.debited),
        "refunded": str(order.refunded),
        "currency": panel.currency,
        "remains": order.remains(panel.clock.now()),
        "start_count": order.start_count,
        "accepted_at": _date(panel, order.accepted_at),
        "origin": order.origin,
        "parent": None if order.parent is None else str(order.parent),
        "spawned": [str(number) for number in order.spawning.orders] if order.spawning else [],
        "refills": [str(number) for number in order.refills],
        "cancel_requested_at": _date(panel, order.cancel_requested_at),
    }


def _refill(panel: Panel, refill: Refill) -> dict[str, Any]:
    return {
        "id": str(refill.id),
        "order": str(refill.order),
        "status": refill.status(panel.clock.now()),
        "asked_at": _date(panel, refill.asked_at),
    }


def _date(panel: Panel, at: float | None) -> str | None:
    return None if at is None else panel.clock.date(at).isoformat()
