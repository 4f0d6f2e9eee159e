"""Types the shell of the guides: a first order, a worker, operator actions, completion."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests import guides
from tests.acceptance.commands.command import ended, inherited, line_with, running
from tests.command_tree import with_option
from tests.integration.cli.conftest import add_unconfirmed
from tests.integration.store.plain_sql import Database
from tests.tables_of import Page
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted
from worker.panel import PanelClient
from worker.sandbox import Sandbox

DATABASE = "postgresql://order_sync:secret@localhost:5432/shop"

QUICKSTART = Page("docs/quickstart.md")
ORDERING = Page("docs/ordering.md")

#: Runs the command that a target of make would run. The set-up is done.
MAKE = """#!/bin/sh
target=$1
arguments=${2#ARGS=}
case $target in
    demo) exit 0 ;;
    run) exec order-sync run $arguments ;;
esac
"""


class Shell:
    """A directory as after `make demo`: `order-sync` is in its `.venv/bin`, which is on the PATH too."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        programs = directory / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name, text in (("order-sync", f'#!/bin/sh\nexec {sys.executable} -m worker "$@"\n'), ("make", MAKE)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.environment = inherited() | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(guides.ROOT),
            "HOME": str(directory),
            "LOGNAME": "ann",
            "ORDER_SYNC_LISTEN": "",
        }

    def typing(self, block: str, shell: str = "bash", **environment: str) -> AbstractAsyncContextManager[Process]:
        stop_at_errors = [] if shell == "fish" else ["-e"]
        return running(
            *(shell, *stop_at_errors, "-c", block),
            cwd=self.directory,
            env=self.environment | environment,
            stdin=DEVNULL,
            start_new_session=True,
        )

    async def output(self, block: str, shell: str = "bash", **environment: str) -> str:
        async with self.typing(block, shell, **environment) as process:
            end = await ended(process)
        assert (end.code, end.err) == (0, ""), f"{block}: {end}"
        return end.out


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
async def panel() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


def meant(block: str, panel: Sandbox, database_url: str = DATABASE) -> str:
    """The block with the reader's own addresses in it, so that its last command is the process that it runs in."""
    block = re.sub(r"(?<=__URL=)http\S+", panel.url, block)
    block = re.sub(r"(?<=__KEY=)\S+", panel.options.key, block)
    *before, last = block.replace(DATABASE, f"'{database_url}'").splitlines()
    return "\n".join([*before, f"exec {last}"])


async def stopped(process: Process) -> None:
    process.send_signal(signal.SIGTERM)
    end = await ended(process)
    assert end.code == 0, end.err


#: The state of the order whose answer was lost, once evidence has settled it.
LINKED = """
    SELECT e.state_after AS state FROM order_events e JOIN orders o ON o.id = e.order_id
    WHERE o.reference = 'shop-1003' AND e.kind = 'reconciled' AND e.state_before = 'unconfirmed'
"""


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't installed")
async def test_the_quickstart(shell: Shell, unused_port: int) -> None:
    """Types all of it, up to the lost answer. tests/unit/test_guides.py holds README.md to the same lines."""
    demo, start, place, read, lose, *_ = (
        block.replace(":8080", f":{unused_port}").replace("--speed 60", f"--speed 6000 --port {unused_port}")
        for block in guides.shell("docs/quickstart.md")
    )
    insert, select, *_ = guides.code("docs/quickstart.md", "sql")
    printed = QUICKSTART.block("text").splitlines()
    # The worker polls a new order after half a minute, and the sandbox needs ten seconds for it: the test hurries both.
    quick = {"ORDER_SYNC_POLLING__FASTEST": "1", "ORDER_SYNC_SCHEDULE__STATUSES": "1"}
    async with shell.typing(demo + start, **quick) as process:
        try:
            lines = [await line_with(line.partition("postgresql://")[0], process.stdout) for line in printed]
            address, found_by = lines[0].rpartition(" ")[2], lines[1].partition(": ")[2]
            with psycopg.connect(address, autocommit=True, row_factory=dict_row) as connection:
                connection.execute(insert)
                await shell.output(f"{found_by}\n{place}")
                row = await _once(connection, select, "completed")
                assert (row["id"], row["charge"], row["currency"], row["remains"]) == (1, Decimal("0.9"), "USD", 0)
                assert "shop-1001" in await shell.output(f"{found_by}\n{read}")
                assert await shell.output(f"{found_by}\n{lose}")
                await _once(connection, LINKED, "submitted")
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            await process.wait()


async def _once(connection: psycopg.Connection[dict[str, Any]], query: str, state: str) -> dict[str, Any]:
    """Returns the one row that a query finds, once it is in a state."""
    async with asyncio.timeout(60):
        while True:
            row = connection.execute(query).fetchone()
            if row is not None and row["state"] == state:
                return row
            await asyncio.sleep(0.2)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


async def test_a_worker_with_a_database_of_its_own(shell: Shell, panel: Sandbox) -> None:
    """Types what two guides say: the same, but for the address and the key of the panel, and for the directory."""
    said = [page.block("sh", "order-sync run --embedded") for page in (QUICKSTART, Page("docs/sandbox.md"))]
    (block,) = {meant(block.replace(".venv/bin/", "").replace("./shop", "./data"), panel) for block in said}
    async with shell.typing(block) as process:
        address = (await line_with("postgresql://", process.stdout)).rpartition(" ")[2]
        found_by = (await line_with("export ", process.stdout)).partition(": ")[2]
        with psycopg.connect(address) as connection:
            connection.execute(ORDERING.block("sql", "shop-1004"))
        async with asyncio.timeout(30):
            await panel.journal.reached("add", 3)  # the fourth is for later
        assert "default" in await shell.output(f"{found_by}\norder-sync status")
        await stopped(process)
    assert (shell.directory / "data").is_dir()


async def test_a_worker_on_a_database_of_yours(shell: Shell, panel: Sandbox, empty_database_url: str) -> None:
    block = meant(QUICKSTART.block("sh", "order-sync migrate"), panel, empty_database_url)
    async with shell.typing(block) as process:
        checked = await line_with("panel default", process.stdout)
        assert checked.startswith("ok ")
        assert "worker_started" in await line_with("worker_started", process.stderr)
        await stopped(process)


async def test_by_hand(shell: Shell, panel: Sandbox, database_url: str) -> None:
    """Each line, on the orders that it names, and what becomes of them."""
    database = Database(database_url)
    async with PanelClient(panel.url, panel.options.key) as client:
        bought = await client.add(AddRequest("1", {"link": "https://example.com/p", "quantity": "100"}))
    assert bought == Accepted("23501")
    database.execute(
        "INSERT INTO services (panel, service, name, type, rate, min, max, raw) "
        "VALUES ('default', '1', 'Followers', 'Default', 0.90, 50, 10000, '{}')"
    )
    settings = {
        "ORDER_SYNC_DATABASE_URL": database.url,
        "ORDER_SYNC_PANELS__DEFAULT__URL": panel.url,
        "ORDER_SYNC_PANELS__DEFAULT__KEY": panel.options.key,
    }
    lines = [
        line
        for page, holding in (
            (Page("docs/lost-answers.md"), "orders resolve"),
            (ORDERING, "orders add"),
            (ORDERING, "--dry-run"),
        )
        for line in page.block("sh", holding).splitlines()
    ]
    became = []
    for line in lines:
        _orders(database)
        await shell.output(_answered(line), **settings)
        events = database.all("SELECT order_id, kind, state_after FROM order_events ORDER BY id")
        became.append([" ".join(map(str, event)) for event in events])
        database.execute("TRUNCATE orders, order_events, submissions CASCADE")
    database.connection.close()
    assert became == [
        [],
        [],
        ["42 resolved submitted"],
        ["42 resolved pending"],
        ["42 resolved rejected"],
        [],
        ["1 added pending"],
        ["45 cancel_asked pending"],
        ["46 refill_asked completed"],
        ["43 retried pending", "44 retried pending"],
        [],
        ["43 retried pending", "44 retried pending"],
    ]


def _orders(database: Database) -> None:
    """One in doubt, two that were rejected, one that waits, one that is complete."""
    add_unconfirmed(database, id=42)
    for order_id in (43, 44):
        database.add_order(id=order_id, state="rejected", error_code="link_refused", error="Bad link")
    database.add_order(id=45)
    database.add_submitted("23400", id=46)
    database.execute("UPDATE orders SET state = 'completed', finished_at = now() WHERE id = 46")


def _answered(line: str) -> str:
    """The command, with the yes that a person would type."""
    (words,) = guides.commands(line)
    asks = " ".join(words[1:3]) in with_option("--yes")
    return shlex.join([*words, *(["--yes"] if asks else [])])


@pytest.mark.parametrize(
    ("name", "asked", "answer"),
    [
        ("bash", "complete -p order-sync", "_order_sync_completion order-sync"),
        ("zsh", "print $_comps[order-sync]", "_order_sync_completion"),
        ("fish", "complete -C 'order-sync house'", "housekeeping"),
    ],
)
async def test_completion(shell: Shell, name: str, asked: str, answer: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} isn't installed")
    (line,) = [
        line
        for line in Page("docs/reference/commands.md").block("sh", "_COMPLETE=").splitlines()
        if f"={name}_source" in line
    ]
    (shell.directory / ".config/fish/completions").mkdir(parents=True)
    first = "autoload -U compinit; compinit -u\n" if name == "zsh" else ""
    assert answer in await shell.output(f"{first}{line}\n{asked}", name)
