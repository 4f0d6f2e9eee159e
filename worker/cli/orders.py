"""`order-sync orders`: look at rows and their history, put a rejected one back, settle an unconfirmed one by hand."""

import asyncio
import getpass
import json
import os
import shutil
import sys
from datetime import datetime, timedelta

import click

from worker.cli.database import on_database
from worker.cli.errors import FAILED, CommandError, complain
from worker.cli.order_views import dossier_lines, evidence_lines, list_lines
from worker.cli.output import harmless, money, print_json, print_lines
from worker.cli.parameters import ORDER_ID, moment, words
from worker.domain.orders import Change, Declined, ResolvedAs, resolved
from worker.domain.outcome import Answered, NotSent, Refused, Reply, Unknown
from worker.domain.states import OrderState
from worker.domain.status import ItemError, OrderReading
from worker.panel import PanelClient
from worker.settings import PanelSettings, Settings, load
from worker.settings_sources import PANELS
from worker.store.desk import Desk
from worker.store.lookup import Dossier, Lookup, Search


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return f"uid {os.getuid()}"


@click.group()
def orders() -> None:
    """Look at orders, put a rejected one back, settle an unconfirmed one by hand."""


@orders.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice([str(state) for state in OrderState]))
@click.option("--panel", type=words, metavar="NAME")
@click.option("--service", type=words, metavar="ID")
@click.option("--since", type=moment, metavar="WHEN", help="Created since then (UTC), or within: 90s, 15m, 2h, 7d, 1w.")
@click.option("--reference", type=words, metavar="TEXT")
@click.option("--link", type=words, metavar="PART", help="A part of the link; reads row by row, for 30 s at most.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--after", type=ORDER_ID, metavar="ID", help="Only older ones: the next page after one that ended here.")
@click.option("--json", "as_json", is_flag=True, help="For a script: {orders: [...], next_after}, columns by name.")
def list_orders(
    *,
    states: tuple[str, ...],
    panel: str | None,
    service: str | None,
    since: datetime | timedelta | None,
    reference: str | None,
    link: str | None,
    limit: int,
    after: int | None,
    as_json: bool,
) -> None:
    """List orders, the newest first."""
    settings = load(need_panels=False)
    search = Search(tuple(map(OrderState, states)), panel, service, since, reference, link, after)
    page = on_database(settings, lambda engine: Lookup(engine).search(search, limit))
    if as_json:
        print_json({"orders": page.orders, "next_after": page.next_after}, settings)
    else:
        width = shutil.get_terminal_size().columns
        print_lines(list_lines(page, width, _next_page(search, limit, page.next_after)), settings)


def _next_page(search: Search, limit: int, next_after: int | None) -> list[str]:
    options = {
        "--panel": search.panel,
        "--service": search.service,
        "--since": None if search.since is None else _written(search.since),
        "--reference": search.reference,
        "--link": search.link,
        "--limit": str(limit),
        "--after": str(next_after),
    }
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    return ["order-sync", "orders", "list", *(word for state in search.states for word in ("--state", state)), *given]


def _written(since: datetime | timedelta) -> str:
    return since.isoformat() if isinstance(since, datetime) else f"{since.total_seconds():.0f}s"


@orders.command()
@click.argument("order_id", type=ORDER_ID, metavar="ID")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="For a script: {order, submissions, refills, cancels, events, verdict}, columns by name.",
)
def show(*, order_id: int, as_json: bool) -> None:
    """Show one order and its history; of an unconfirmed one, also the evidence and what would settle it."""
    settings = load(need_panels=False)
    dossier = _dossier(settings, order_id)
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


def _dossier(settings: Settings, order_id: int) -> Dossier:
    dossier = on_database(settings, lambda engine: Lookup(engine).order(order_id))
    if dossier is None:
        raise CommandError(f"order {order_id} doesn't exist")
    return dossier


@orders.command()
@click.argument("order_ids", type=ORDER_ID, metavar="ID...", nargs=-1, required=True)
@click.option("--why", type=words, metavar="TEXT", help="Kept in the order's history.")
@click.option("--who", type=words, metavar="NAME", default=_login, help="Kept too; the login name if not given.")
def retry(*, order_ids: tuple[int, ...], why: str | None, who: str) -> int:
    """Put rejected orders back: they are checked and sent again.

    Exit code 1 if one of them can't be; the others are put back all the same.
    """
    settings = load(need_panels=False)
    results = on_database(settings, lambda engine: Desk(engine).retry(order_ids, who=who, why=why))
    for result in results:
        match result:
            case Change(order_id):
                click.echo(f"order {order_id} is pending again")
            case Declined(order_id, text):
                complain(f"order {order_id} {harmless(text)}")
    return FAILED if any(isinstance(result, Declined) for result in results) else 0


@orders.command()
@click.argument("order_id", type=ORDER_ID, metavar="ID")
@click.option("--panel-order-id", type=words, metavar="N", help="The panel took it under this id.")
@click.option("--not-accepted", is_flag=True, help="The panel didn't take it: it is sent again.")
@click.option("--reject", is_flag=True, help="Give it up, whatever the panel did.")
@click.option("--why", type=words, metavar="TEXT", required=True, help="Kept in the order's history.")
@click.option("--who", type=words, metavar="NAME", default=_login, help="Kept too; the login name if not given.")
@click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal to ask on.")
@click.option("--no-check", is_flag=True, help="Don't ask the panel whether the id is an order of this account.")
def resolve(
    *,
    order_id: int,
    panel_order_id: str | None,
    not_accepted: bool,
    reject: bool,
    why: str,
    who: str,
    yes: bool,
    no_check: bool,
) -> None:
    """Settle an unconfirmed order by hand, with one of --panel-order-id, --not-accepted and --reject."""
    if (panel_order_id is not None) + not_accepted + reject != 1:
        raise click.UsageError("Give one of --panel-order-id, --not-accepted and --reject.")
    if not (yes or (sys.stdin and sys.stdin.isatty())):
        raise click.UsageError("There is no terminal to ask for confirmation on: give --yes.")
    settings = load(need_panels=False)
    decision = _decision(panel_order_id, not_accepted=not_accepted)
    dossier = _dossier(settings, order_id)
    proposed = resolved(order_id, dossier.record, decision, who=who, why=why)
    if isinstance(proposed, Declined):
        raise CommandError(f"order {order_id} {harmless(proposed.text)}")
    print_lines(evidence_lines(dossier), settings)
    click.echo()
    if panel_order_id is not None:
        _check_free(settings, dossier, panel_order_id)
        if not no_check:
            click.echo(_check_ours(settings, dossier, panel_order_id))
    click.echo(_consequence(order_id, decision))
    if not (yes or click.confirm("Do it?", err=True)):
        raise CommandError("nothing was changed")
    result = on_database(
        settings, lambda engine: Desk(engine).resolve(order_id, decision, token=dossier.token, who=who, why=why)
    )
    if isinstance(result, Declined):
        raise CommandError(f"nothing was changed: order {order_id} {harmless(result.text)}")
    click.echo(f"order {order_id} is {result.after.state}")


def _decision(panel_order_id: str | None, *, not_accepted: bool) -> ResolvedAs:
    if panel_order_id is not None:
        return ResolvedAs(OrderState.SUBMITTED, panel_order_id)
    return ResolvedAs(OrderState.PENDING if not_accepted else OrderState.REJECTED)


def _consequence(order_id: int, decision: ResolvedAs) -> str:
    match decision.state:
        case OrderState.SUBMITTED:
            return f"Order {order_id} becomes panel order {harmless(decision.panel_order_id or '')}, and is followed."
        case OrderState.PENDING:
            return f"Order {order_id} is sent again. If the panel took it after all, it is paid for twice."
        case _:
            return f"Order {order_id} is given up. If the panel took it after all, it is paid for, and not followed."


def _check_free(settings: Settings, dossier: Dossier, panel_order_id: str) -> None:
    panel, order_id = dossier.order["panel"], dossier.order["id"]
    holder = on_database(settings, lambda engine: Lookup(engine).holder(panel, panel_order_id, order_id=order_id))
    if holder is not None:
        raise CommandError(f"panel order {harmless(panel_order_id)} is order {holder}'s already")


def _check_ours(settings: Settings, dossier: Dossier, panel_order_id: str) -> str:
    """What the panel says of an order of ours. Raises CommandError unless it knows it as one."""
    name, shown = dossier.order["panel"], harmless(panel_order_id)
    if name not in settings.panels:
        raise CommandError(
            f"panel {harmless(name)} isn't configured here, so it can't be asked about its order {shown}: "
            f"set {PANELS}{harmless(name).upper()}__URL and its KEY, or give --no-check"
        )
    match asyncio.run(_ask(settings.panels[name], panel_order_id)):
        case Answered(answer):
            if isinstance(answer, ItemError):
                raise CommandError(
                    f"the panel doesn't know {shown} as an order of this account: {harmless(answer.text)}"
                )
            return f"The panel says of its order {shown}: {harmless(_told(answer))}."
        case Refused(_, text) | NotSent(text) | Unknown(text):
            raise CommandError(
                f"the panel couldn't be asked about its order {shown}: {harmless(text)}; try again, or give --no-check"
            )


def _told(reading: OrderReading) -> str:
    said = {"status": reading.status, "charge": money(reading.charge, reading.currency), "remains": reading.remains}
    return ", ".join(f"{name} {value}" for name, value in said.items() if value not in (None, ""))


async def _ask(panel: PanelSettings, panel_order_id: str) -> Reply[OrderReading | ItemError]:
    async with PanelClient(
        panel.url, panel.key.get_secret_value(), timeout=panel.timeout, user_agent=panel.user_agent
    ) as client:
        return await client.status(panel_order_id)
