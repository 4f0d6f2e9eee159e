"""`order-sync demo`: runs a Postgres, a panel, a shop and the real worker on this machine, and removes them."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path

import click
from psycopg import AsyncConnection
from rich.console import Console

from worker.cli.demo.comparison import Ledger, differences, summary
from worker.cli.demo.samples import samples
from worker.cli.demo.shop import Shop
from worker.cli.demo.view import Show, summary_line, view
from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.cli.frame.interrupts import held, raise_interrupts
from worker.cli.frame.migration import bring_to_head
from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.panel import ledger
from worker.sandbox.panel.orders import is_open
from worker.settings.sources import PREFIX
from worker.store.schema.embedded import EmbeddedError, embedded_postgres

#: Simulated seconds in a real one: most orders take some ten minutes. After `HURRY_AFTER` real seconds, time speeds up.
SPEED = 120.0
HURRY_AFTER = 10.0
HURRIED_SPEED = 900.0

#: Seconds after which something is wrong: the demo says what is still open, and fails.
LONGEST = 90.0

REFRESH_EVERY = 0.25
LATEST_SHOWN = 12

#: Seconds in which the worker must end after SIGTERM.
LAST_WORDS = 15.0
LOG_LINES_SHOWN = 20


@click.command(epilog=examples("order-sync demo"))
def demo() -> None:
    """See it work, on this machine and without settings.

    It runs a Postgres of its own, a sandbox panel, orders of every kind, and the real worker. It takes half a minute
    and leaves nothing behind. It ignores the settings of a real worker.
    """
    raise_interrupts()
    began = time.monotonic()
    console = Console()
    with _workshop() as (directory, url):
        bring_to_head(url)
        asyncio.run(_demonstrate(console, directory, url, began))


@contextmanager
def _workshop() -> Iterator[tuple[Path, str]]:
    """Yields a directory and the address of a Postgres in it. Removes both after the block."""
    with ExitStack() as stack:
        try:
            with held():
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="order-sync-demo-")))
                url = stack.enter_context(embedded_postgres(directory / "postgres"))
            yield directory, url
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
        finally:
            with held():
                stack.close()


async def _demonstrate(console: Console, directory: Path, url: str, began: float) -> None:
    wanted = tuple(samples())
    log = directory / "worker.log"
    async with (
        Sandbox(SandboxOptions(speed=SPEED)) as sandbox,
        await AsyncConnection.connect(url, autocommit=True) as connection,
    ):
        shop = Shop(connection, wanted)
        console.print(f"Panel     {sandbox.url}", soft_wrap=True)
        console.print(f"Postgres  {url}", soft_wrap=True)
        async with _worker(_environment(url, sandbox), log) as process:
            console.print(f"Worker    process {process.pid}; the shop inserts {await shop.order()} orders\n")
            with view(console) as show:
                await _watch(shop, sandbox, process, show, log)
            process.send_signal(signal.SIGTERM)
            if await process.wait() != 0:
                raise CommandError(f"the worker ended with code {process.returncode}:\n{_last_lines(log)}")
        tables, taken = await shop.tables(), _ledger(sandbox)
    wrong = differences(tables, taken, {sample.reference: sample for sample in wanted})
    if wrong:
        raise CommandError("\n".join(["the tables and the panel's ledger don't agree:", *wrong]))
    click.echo("\n" + summary(tables, taken, time.monotonic() - began))


async def _watch(shop: Shop, sandbox: Sandbox, process: asyncio.subprocess.Process, show: Show, log: Path) -> None:
    """Shows the state of all orders until every one is final and the worker has read the last balance."""
    began = time.monotonic()
    while True:
        await shop.follow_up()
        snapshot = await shop.snapshot(LATEST_SHOWN)
        show(snapshot)
        if snapshot.is_over and snapshot.balance == _settled_balance(sandbox):
            return
        lasted = time.monotonic() - began
        if process.returncode is not None:
            raise CommandError(f"the worker ended by itself, with code {process.returncode}:\n{_last_lines(log)}")
        if lasted > LONGEST:
            raise CommandError(f"after {LONGEST:g} s, orders are still open: {summary_line(snapshot)}")
        if lasted > HURRY_AFTER:
            sandbox.clock.speed = HURRIED_SPEED
        await asyncio.sleep(REFRESH_EVERY)


@asynccontextmanager
async def _worker(environment: dict[str, str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs the real worker in a process, and ends it after the block."""
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "worker", "run"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,  # Ctrl-C must reach this process only, which then ends the worker
        )
    try:
        yield process
    finally:
        try:
            if process.returncode is None:
                process.terminate()
                async with asyncio.timeout(LAST_WORDS):
                    await process.wait()
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                process.kill()


def _environment(url: str, sandbox: Sandbox) -> dict[str, str]:
    """Returns settings for a demo that a person watches, without the settings of a real worker on this machine."""
    settings = {
        "DATABASE_URL": url,
        "PANELS__DEFAULT__URL": sandbox.url,
        "PANELS__DEFAULT__KEY": sandbox.options.key,
        "PANELS__DEFAULT__REQUESTS_PER_SECOND": "25",
        "SCHEDULE__SUBMIT": "0.5",
        "SCHEDULE__STATUSES": "0.5",
        "SCHEDULE__REFILLS": "0.5",
        "SCHEDULE__CANCELS": "0.5",
        "SCHEDULE__BALANCE": "1",
        "POLLING__FASTEST": "0.5",
        "POLLING__SLOWEST": "2",
        "DRAIN": "10",
        "LISTEN": "",
        "LOG__FORMAT": "json",
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return others | {f"{PREFIX}{name}": value for name, value in settings.items()}


def _settled_balance(sandbox: Sandbox) -> Decimal | None:
    """Returns the account's balance; None while the panel has open orders, which may still change it."""
    book = sandbox.panel.book
    book.settle()
    return None if any(is_open(order.status) for order in book.orders.values()) else sandbox.panel.account.balance


def _ledger(sandbox: Sandbox) -> Ledger:
    panel = sandbox.panel
    return Ledger(ledger.orders(panel), ledger.refills(panel), ledger.cancels(panel), ledger.balance(panel))


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES_SHOWN:])
