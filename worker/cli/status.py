"""`order-sync status`: how things stand, once."""

import shutil
from collections.abc import Iterator

import click

from worker.cli.database import on_database
from worker.cli.output import harmless, moment, money, print_json, print_lines, span, table
from worker.settings import load
from worker.store.overview import MOST_UNCONFIRMED, Overview, PanelStands, overview


@click.command()
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="For a script: {at, panels: [{panel, configured, pending, oldest_pending_seconds, submitting, unconfirmed, "
    "oldest_unconfirmed_seconds, submitted, status_age_seconds, status_overdue_seconds, services_at, balance: {amount, "
    "currency, at}, pauses: [{scope, reason, detail, since, until}]}], unconfirmed: [{order_id, panel, since, "
    "age_seconds, doubt}], workers: [{worker_id, name, started_at, lease_until}]}.",
)
def status(*, as_json: bool) -> None:
    """Open orders by panel and state, what waits longest, unconfirmed ones, pauses, balances, workers.

    Closed orders aren't counted, however many there are. `orders list --state` shows them.
    """
    settings = load(need_panels=False)
    stands = on_database(settings, lambda engine: overview(engine, settings.panels))
    if as_json:
        print_json(stands, settings)
    else:
        print_lines(overview_lines(stands, shutil.get_terminal_size().columns), settings)


def overview_lines(stands: Overview, width: int) -> Iterator[str]:
    head = ["PANEL", "PENDING", "WAITING", "SENDING", "UNCONFIRMED", "SUBMITTED", "BALANCE"]
    yield from table(head, [_row(panel) for panel in stands.panels], width)
    notes = [*_panel_notes(stands), *_unconfirmed(stands), *_workers(stands)]
    yield ""
    yield from notes


def _row(panel: PanelStands) -> list[str]:
    return [
        panel.panel,
        str(panel.pending),
        span(panel.oldest_pending_seconds),
        str(panel.submitting),
        str(panel.unconfirmed),
        str(panel.submitted),
        money(panel.balance.amount, panel.balance.currency) if panel.balance else "not known",
    ]


def _panel_notes(stands: Overview) -> Iterator[str]:
    for panel in stands.panels:
        name = harmless(panel.panel)
        if not panel.configured:
            yield f"panel {name} isn't configured here"
        for pause in panel.pauses:
            what = "orders only" if pause.scope == "add" else "all calls"
            lasted = span((stands.at - pause.since).total_seconds())
            yield (
                f"panel {name} is paused ({what}) since {moment(pause.since)} UTC, {lasted} ago: "
                f"{harmless(': '.join(word for word in (pause.reason, pause.detail) if word))}"
            )


def _unconfirmed(stands: Overview) -> Iterator[str]:
    for order in stands.unconfirmed:
        doubt = f": {harmless(order.doubt)}" if order.doubt else ""
        yield f"order {order.order_id} ({harmless(order.panel)}) is unconfirmed for {span(order.age_seconds)}{doubt}"
    more = sum(panel.unconfirmed for panel in stands.panels) - len(stands.unconfirmed)
    if len(stands.unconfirmed) == MOST_UNCONFIRMED and more > 0:
        yield f"and {more} more: order-sync orders list --state unconfirmed"


def _workers(stands: Overview) -> Iterator[str]:
    if not stands.workers:
        yield "no worker is alive"
    for worker in stands.workers:
        lived = span((stands.at - worker.started_at).total_seconds())
        yield f"worker {harmless(worker.name)} is alive, since {lived}"
