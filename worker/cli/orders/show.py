"""`order-sync orders show`: one order with its whole history."""

import json

import click

from worker.cli.draw.orders import order_lines
from worker.cli.draw.output import print_json, print_lines
from worker.cli.frame.database import on_database
from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import ORDER_ID, json_option
from worker.settings.model import Settings, load
from worker.store.views.order_history import OrderHistories, OrderHistory

_SHOWN = (
    "order",
    "submissions",
    "refills",
    "cancels",
    "events",
    "verdict",
    "progress",
    "examined_at",
    "shared_since",
)


@click.command(epilog=examples("order-sync orders show 42"))
@click.argument("order_id", type=ORDER_ID, metavar="ID")
@json_option(f"{{{', '.join(_SHOWN)}}}, columns by name.")
def show(*, order_id: int, as_json: bool) -> None:
    """Show one order, with its history.

    For an unconfirmed order, also show the evidence and the commands that would settle it.
    """
    settings = load(need_panels=False)
    history = history_of(settings, order_id)
    if as_json:
        shown = {name: getattr(history, name) for name in _SHOWN}
        print_json(shown | {"order": {**history.order, "params": _parsed(history.order["params"])}}, settings)
    else:
        print_lines(order_lines(history), settings)


def history_of(settings: Settings, order_id: int) -> OrderHistory:
    """Reads the history of an order. Raises CommandError if the order doesn't exist."""
    history = on_database(settings, lambda engine: OrderHistories(engine).of(order_id))
    if history is None:
        raise CommandError(f"order {order_id} doesn't exist: `order-sync orders list` shows the orders")
    return history


def _parsed(params: str) -> object:
    """Returns the object in this JSON, or the text itself if Postgres can hold it and Python can't."""
    try:
        return json.loads(params)
    except (ValueError, RecursionError):
        return params
