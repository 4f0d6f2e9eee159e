"""`order-sync orders`: the commands about orders, in modules of their own."""

import click

from worker.cli.examples import examples
from worker.cli.lazy import LazyGroup

TARGETS = {
    "list": "worker.cli.orders_look:list_orders",
    "show": "worker.cli.orders_look:show",
    "add": "worker.cli.orders_add:add",
    "cancel": "worker.cli.orders_change:cancel",
    "refill": "worker.cli.orders_change:refill",
    "retry": "worker.cli.orders_change:retry",
    "resolve": "worker.cli.orders_resolve:resolve",
}


@click.group(cls=LazyGroup, targets=TARGETS, epilog=examples("order-sync orders list", "order-sync orders show 42"))
def orders() -> None:
    """Look at orders, and change them by hand.

    What is changed by hand is kept in the order's history, with who did it, when and why.
    """
