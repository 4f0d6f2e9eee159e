"""`order-sync orders resolve`: an unconfirmed order, settled by a person."""

import asyncio

import click

from worker.cli.draw.orders import evidence_lines
from worker.cli.draw.output import harmless, money, print_lines
from worker.cli.frame.database import on_database
from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import ORDER_ID, words
from worker.cli.orders.history import dossier_of
from worker.cli.orders.operator import ask_first, confirm, must_be_able_to_ask, who, why
from worker.domain.orders.changes import Declined, ResolvedAs, resolved
from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Unknown
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import ItemError, OrderReading
from worker.panel import PanelClient
from worker.settings.model import PanelSettings, Settings, load
from worker.settings.sources import PANELS
from worker.store.queue.operator_actions import OperatorActions
from worker.store.views.order_history import Dossier, Lookup


@click.command(
    epilog=examples(
        "order-sync orders resolve 42 --panel-order-id 23501 --why 'same link'",
        "order-sync orders resolve 42 --not-accepted --why 'support says so'",
        "order-sync orders resolve 42 --reject --why 'refunded'",
    )
)
@click.argument("order_id", type=ORDER_ID, metavar="ID")
@click.option("--panel-order-id", type=words, metavar="N", help="The panel took it under this id.")
@click.option("--not-accepted", is_flag=True, help="The panel didn't take it: it is sent again.")
@click.option("--reject", is_flag=True, help="Give it up, whatever the panel did.")
@why(required=True)
@who
@ask_first
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
    """Settle an unconfirmed order by hand.

    Give one of --panel-order-id, --not-accepted and --reject.
    """
    if (panel_order_id is not None) + not_accepted + reject != 1:
        raise click.UsageError("Give one of --panel-order-id, --not-accepted and --reject.")
    must_be_able_to_ask(yes=yes)
    settings = load(need_panels=False)
    decision = _decision(panel_order_id, not_accepted=not_accepted)
    dossier = dossier_of(settings, order_id)
    proposed = resolved(order_id, dossier.record, decision, who=who, why=why)
    if isinstance(proposed, Declined):
        raise CommandError(f"order {order_id} {harmless(proposed.text)}")
    print_lines(evidence_lines(dossier), settings)
    click.echo()
    if panel_order_id is not None:
        _check_free(settings, dossier, panel_order_id)
        if not no_check:
            print_lines(iter([_check_ours(settings, dossier, panel_order_id)]), settings)
    print_lines(iter([_consequence(order_id, decision)]), settings)
    confirm("Do it?", yes=yes)
    result = on_database(
        settings,
        lambda engine: OperatorActions(engine).resolve(order_id, decision, token=dossier.token, who=who, why=why),
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
