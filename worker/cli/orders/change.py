"""`order-sync orders retry`, `cancel` and `refill`: change orders by id, or all orders that options find."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import ORDER_ID
from worker.cli.frame.questions import ask_first
from worker.cli.orders.bulk import Bulk, change_found, change_named
from worker.cli.orders.operator_options import who, why
from worker.cli.orders.search_options import filters, selected
from worker.domain.orders.changes import Change
from worker.domain.orders.operator_actions import Declined
from worker.domain.orders.states import OrderState
from worker.store.queue.operator_actions import OperatorActions
from worker.store.views.order_search import Search

Do = Callable[[OperatorActions, Sequence[int], str, str | None], Awaitable[Sequence[Change | Declined]]]


@dataclass(frozen=True, slots=True)
class _Action:
    """One of the commands. `states` are the states in which it can succeed; `question` and `done` are as in Bulk."""

    states: tuple[OrderState, ...]
    question: str
    done: str
    do: Do


_NAMED_OR_FOUND = """With ids, it changes the orders at once. With options, it first counts the orders that they find,
    and asks. Exit code 1 if an order couldn't be changed; it changes the others all the same."""


def _command(name: str, action: _Action, text: str, *lines: str) -> click.Command:
    @click.command(name, help=text, epilog=examples(*lines))
    @click.argument("order_ids", type=ORDER_ID, metavar="[ID]...", nargs=-1)
    @filters(action.states)
    @why()
    @who
    @ask_first
    @click.option("--dry-run", is_flag=True, help="Only count the orders that the options find.")
    def command(
        *, order_ids: tuple[int, ...], why: str | None, who: str, yes: bool, dry_run: bool, **options: Any
    ) -> int:
        search = selected(options)
        if bool(order_ids) == (search != Search()):
            raise click.UsageError("Give ids of orders, or find orders by --state, --error-code, --since ...")
        if order_ids and dry_run:
            raise click.UsageError("--dry-run counts the orders that options find; ids need no counting.")
        bulk = Bulk(action.question, action.done, lambda actions, ids: action.do(actions, ids, who, why))
        if order_ids:
            return change_named(order_ids, bulk)
        of_states = selected(options, states=search.states or action.states)
        return change_found(of_states, bulk, dry_run=dry_run, yes=yes)

    return command


retry = _command(
    "retry",
    _Action(
        (OrderState.REJECTED,),
        "Put {} back?",
        "is pending again",
        lambda actions, ids, who, why: actions.retry(ids, who=who, why=why),
    ),
    f"""Put rejected orders back: they are checked and sent again.

    {_NAMED_OR_FOUND}
    """,
    "order-sync orders retry 43 44 --why 'the service is back'",
    "order-sync orders retry --error-code link_refused --since 2d --dry-run",
)

cancel = _command(
    "cancel",
    _Action(
        (OrderState.PENDING, OrderState.SUBMITTING, OrderState.UNCONFIRMED, OrderState.SUBMITTED),
        "Ask for {} to be canceled?",
        "is to be canceled",
        lambda actions, ids, who, why: actions.ask("cancels", ids, who=who, why=why),
    ),
    f"""Ask for orders to be canceled.

    A pending order is canceled at once and never reaches the panel. For any other order, the worker asks the panel,
    which may refuse.

    {_NAMED_OR_FOUND}
    """,
    "order-sync orders cancel 42 --why 'ordered by mistake'",
    "order-sync orders cancel --state pending --panel other --since 1h --dry-run",
)

refill = _command(
    "refill",
    _Action(
        (OrderState.SUBMITTED, OrderState.COMPLETED, OrderState.PARTIAL),
        "Ask for a refill of {}?",
        "is to be refilled",
        lambda actions, ids, who, why: actions.ask("refills", ids, who=who, why=why),
    ),
    f"""Ask for refills of orders.

    The panel decides whether a refill is due.

    {_NAMED_OR_FOUND}
    """,
    "order-sync orders refill 42 --why 'dropped by half'",
    "order-sync orders refill --state completed --service 7 --since 30d --dry-run",
)
