"""`order-sync orders add`: places one order by hand."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.cli.draw.output import harmless, money, print_json, print_lines
from worker.cli.frame.database import on_database
from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import json_option, nonblank, when
from worker.cli.frame.questions import ask_first, confirm, must_be_able_to_ask
from worker.cli.orders.operator_options import who, why
from worker.domain.orders.add_request import AddRequest, Refusal, check
from worker.domain.orders.services import Service
from worker.settings.model import Settings, load
from worker.store.queue.operator_actions import NewOrder, OperatorActions
from worker.store.records.catalogue import Catalogue

_COUNT = click.IntRange(1, 2**31 - 1)


def _amount(given: str) -> Decimal:
    try:
        amount = Decimal(given)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise click.BadParameter(f"{given!r} is no amount like 2.50")
    return amount


def _date(given: str) -> datetime:
    at = when(given)
    if isinstance(at, timedelta):
        raise click.BadParameter(f"{given!r} isn't like 2026-11-01 or 2026-11-01T12:30")
    return at


def _parameter(given: str) -> tuple[str, str]:
    name, equals, value = nonblank(given).partition("=")
    if not (name.strip() and equals):
        raise click.BadParameter(f"{given!r} isn't like comments=Lovely!")
    return name.strip(), value


@click.command(
    epilog=examples(
        "order-sync orders add --service 1 --link URL --quantity 1000 --reference R1",
        "order-sync orders add --service 6 --link URL --param comments=Lovely!",
    )
)
@click.option("--panel", type=nonblank, metavar="NAME", default="default", show_default=True)
@click.option("--service", type=nonblank, metavar="ID", required=True)
@click.option("--link", type=nonblank, metavar="URL")
@click.option("--quantity", type=click.IntRange(1, 2**63 - 1))
@click.option("--runs", type=_COUNT, help="Drip-feed: number of runs, each of the quantity.")
@click.option("--interval-minutes", type=_COUNT, help="Drip-feed: minutes between two runs.")
@click.option(
    "--param",
    "params",
    type=_parameter,
    multiple=True,
    metavar="NAME=VALUE",
    help="Another parameter of the service's type; repeat a name to make a list.",
)
@click.option("--reference", type=nonblank, metavar="TEXT", help="Your own key: it can't be used for a second order.")
@click.option("--priority", type=click.IntRange(-(2**15), 2**15 - 1), default=0, show_default=True)
@click.option("--not-before", type=_date, metavar="WHEN", help="Don't send it earlier (UTC).")
@click.option("--max-charge", type=_amount, metavar="AMOUNT", help="Don't send it if it would cost more.")
@why()
@who
@ask_first
@json_option("{order_id, expected_charge}.")
def add(
    *, params: Sequence[tuple[str, str]], who: str, why: str | None, yes: bool, as_json: bool, **columns: Any
) -> None:
    """Place one order by hand.

    It checks the order against the panel's catalogue, as the worker does, before it inserts it.
    """
    if (columns["runs"] is None) != (columns["interval_minutes"] is None):
        raise click.UsageError("Give both of --runs and --interval-minutes, or neither.")
    must_be_able_to_ask(yes=yes)
    settings = load(need_panels=False)
    order = NewOrder(**columns, params=_gathered(params))
    service, request = on_database(settings, lambda engine: _checked(engine, order, settings))
    if not as_json:
        print_lines(_proposal(order, service, request, settings), settings)
    confirm("Place it?", yes=yes)
    order_id = on_database(settings, lambda engine: OperatorActions(engine).add(order, who=who, why=why))
    if order_id is None:
        raise CommandError(
            f"there is an order with the reference {harmless(order.reference or '')} already: "
            f"order-sync orders list --reference {harmless(order.reference or '')}"
        )
    if as_json:
        print_json({"order_id": order_id, "expected_charge": request.expected_charge}, settings)
    else:
        click.echo(f"order {order_id} is pending; follow it with: order-sync orders show {order_id}")


def _gathered(params: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Returns the parameters by name. A repeated name has a list of values."""
    values: dict[str, list[str]] = {}
    for name, value in params:
        values.setdefault(name, []).append(value)
    return {name: given[0] if len(given) == 1 else given for name, given in values.items()}


async def _checked(engine: AsyncEngine, order: NewOrder, settings: Settings) -> tuple[Service, AddRequest]:
    """Checks the order. Raises CommandError if the worker would reject it."""
    catalogue = Catalogue(engine, order.panel)
    service, removed = await catalogue.entry(order.service) or (None, False)
    if service is None and not await catalogue.is_known():
        raise CommandError(
            f"no worker has read the catalogue of panel {harmless(order.panel)} yet, so the order can't be checked: "
            "start a worker that has this panel, and wait until it has read the services"
        )
    match check(order.request, service, removed=removed, untyped=settings.untyped(order.panel)):
        case AddRequest() as request if service is not None:
            return service, request
        case Refusal(code, text):
            raise CommandError(f"nothing was placed: {code}: {harmless(text)}")
        case other:
            raise AssertionError(other)


def _proposal(order: NewOrder, service: Service, request: AddRequest, settings: Settings) -> Iterator[str]:
    yield f"{harmless(service.name or '')} ({harmless(service.type or '')}), panel {harmless(order.panel)}"
    fields: Mapping[str, object] = {
        **request.parameters,
        "expected charge": money(request.expected_charge) or "not known beforehand",
        "max charge": money(order.max_charge),
        "reference": order.reference or "none: nothing prevents a second order like this",
        "priority": order.priority or "",
        "not before": order.not_before or "",
    }
    yield from (f"  {name:16}  {harmless(str(value))}" for name, value in fields.items() if value != "")
    if settings.panels and order.panel not in settings.panels:
        yield f"Panel {harmless(order.panel)} isn't configured here: the order waits for a worker that has it."
