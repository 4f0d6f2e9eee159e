"""`order-sync orders`: the group of commands about orders."""

import click

from worker.cli.frame.examples import examples
from worker.cli.frame.lazy import LazyGroup

TARGETS = {
    "list": ("worker.cli.orders.listing:list_orders", "List orders, the newest first."),
    "show": ("worker.cli.orders.show:show", "Show one order, with its history."),
    "add": ("worker.cli.orders.add:add", "Place one order by hand."),
    "cancel": ("worker.cli.orders.change:cancel", "Ask for orders to be canceled."),
    "refill": ("worker.cli.orders.change:refill", "Ask for refills of orders."),
    "retry": ("worker.cli.orders.change:retry", "Put rejected orders back: they are checked and sent again."),
    "resolve": ("worker.cli.orders.resolve:resolve", "Settle an unconfirmed order by hand."),
    "disown": ("worker.cli.orders.disown:disown", "Say which panel orders are somebody else's."),
}


@click.group(cls=LazyGroup, targets=TARGETS, epilog=examples("order-sync orders list", "order-sync orders show 42"))
def orders() -> None:
    """List orders, show their history, and change them by hand.

    The history of an order keeps each change by hand, with who made it, when and why.
    """
