"""`order-sync orders list` and `show`: rows, and all that is on record about one."""

import json
import shutil
from typing import Any

import click

from worker.cli.draw.orders import dossier_lines, list_lines
from worker.cli.draw.output import print_json, print_lines
from worker.cli.frame.database import on_database
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import ORDER_ID, json_option, words
from worker.cli.orders.history import dossier_of
from worker.cli.orders.selection import as_options, filters, selected
from worker.domain.orders.states import OrderState
from worker.settings.model import load
from worker.store.views.order_search import Finder, Search

_LIMIT = 50


@click.command(
    "list",
    epilog=examples(
        "order-sync orders list --state rejected --since 7d",
        "order-sync orders list --link /me --json | jq '.orders[].id'",
    ),
)
@filters(OrderState)
@click.option("--reference", type=words, metavar="TEXT")
@click.option("--limit", type=click.IntRange(1, 10_000), default=_LIMIT, show_default=True)
@click.option("--after", type=ORDER_ID, metavar="ID", help="Only older ones: the next page after one that ended here.")
@json_option("{orders: [...], next_after, looked_back_to}, columns by name.")
def list_orders(*, reference: str | None, limit: int, after: int | None, as_json: bool, **options: Any) -> None:
    """List orders, the newest first.

    What no index knows (panel, service, error code, link, the closed states) is looked for in 100,000 rows at a time.
    Where that wasn't all, it is said how far back it went, and by which command to go on.
    """
    settings = load(need_panels=False)
    search = selected(options, reference=reference, after=after)
    page = on_database(settings, lambda engine: Finder(engine).page(search, limit))
    if as_json:
        shown = {"orders": page.orders, "next_after": page.next_after, "looked_back_to": page.looked_back_to}
        print_json(shown, settings)
    else:
        paging = [*([] if limit == _LIMIT else ["--limit", str(limit)]), "--after", str(page.next_after)]
        next_page = ["order-sync", "orders", "list", *as_options(search), *paging]
        is_all = search == Search()
        print_lines(list_lines(page, shutil.get_terminal_size().columns, next_page, is_all=is_all), settings)


@click.command(epilog=examples("order-sync orders show 42"))
@click.argument("order_id", type=ORDER_ID, metavar="ID")
@json_option("{order, submissions, refills, cancels, events, verdict}, columns by name.")
def show(*, order_id: int, as_json: bool) -> None:
    """Show one order, with its history.

    Of an unconfirmed one, also the evidence, and what would settle it.
    """
    settings = load(need_panels=False)
    dossier = dossier_of(settings, order_id)
    if as_json:
        names = ("order", "submissions", "refills", "cancels", "events", "verdict")
        shown = {name: getattr(dossier, name) for name in names}
        print_json(shown | {"order": {**dossier.order, "params": _read(dossier.order["params"])}}, settings)
    else:
        print_lines(dossier_lines(dossier), settings)


def _read(params: str) -> object:
    """The object that they are; the text of those that Postgres can hold and Python can't."""
    try:
        return json.loads(params)
    except (ValueError, RecursionError):
        return params
