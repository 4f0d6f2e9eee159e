"""`order-sync accept-account`: tells the workers that a panel's changed settings lead to the same account as before."""

from collections.abc import Iterator

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.cli.draw.output import harmless, print_lines
from worker.cli.frame.database import on_database
from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import nonblank
from worker.cli.frame.questions import ask_first, confirm, must_be_able_to_ask
from worker.domain.accounts import Account, Changed, Known, New, Noted
from worker.domain.orders.trouble import PauseReason, PauseScope
from worker.settings.model import load
from worker.settings.sources import PANELS
from worker.store.shared.accounts import Accounts, FoundOut
from worker.store.shared.pauses import Pauses


@click.command(epilog=examples("order-sync accept-account default"))
@click.argument("panel", type=nonblank, metavar="PANEL")
@ask_first
def accept_account(*, panel: str, yes: bool) -> None:
    """Say that a panel's new address or key leads to the same account.

    Workers pause a panel (other_account) if the address or the key changed and the panel knows none of its newest
    orders. This ends the pause, for a panel that has forgotten them. Type it where the new settings are set.

    Don't type it for another account: the worker would take orders of one account for those of the other, and might buy
    twice. Give the other account a panel name of its own.
    """
    must_be_able_to_ask(yes=yes)
    settings = load()
    if panel not in settings.panels:
        raise CommandError(f"panel {harmless(panel)} isn't configured here: set {PANELS}{harmless(panel).upper()}__URL")
    account = settings.panels[panel].account
    match on_database(settings, lambda engine: Accounts(engine, panel).identify(account)):
        case New():
            click.echo(f"no worker has called panel {panel} yet, so there is nothing to accept")
            return
        case Known():
            click.echo(f"panel {panel} has the account of before")
        case Changed(fits=Noted(panel=other)):
            raise CommandError(
                f"these settings lead to the account of panel {harmless(other)}: "
                f"correct {PANELS}{panel.upper()}__URL and its KEY"
            )
        case Changed(address=before):
            print_lines(_consequences(panel, before, account.address), settings)
            confirm("Is it the same account?", yes=yes)
    on_database(settings, lambda engine: _accept(engine, panel, account))
    click.echo(f"panel {panel} is accepted: workers go on within seconds")


def _consequences(panel: str, before: str, now: str) -> Iterator[str]:
    yield f"Address before: {harmless(before)}"
    yield f"Address now:    {harmless(now)}"
    yield f"The worker goes on with the orders of panel {panel} on the account that URL and KEY lead to."
    yield "If it is another account, it takes orders of one for those of the other, and you may pay twice."


async def _accept(engine: AsyncEngine, panel: str, account: Account) -> None:
    await Accounts(engine, panel).note(account, FoundOut.SAME)
    await Pauses(engine, panel).end(PauseScope.ALL, (PauseReason.OTHER_ACCOUNT,))
