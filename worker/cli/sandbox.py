"""`order-sync sandbox`: runs a panel to develop and test against."""

import asyncio
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.cli.frame.grouped import GroupedCommand, Rows, write_section
from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.misbehaviour import faults
from worker.sandbox.misbehaviour.quirks import ALL, KINDS, switch_of
from worker.sandbox.panel import cheats

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
_POSITIVE = click.FloatRange(min=0, min_open=True)

_GROUPS = {
    "Where it listens": ("host", "port", "key", "admin_from_anywhere", "keep_alive"),
    "Money and time": ("balance", "currency", "seed", "speed", "epoch", "latency", "rate_limit"),
    "Your orders": (
        "starts_after",
        "lasts",
        "partial",
        "canceled",
        "late_changes",
        "refills_rejected",
        "refuse_busy_links",
        "first_order_id",
    ),
    "Other customers": ("foreign", "others", "others_by_day", "quiet_nights"),
    "Misbehaviour": ("quirks", "cheats", "faults", "list_all"),
    "Other options": ("keep_requests",),
}


def _quirk(name: str) -> str:
    value = switch_of(ALL[name]).value
    return f"{name}[={value.shown}]" if value else name


def _about(name: str) -> str:
    switch = switch_of(ALL[name])
    return f"{switch.about} [default: {switch.value.default}]" if switch.value else switch.about


def _names() -> Iterator[tuple[str, Rows]]:
    """Yields the names of all quirks, cheats and faults, for the help."""
    yield "Quirks (--quirk)", [(kind, ", ".join(map(_quirk, names))) for kind, names in KINDS.items()]
    yield (
        "Cheats (--cheat) and faults (--fault)",
        [("Cheats", ", ".join(cheats.ALL)), ("Faults", ", ".join(faults.ABOUT))],
    )


def _list_all(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    formatter = context.make_formatter()
    for kind, names in KINDS.items():
        write_section(formatter, f"Quirks / {kind}", [(_quirk(name), _about(name)) for name in names])
    write_section(formatter, "Cheats", list(cheats.ALL.items()))
    write_section(formatter, "Faults", [(kind.value, about) for kind, about in faults.ABOUT.items()])
    click.echo(formatter.getvalue().strip())
    context.exit()


def _in_utc(_: click.Context, __: click.Parameter, given: datetime | None) -> datetime | None:
    return given and given.replace(tzinfo=UTC)


@click.command(
    cls=GroupedCommand,
    groups=_GROUPS,
    more=_names,
    epilog=examples(
        "order-sync sandbox --speed 60",
        "order-sync sandbox --port 0 --others 5 --others-by-day",
        "order-sync sandbox --quirk price_factor=0.9 --quirk charge_decimals=2",
        "order-sync sandbox --fault error,action=add,where=after,status=500,every=3",
    ),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free port.")
@click.option("--key", default="sandbox-key", show_default=True, help="Key of the account.")
@click.option("--admin-from-anywhere", is_flag=True, help="Let other machines use /admin/.")
@click.option(
    "--keep-alive",
    type=_NOT_NEGATIVE,
    default=75.0,
    show_default=True,
    help="Seconds until an idle connection is closed.",
)
@click.option("--balance", type=amount, default="1000", show_default=True, help="Money of the account.")
@click.option("--currency", default="USD", show_default=True, help="Currency of all money.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives orders the same fates.")
@click.option("--speed", type=_NOT_NEGATIVE, default=1.0, show_default=True, help="Simulated seconds in a real one.")
@click.option(
    "--epoch",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]),
    callback=_in_utc,
    help="Simulated date at the start, UTC; today unless given.",
)
@click.option("--latency", type=_NOT_NEGATIVE, default=0.0, show_default=True, help="Seconds until each answer.")
@click.option("--rate-limit", type=_POSITIVE, help="Requests a second; more get HTTP 429.")
@click.option(
    "--starts-after",
    type=_POSITIVE,
    default=40.0,
    show_default=True,
    help="Median of the simulated seconds until an order begins.",
)
@click.option(
    "--lasts",
    type=_POSITIVE,
    default=600.0,
    show_default=True,
    help="Median of the simulated seconds from its beginning to its end.",
)
@click.option("--partial", type=_SHARE, default=0.05, show_default=True, help="Share of orders that end Partial.")
@click.option("--canceled", type=_SHARE, default=0.03, show_default=True, help="Share of orders that end Canceled.")
@click.option(
    "--late-changes", type=_SHARE, default=0.0, show_default=True, help="Share of completed orders that change later."
)
@click.option(
    "--refills-rejected", type=_SHARE, default=0.1, show_default=True, help="Share of refills that end Rejected."
)
@click.option("--refuse-busy-links", is_flag=True, help="Refuse a link that has an open order of the same service.")
@click.option(
    "--first-order-id", type=click.IntRange(min=1), default=23501, show_default=True, help="Id of the first order."
)
@click.option(
    "--foreign",
    type=_NOT_NEGATIVE,
    default=0.0,
    show_default=True,
    help="Mean number of other customers' orders between two of yours.",
)
@click.option(
    "--others",
    type=_NOT_NEGATIVE,
    default=0.0,
    show_default=True,
    help="Other customers' orders in a simulated second, besides --foreign.",
)
@click.option("--others-by-day", is_flag=True, help="Let --others vary with the time of the day; it is the mean then.")
@click.option("--quiet-nights", is_flag=True, help="No orders of --others from midnight to six, UTC.")
@click.option("--quirk", "quirks", multiple=True, metavar="NAME[=VALUE]", help="Switch on a quirk. Repeatable.")
@click.option("--cheat", "cheats", multiple=True, metavar="NAME", help="Switch on a cheat. Repeatable.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[,FIELD=VALUE]...",
    help="Spoil answers: the fields are those of /admin/faults. Or its JSON object. Repeatable.",
)
@click.option(
    "--list",
    "list_all",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_all,
    help="Say what each quirk, cheat and fault does, and end.",
)
@click.option(
    "--keep-requests",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Number of latest requests that /admin/requests shows.",
)
def sandbox(**options: Any) -> None:
    """Run a panel to develop and test against.

    It has orders that progress, misbehaves on request, and has a ledger of all that it accepted.
    """
    try:
        panel = Sandbox(SandboxOptions(**options))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        asyncio.run(_serve(panel))
    except OSError as error:
        raise CommandError(f"can't listen on {options['host']}:{options['port']}: {error.strerror}") from None


async def _serve(sandbox: Sandbox) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with sandbox:
        click.echo(_EXAMPLE.format(url=sandbox.url, admin=sandbox.admin_url, key=sandbox.options.key))
        await ended.wait()
