"""`order-sync status`: shows open orders, rates, pauses and balances once."""

import shutil
from collections.abc import Iterator

import click

from worker.cli.draw.output import harmless, print_json, print_lines, span, table
from worker.cli.draw.overview import (
    audited,
    balance,
    error,
    lasts,
    pause,
    rates,
    shared,
    takes,
    waits_for,
    worker_lines,
)
from worker.cli.frame.database import on_database
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import json_option
from worker.settings.model import ReconcileSettings, load
from worker.store.views.overview import Overview, PanelStands, overview
from worker.store.views.recent import Rates

#: Unconfirmed orders and errors that get a line each. `--json` has some more of them.
MOST_SHOWN = 5


@click.command(
    epilog=examples(
        "order-sync status",
        "order-sync status --json | jq '.panels[] | {panel, pending, unconfirmed}'",
    )
)
@json_option(
    "{at, panels: [{panel, configured, pending, oldest_pending_seconds, submitting, unconfirmed, "
    "oldest_unconfirmed_seconds, submitted, status_age_seconds, status_overdue_seconds, services_at, "
    "last_minute: {sent, finished, rejected, unconfirmed}, last_hour: {...}, "
    "balance: {amount, currency, at, hours_left}, audit: {currency, opened_at, closed_at, missing}, "
    "pauses: [{scope, reason, detail, since, until}], shared_since, "
    "batch_limits: [{action, most_ids, found_at}]}], "
    "unconfirmed: [{order_id, panel, since, age_seconds, verdict, doubt, known_from, candidates}], "
    "errors: [{at, order_id, panel, kind, error_code, error}], workers: [{worker_id, name, started_at, lease_until}]}."
)
def status(*, as_json: bool) -> None:
    """Show open orders, rates, pauses and balances.

    It also shows the orders that wait longest, the unconfirmed orders with what they wait for, the last errors, and the
    workers that are alive. It doesn't count closed orders: `orders list --state` shows them. Rates and errors come from
    the newest 10,000 events. `top` shows the same, live.
    """
    settings = load(need_panels=False)
    stands = on_database(settings, lambda engine: overview(engine, settings.panels))
    if as_json:
        print_json(stands, settings)
    else:
        print_lines(overview_lines(stands, settings.reconcile, shutil.get_terminal_size().columns), settings)


def overview_lines(stands: Overview, rules: ReconcileSettings, width: int) -> Iterator[str]:
    if not stands.panels:
        yield "no panel is configured here, and there is no order yet"
    head = ["PANEL", "PENDING", "WAITING", "SENDING", "UNCONFIRMED", "SUBMITTED", "BALANCE"]
    rows = [_row(panel) for panel in stands.panels]
    yield from table(head, rows, width) if rows else ()
    for lines in (_panel_lines(stands), _unconfirmed_lines(stands, rules), _error_lines(stands), worker_lines(stands)):
        if section := list(lines):
            yield ""
            yield from section


def _row(panel: PanelStands) -> list[str]:
    return [
        panel.panel,
        str(panel.pending),
        span(panel.oldest_pending_seconds),
        str(panel.submitting),
        str(panel.unconfirmed),
        str(panel.submitted),
        balance(panel),
    ]


def _panel_lines(stands: Overview) -> Iterator[str]:
    for panel in stands.panels:
        name = harmless(panel.panel)
        if not panel.configured:
            yield f"panel {name} isn't configured here"
        yield from (f"panel {name} is {pause(one, stands.at)}" for one in panel.pauses)
        if panel.shared_since is not None:
            yield f"panel {name}: {shared(panel, stands.at)}"
        yield from (f"panel {name} {takes(one)}" for one in panel.batch_limits)
        if panel.balance is not None and panel.balance.hours_left is not None:
            yield f"panel {name}, balance: lasts {lasts(panel.balance)} at the rate of the last 24 h"
        if panel.audit is not None:
            yield f"panel {name}, {audited(panel.audit, stands.at)}"
        if panel.last_hour != Rates():
            yield f"panel {name}, last minute: {rates(panel.last_minute)}"
            yield f"panel {name}, last hour: {rates(panel.last_hour)}"


def _unconfirmed_lines(stands: Overview, rules: ReconcileSettings) -> Iterator[str]:
    shown = stands.unconfirmed[:MOST_SHOWN]
    for order in shown:
        yield (
            f"order {order.order_id} ({harmless(order.panel)}) is unconfirmed for {span(order.age_seconds)}: "
            f"{waits_for(order, stands.at, rules)}"
        )
    if (more := sum(panel.unconfirmed for panel in stands.panels) - len(shown)) > 0:
        yield f"and {more} more: order-sync orders list --state unconfirmed"
    if shown:
        yield f"the evidence of one: order-sync orders show {shown[0].order_id}"


def _error_lines(stands: Overview) -> Iterator[str]:
    shown = stands.errors[:MOST_SHOWN]
    yield from (error(one, stands.at) for one in shown)
    if shown:
        yield f"the history of one: order-sync orders show {shown[0].order_id}"
