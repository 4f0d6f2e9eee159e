"""`order-sync services`: searches the panels' catalogues, their changes, and services that became dearer."""

import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.cli.draw.output import money, print_csv, print_json, print_lines, span, table
from worker.cli.frame.database import on_database
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import SINCE, json_option, nonblank, when
from worker.settings.model import load
from worker.store.views.catalogue_search import CatalogueSearch, Found, ServiceSearch
from worker.store.views.order_search import Columns

_WEEK = timedelta(days=7)

Find = Callable[[CatalogueSearch], Awaitable[Found]]


@dataclass(frozen=True, slots=True)
class _View:
    """How to show the rows that were found: `columns` for a spreadsheet, `head` and `cells` for people."""

    columns: Sequence[str]
    head: Sequence[str]
    cells: Callable[[Columns, datetime], list[str]]
    nothing: str


@click.command(epilog=examples("order-sync services instagram likes --dearer --changed-since 30d"))
@click.argument("search", type=nonblank, nargs=-1, metavar="[WORD]...")
@click.option("--panel", type=nonblank, metavar="NAME")
@click.option(
    "--type", "type_name", type=nonblank, metavar="TYPE", help="Default, Custom Comments, ..., in any spelling."
)
@click.option("--changed-since", type=when, metavar="WHEN", help=f"Show changes. {SINCE}")
@click.option("--dearer", is_flag=True, help="Show services whose rate rose since then; by default, within 7 days.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True)
@json_option("{found: [...], total}, columns by name.")
@click.option("--csv", "as_csv", is_flag=True, help="For a spreadsheet: the same columns.")
def services(
    *,
    search: tuple[str, ...],
    panel: str | None,
    type_name: str | None,
    changed_since: datetime | timedelta | None,
    dearer: bool,
    limit: int,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Search the panels' catalogues, and show what changed.

    It finds the services that have each WORD in their name, category or id.

    With --changed-since, it shows changes: rate, minimum, maximum, name, removals and returns. With --dearer, it shows
    services whose rate rose. Both count the open orders of each service, and its orders of the last 7 days.
    """
    if as_json and as_csv:
        raise click.UsageError("Give one of --json and --csv.")
    settings = load(need_panels=False)
    wanted = ServiceSearch(search, panel, type_name)
    find, view = _asked_for(wanted, changed_since, dearer=dearer, limit=limit)

    async def ask(engine: AsyncEngine) -> Found:
        return await find(CatalogueSearch(engine))

    found = on_database(settings, ask)
    if as_json:
        print_json({"found": found.rows, "total": found.total}, settings)
    elif as_csv:
        print_csv(found.rows, view.columns, settings)
    else:
        print_lines(_lines(found, view, shutil.get_terminal_size().columns), settings)


def _asked_for(
    wanted: ServiceSearch, since: datetime | timedelta | None, *, dearer: bool, limit: int
) -> tuple[Find, _View]:
    if dearer:
        return lambda search: search.dearer(wanted, since or _WEEK, limit), _DEARER
    if since is not None:
        return lambda search: search.changed(wanted, since, limit), _CHANGE
    return lambda search: search.listed(wanted, limit), _LISTED


def _lines(found: Found, view: _View, width: int) -> Iterator[str]:
    if not found.rows:
        yield view.nothing
        return
    several = len({row["panel"] for row in found.rows}) > 1
    rows = [[*([row["panel"]] if several else []), *view.cells(row, found.at)] for row in found.rows]
    yield from table([*(["PANEL"] if several else []), *view.head], rows, width)
    if found.total > len(found.rows):
        yield ""
        yield f"These are {len(found.rows)} of {found.total}: narrow them down, or show all with --limit {found.total}"


def _listed(row: Columns, _at: datetime) -> list[str]:
    numbers = [_text(row["min"]), _text(row["max"])]
    return [row["service"], money(row["rate"]), *numbers, _text(row["type"]), _text(row["name"])]


def _change(row: Columns, at: datetime) -> list[str]:
    touched = [str(row["open_orders"]), str(row["recent_orders"])]
    values = [_text(row["before"]), _text(row["after"])]
    return [row["service"], _ago(row, at), row["kind"], *values, *touched, _text(row["name"])]


def _dearer(row: Columns, at: datetime) -> list[str]:
    touched = [str(row["open_orders"]), str(row["recent_orders"])]
    rates = [money(row["before"]), money(row["after"]), _rise(row["before"], row["after"])]
    return [row["service"], _ago(row, at), *rates, *touched, _text(row["name"])]


def _rise(before: Decimal, after: Decimal) -> str:
    return f"+{(after - before) / before:.1%}" if before else "from 0"


def _ago(row: Columns, at: datetime) -> str:
    return span((at - row["at"]).total_seconds())


def _text(value: object) -> str:
    return "" if value is None else str(value)


_NO_CHANGE = "No change fits. Go farther back, with --changed-since 30d."

_LISTED = _View(
    ("panel", "service", "name", "type", "category", "rate", "min", "max", "refill", "cancel", "dripfeed"),
    ("SERVICE", "RATE", "MIN", "MAX", "TYPE", "NAME"),
    _listed,
    "No such services. Try fewer words; `order-sync check` says whether the panel can be reached.",
)
_CHANGE = _View(
    ("panel", "service", "name", "at", "kind", "before", "after", "open_orders", "recent_orders"),
    ("SERVICE", "AGO", "WHAT", "BEFORE", "AFTER", "OPEN", "RECENT", "NAME"),
    _change,
    _NO_CHANGE,
)
_DEARER = _View(
    ("panel", "service", "name", "at", "before", "after", "open_orders", "recent_orders"),
    ("SERVICE", "AGO", "BEFORE", "NOW", "RISE", "OPEN", "RECENT", "NAME"),
    _dearer,
    _NO_CHANGE,
)
