"""`order-sync sandbox`: runs a panel to develop and test against."""

import asyncio
import signal
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.sandbox import Sandbox, SandboxOptions

_EXAMPLE = """\
Panel    {url}
Key      {key}
Ledger   {admin}ledger

Try it:
  curl -s {url} -d key={key} -d action=services
  curl -s {url} -d key={key} -d action=add -d service=1 -d link=https://example.com/me -d quantity=100
  curl -s {admin}ledger

Ctrl-C ends it."""


def amount(text: str) -> Decimal:
    """Parses an amount of money that isn't negative. Raises ValueError for any other text."""
    try:
        money = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not money.is_finite() or money < 0:
        raise ValueError(text)
    return money


_SHARE = click.FloatRange(0, 1)
_NOT_NEGATIVE = click.FloatRange(min=0)


@click.command(epilog=examples("order-sync sandbox --speed 60", "order-sync sandbox --port 0 --foreign 2"))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free port.")
@click.option("--key", default="sandbox-key", show_default=True)
@click.option("--balance", type=amount, default="1000", show_default=True)
@click.option("--currency", default="USD", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives orders the same fates.")
@click.option("--speed", type=_NOT_NEGATIVE, default=1.0, show_default=True, help="Simulated seconds in a real one.")
@click.option(
    "--foreign",
    type=_NOT_NEGATIVE,
    default=0.0,
    show_default=True,
    help="Mean number of other customers' orders between two of yours.",
)
@click.option(
    "--late-changes", type=_SHARE, default=0.0, show_default=True, help="Share of completed orders that change later."
)
@click.option("--rate-limit", type=click.FloatRange(min=0, min_open=True), help="Requests a second; more get HTTP 429.")
@click.option("--latency", type=_NOT_NEGATIVE, default=0.0, show_default=True, help="Seconds until each answer.")
@click.option("--admin-from-anywhere", is_flag=True, help="Let other machines use /admin/.")
def sandbox(**options: Any) -> None:
    """Run a panel to develop and test against.

    It has orders that progress, faults on request, and a ledger of all that it accepted.
    """
    try:
        asyncio.run(_serve(SandboxOptions(**options)))
    except OSError as error:
        raise CommandError(f"can't listen on {options['host']}:{options['port']}: {error.strerror}") from None


async def _serve(options: SandboxOptions) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with Sandbox(options) as panel:
        click.echo(_EXAMPLE.format(url=panel.url, admin=panel.admin_url, key=options.key))
        await ended.wait()
