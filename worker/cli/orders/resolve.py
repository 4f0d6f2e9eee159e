"""`order-sync orders resolve`: settles an unconfirmed order by hand."""

import asyncio

import click

from worker.cli.draw.evidence import evidence_lines
from worker.cli.draw.output import harmless, money, print_lines
from worker.cli.frame.database import on_database
from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import ORDER_ID, nonblank
from worker.cli.frame.questions import ask_first, confirm, must_be_able_to_ask
from worker.cli.orders.operator_options import who, why
from worker.cli.orders.show import history_of
from worker.domain.evidence.verdicts import Doubt
from worker.domain.orders.operator_actions import Declined, ResolvedAs, resolved
from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Unknown
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.panel import PanelClient
from worker.settings.model import PanelSettings, Settings, load
from worker.settings.sources import PANELS
from worker.store.queue.operator_actions import OperatorActions
from worker.store.views.order_history import OrderHistories, OrderHistory


@click.command(
    epilog=examples(
        "order-sync orders resolve 42 --panel-order-id 23501 --why 'same link'",
        "order-sync orders resolve 42 --not-accepted --why 'support says so'",
        "order-sync orders resolve 42 --reject --why 'refunded'",
    )
)
@click.argument("order_id", type=ORDER_ID, metavar="ID")
@click.option("--panel-order-id", type=nonblank, metavar="N", help="The panel took it, under this id.")
@click.option("--not-accepted", is_flag=True, help="The panel didn't take it: the worker sends it again.")
@click.option("--reject", is_flag=True, help="Give it up, whether or not the panel took it.")
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
    history = history_of(settings, order_id)
    proposed = resolved(order_id, history.record, decision, who=who, why=why)
    if isinstance(proposed, Declined):
        raise CommandError(f"order {order_id} {harmless(proposed.text)}")
    print_lines(evidence_lines(history), settings)
    click.echo()
    if panel_order_id is not None:
        _check_free(settings, history, panel_order_id)
        if not no_check:
            print_lines(iter([_ask_panel(settings, history, panel_order_id)]), settings)
    print_lines(iter([_consequence(history, decision)]), settings)
    confirm("Do it?", yes=yes)
    result = on_database(
        settings,
        lambda engine: OperatorActions(engine).resolve(order_id, decision, token=history.token, who=who, why=why),
    )
    if isinstance(result, Declined):
        raise CommandError(f"nothing was changed: order {order_id} {harmless(result.text)}")
    click.echo(f"order {order_id} is {result.after.state}")


def _decision(panel_order_id: str | None, *, not_accepted: bool) -> ResolvedAs:
    if panel_order_id is not None:
        return ResolvedAs(OrderState.SUBMITTED, panel_order_id)
    return ResolvedAs(OrderState.PENDING if not_accepted else OrderState.REJECTED)


def _consequence(history: OrderHistory, decision: ResolvedAs) -> str:
    order_id = history.order["id"]
    match decision.state:
        case OrderState.SUBMITTED:
            return f"The worker follows order {order_id} as panel order {harmless(decision.panel_order_id or '')}."
        case OrderState.PENDING if (history.verdict or {}).get("doubt") == Doubt.BOUGHT:
            return f"The worker sends order {order_id} again. By the evidence the panel took it: you pay twice."
        case OrderState.PENDING:
            return f"The worker sends order {order_id} again. If the panel took it after all, you pay twice."
        case _:
            return f"Order {order_id} is given up. If the panel took it after all, you pay, and nobody follows it."


def _check_free(settings: Settings, history: OrderHistory, panel_order_id: str) -> None:
    panel, order_id = history.order["panel"], history.order["id"]
    holder = on_database(
        settings, lambda engine: OrderHistories(engine).holder(panel, panel_order_id, order_id=order_id)
    )
    if holder is not None:
        raise CommandError(f"panel order {harmless(panel_order_id)} already belongs to order {holder}")


def _ask_panel(settings: Settings, history: OrderHistory, panel_order_id: str) -> str:
    """Asks the panel, and returns its answer as a line. Raises CommandError unless the account has this order."""
    name, shown = history.order["panel"], harmless(panel_order_id)
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
            return f"The panel says of its order {shown}: {harmless(_described(answer))}."
        case Refused(_, text) | NotSent(text) | Unknown(text):
            raise CommandError(
                f"the panel couldn't be asked about its order {shown}: {harmless(text)}; try again, or give --no-check"
            )


def _described(reading: OrderReport) -> str:
    said = {"status": reading.status, "charge": money(reading.charge, reading.currency), "remains": reading.remains}
    return ", ".join(f"{name} {value}" for name, value in said.items() if value not in (None, ""))


async def _ask(panel: PanelSettings, panel_order_id: str) -> Reply[OrderReport | ItemError]:
    async with PanelClient(
        panel.url, panel.key.get_secret_value(), timeout=panel.timeout, user_agent=panel.user_agent
    ) as client:
        return await client.status(panel_order_id)
