"""`order-sync balance`: shows each panel's balance over time, the spending, and how long the money will last."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.cli.draw.output import harmless, money, print_csv, print_json, print_lines, table, timestamp
from worker.cli.draw.plot import can_plot, plot
from worker.cli.frame.database import on_database
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import json_option, nonblank
from worker.domain.money.spending import hours_left
from worker.settings.model import load
from worker.store.views.spending import Course, Day, PanelSpending, ServiceSpending, course, recent_spending

#: Services shown, those with the highest spending first; --json has all.
_MOST_SERVICES = 10

_PLOT_HEIGHT = 6

#: Columns of the plot, at most, and columns for its labels.
_PLOT_WIDTH, _LABELS = 96, 14

_COLUMNS = ("panel", "currency", "day", "lowest", "closing", "orders", "spent")


@dataclass(frozen=True, slots=True)
class _Panel:
    stands: PanelSpending
    course: Course


@click.command(epilog=examples("order-sync balance --panel default --days 30"))
@click.option("--panel", type=nonblank, metavar="NAME", help="Only this panel.")
@click.option("--days", type=click.IntRange(1, 366), default=7, show_default=True, help="Today and the days before it.")
@json_option(
    "{panels: [{panel, currency, balance, at, spent_24h, hours_left, days: [{day, orders, spent, "
    "lowest, closing}], services: [{service, name, orders, spent}]}]}."
)
@click.option("--csv", "as_csv", is_flag=True, help="For a spreadsheet: a row for each panel and day.")
def balance(*, panel: str | None, days: int, as_json: bool, as_csv: bool) -> None:
    """Show each panel's balance, and how long it will last.

    It shows the balance over time, and the spending by day and by service.

    Days are UTC. The spending of a day is the present cost of the orders sent on that day. Drip-feeds count with their
    expected charge; the child orders of subscriptions aren't known.
    """
    if as_json and as_csv:
        raise click.UsageError("Give one of --json and --csv.")
    settings = load(need_panels=False)
    width = shutil.get_terminal_size().columns
    parts = min(width - _LABELS, _PLOT_WIDTH)
    panels = on_database(settings, lambda engine: _panels(engine, panel, days, parts))
    if as_json:
        print_json({"panels": [_stated(one) for one in panels]}, settings)
    elif as_csv:
        print_csv(list(_rows(panels)), _COLUMNS, settings)
    else:
        drawn = sys.stdout.isatty() and can_plot(sys.stdout.encoding)
        print_lines(_lines(panels, panel, width, drawn=drawn), settings)


async def _panels(engine: AsyncEngine, panel: str | None, days: int, parts: int) -> list[_Panel]:
    read = [one for one in await recent_spending(engine) if panel in (None, one.panel)]
    return [_Panel(one, await course(engine, one, days=days, parts=parts)) for one in read]


def _stated(panel: _Panel) -> dict[str, object]:
    stands = panel.stands
    return {
        "panel": stands.panel,
        "currency": stands.currency,
        "balance": stands.spending.balance,
        "at": stands.at,
        "spent_24h": stands.spending.spent,
        "hours_left": hours_left(stands.spending),
        "days": panel.course.days,
        "services": panel.course.services,
    }


def _rows(panels: Sequence[_Panel]) -> Iterator[dict[str, object]]:
    for panel in panels:
        for day in panel.course.days:
            yield {"panel": panel.stands.panel, "currency": panel.stands.currency} | {
                name: getattr(day, name) for name in _COLUMNS[2:]
            }


def _lines(panels: Sequence[_Panel], asked: str | None, width: int, *, drawn: bool) -> Iterator[str]:
    if not panels:
        which = "" if asked is None else f" of panel {harmless(asked)}"
        yield f"No worker has read a balance{which} yet: start `order-sync run`; `order-sync check` says what is wrong."
    for number, panel in enumerate(panels):
        if number:
            yield ""
        yield from _panel_lines(panel, width, drawn=drawn)


def _panel_lines(panel: _Panel, width: int, *, drawn: bool) -> Iterator[str]:
    stands, found = panel.stands, panel.course
    shown = money(stands.spending.balance, stands.currency)
    yield f"panel {harmless(stands.panel)}: {shown}, read at {timestamp(stands.at)} UTC"
    yield _forecast(stands)
    if drawn:
        yield ""
        yield from plot(found.curve, _PLOT_HEIGHT)
    yield ""
    yield from table(["DAY", "ORDERS", "SPENT", "LOWEST", "CLOSING"], [_day(day) for day in found.days], width)
    if found.services:
        yield ""
        shown_services = [_service(one) for one in found.services[:_MOST_SERVICES]]
        yield from table(["SERVICE", "ORDERS", "SPENT", "NAME"], shown_services, width)
        if (more := len(found.services) - _MOST_SERVICES) > 0:
            yield f"and {more} more services: --json has them all"


def _forecast(stands: PanelSpending) -> str:
    spent = money(stands.spending.spent, stands.currency)
    left = hours_left(stands.spending)
    if left is None:
        return f"{spent} spent within 24 h: too little to say how long it lasts"
    return f"{spent} spent within 24 h: at that rate it lasts {left:.0f} h"


def _day(day: Day) -> list[str]:
    return [day.day.isoformat(), str(day.orders), money(day.spent), money(day.lowest), money(day.closing)]


def _service(one: ServiceSpending) -> list[str]:
    return [one.service, str(one.orders), money(one.spent), one.name or ""]
