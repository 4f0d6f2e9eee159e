"""`order-sync orders list`: the orders that a search finds, page by page."""

import shutil
from typing import Any

import click

from worker.cli.draw.orders import list_lines
from worker.cli.draw.output import print_json, print_lines
from worker.cli.frame.database import on_database
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import ORDER_ID, json_option, nonblank
from worker.cli.orders.search_options import as_options, filters, selected
from worker.domain.orders.states import OrderState
from worker.settings.model import load
from worker.store.views.order_search import OrderSearch, Search

_LIMIT = 50


@click.command(
    "list",
    epilog=examples(
        "order-sync orders list --state rejected --since 7d",
        "order-sync orders list --link /me --json | jq '.orders[].id'",
    ),
)
@filters(OrderState)
@click.option("--reference", type=nonblank, metavar="TEXT")
@click.option("--limit", type=click.IntRange(1, 10_000), default=_LIMIT, show_default=True)
@click.option("--after", type=ORDER_ID, metavar="ID", help="Only older orders: the page after the one that ended here.")
@json_option("{orders: [...], next_after, looked_back_to}, columns by name.")
def list_orders(*, reference: str | None, limit: int, after: int | None, as_json: bool, **options: Any) -> None:
    """List orders, the newest first.

    Where no index helps (panel, service, error code, link, closed states), it searches 100,000 rows at a time. Then it
    says how far back it searched, and prints the command that goes on.
    """
    settings = load(need_panels=False)
    search = selected(options, reference=reference, after=after)
    page = on_database(settings, lambda engine: OrderSearch(engine).page(search, limit))
    if as_json:
        shown = {"orders": page.orders, "next_after": page.next_after, "looked_back_to": page.looked_back_to}
        print_json(shown, settings)
    else:
        paging = [*([] if limit == _LIMIT else ["--limit", str(limit)]), "--after", str(page.next_after)]
        next_page = ["order-sync", "orders", "list", *as_options(search), *paging]
        is_all = search == Search()
        print_lines(list_lines(page, shutil.get_terminal_size().columns, next_page, is_all=is_all), settings)
