"""README's shell, typed: what runs a worker, what is done by hand, what looks, what completes."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import psycopg
import pytest

from tests import guides, readme
from tests.acceptance.commands.command import ended, inherited, line_with, running
from tests.command_tree import with_option
from tests.integration.cli.conftest import add_unconfirmed
from tests.integration.store.plain_sql import Database
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted
from worker.panel import PanelClient
from worker.sandbox import Sandbox

DATABASE = "postgresql://order_sync:secret@localhost:5432/shop"


class Shell:
    """A directory as after `make demo`: `order-sync` is in its `.venv/bin`, which is on the PATH too."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        programs = directory / ".venv" / "bin"
        programs.mkdir(parents=True)
        (programs / "order-sync").write_text(f'#!/bin/sh\nexec {sys.executable} -m worker "$@"\n')
        (programs / "order-sync").chmod(0o755)
        self.environment = inherited() | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(readme.ROOT),
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


@pytest.mark.parametrize("block", [block for block in readme.code("sh") if "order-sync run --embedded" in block])
async def test_a_worker_with_a_database_of_its_own(block: str, shell: Shell, panel: Sandbox) -> None:
    async with shell.typing(meant(block, panel)) as process:
        address = (await line_with("postgresql://", process.stdout)).rpartition(" ")[2]
        found_by = (await line_with("export ", process.stdout)).partition(": ")[2]
        with psycopg.connect(address) as connection:
            connection.execute(readme.block("sql", "shop-1004"))
        async with asyncio.timeout(30):
            await panel.journal.reached("add", 3)  # the fourth is for later
        assert "default" in await shell.output(f"{found_by}\norder-sync status")
        await stopped(process)
    assert (shell.directory / "data").is_dir()


async def test_a_worker_on_a_database_of_yours(shell: Shell, panel: Sandbox, empty_database_url: str) -> None:
    block = meant(readme.block("sh", "order-sync migrate"), panel, empty_database_url)
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
    lines = [line for holding in ("orders resolve", "--dry-run") for line in readme.block("sh", holding).splitlines()]
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
        ["43 retried pending", "44 retried pending"],
        ["45 cancel_asked pending"],
        ["46 refill_asked completed"],
        ["1 added pending"],
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


async def test_what_looks_at_services_and_money(shell: Shell, panel: Sandbox, database_url: str) -> None:
    said = await shell.output(
        readme.block("sh", "audit --since"),
        ORDER_SYNC_DATABASE_URL=database_url,
        ORDER_SYNC_PANELS__DEFAULT__URL=panel.url,
        ORDER_SYNC_PANELS__DEFAULT__KEY=panel.options.key,
    )
    assert said


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
    (line,) = [line for line in readme.block("sh", "_COMPLETE=").splitlines() if f"={name}_source" in line]
    (shell.directory / ".config/fish/completions").mkdir(parents=True)
    first = "autoload -U compinit; compinit -u\n" if name == "zsh" else ""
    assert answer in await shell.output(f"{first}{line}\n{asked}", name)
