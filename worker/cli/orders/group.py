"""`order-sync orders`: the commands about orders, in modules of their own."""

import click

from worker.cli.frame.examples import examples
from worker.cli.frame.lazy import LazyGroup

TARGETS = {
    "list": ("worker.cli.orders.read:list_orders", "List orders, the newest first."),
    "show": ("worker.cli.orders.read:show", "Show one order, with its history."),
    "add": ("worker.cli.orders.add:add", "Place one order by hand."),
    "cancel": ("worker.cli.orders.change:cancel", "Ask for orders to be canceled."),
    "refill": ("worker.cli.orders.change:refill", "Ask for refills of orders."),
    "retry": ("worker.cli.orders.change:retry", "Put rejected orders back: they are checked and sent again."),
    "resolve": ("worker.cli.orders.resolve:resolve", "Settle an unconfirmed order by hand."),
}


@click.group(cls=LazyGroup, targets=TARGETS, epilog=examples("order-sync orders list", "order-sync orders show 42"))
def orders() -> None:
    """Look at orders, and change them by hand.

    What is changed by hand is kept in the order's history, with who did it, when and why.
    """
