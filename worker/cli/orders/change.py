"""`order-sync orders retry`, `cancel` and `refill`: of orders that are named, or of all that options find."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import ORDER_ID
from worker.cli.orders.bulk import Bulk, change_found, change_named
from worker.cli.orders.operator import ask_first, who, why
from worker.cli.orders.selection import filters, selected
from worker.domain.orders.changes import Change, Declined
from worker.domain.orders.states import OrderState
from worker.store.queue.operator_actions import OperatorActions
from worker.store.views.order_search import Search

Do = Callable[[OperatorActions, Sequence[int], str, str | None], Awaitable[Sequence[Change | Declined]]]


@dataclass(frozen=True, slots=True)
class _Action:
    """`states` are those in which it can come to something; `question` and `done` are a Bulk's."""

    states: tuple[OrderState, ...]
    question: str
    done: str
    do: Do


_NAMED_OR_FOUND = """Orders that are named are changed at once. Those that options find are counted first, and you are
    asked. Exit code 1 if one had to be left as it was; the others are changed all the same."""


def _command(name: str, action: _Action, text: str, *lines: str) -> click.Command:
    @click.command(name, help=text, epilog=examples(*lines))
    @click.argument("order_ids", type=ORDER_ID, metavar="[ID]...", nargs=-1)
    @filters(action.states)
    @why()
    @who
    @ask_first
    @click.option("--dry-run", is_flag=True, help="Only count those that the options find.")
    def command(
        *, order_ids: tuple[int, ...], why: str | None, who: str, yes: bool, dry_run: bool, **options: Any
    ) -> int:
        search = selected(options)
        if bool(order_ids) == (search != Search()):
            raise click.UsageError("Name orders by their ids, or find them by --state, --error-code, --since ...")
        if order_ids and dry_run:
            raise click.UsageError("--dry-run counts what options find; orders that are named need no counting.")
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

    One that is still pending is canceled here, and never reaches the panel. Of any other the panel is asked, which may
    refuse.

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

    Whether one is due, the panel says.

    {_NAMED_OR_FOUND}
    """,
    "order-sync orders refill 42 --why 'dropped by half'",
    "order-sync orders refill --state completed --service 7 --since 30d --dry-run",
)
