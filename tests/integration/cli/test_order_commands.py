"""Runs commands about orders as processes: exit codes, questions on a terminal, an unreachable panel or database."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import psycopg
import pytest

from tests.acceptance.commands.command import KEY, ended, order_sync, shows_a_secret, started
from tests.integration.cli.conftest import add_unconfirmed, until_it_waits
from tests.integration.cli.terminal import on_a_terminal
from tests.integration.store.plain_sql import Database
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted
from worker.panel import PanelClient
from worker.sandbox import Sandbox, SandboxOptions


@pytest.fixture
async def panel() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(key=KEY)) as sandbox:
        yield sandbox


@pytest.fixture
def settings(database_url: str, panel: Sandbox) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "PANELS__DEFAULT__URL": panel.url, "PANELS__DEFAULT__KEY": KEY}


async def test_a_table_that_is_gone(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP TABLE order_events CASCADE")
        connection.execute("INSERT INTO orders (service) VALUES (1)")
    ended = await order_sync("orders", "show", "1", settings={"DATABASE_URL": database_url})
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == 'order-sync: the database didn\'t do it: relation "order_events_all" does not exist\n'


@pytest.mark.parametrize("arguments", [["orders", "list"], ["orders", "list", "--json"]], ids=" ".join)
async def test_a_reader_that_goes_away(arguments: list[str], database: Database) -> None:
    database.execute("INSERT INTO orders (service, link) SELECT 1, repeat('x', 5000) FROM generate_series(1, 2000)")
    command = f"{sys.executable} -m worker {' '.join(arguments)} --limit 2000 | true; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "ORDER_SYNC_DATABASE_URL": database.url}
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    assert (process.returncode, err) == (1, b"")


async def test_characters_that_the_terminal_does_not_have(
    database: Database, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database.add_order(link="https://example.com/中")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    ended = await order_sync("orders", "show", "1", settings=settings)
    assert (ended.code, ended.err) == (0, "")
    assert "https://example.com/\\u4e2d" in ended.out


async def test_without_a_terminal_to_ask_on(database: Database, settings: dict[str, str]) -> None:
    add_unconfirmed(database)
    ended = await order_sync("orders", "resolve", "1", "--reject", "--why", "x", settings=settings)
    assert (ended.code, ended.out) == (2, "")
    assert "--yes" in ended.err
    assert database.order(1).state == "unconfirmed"


@pytest.mark.parametrize(
    ("answer", "code", "state"),
    [(b"y\n", 0, "rejected"), (b"n\n", 1, "unconfirmed"), (b"\n", 1, "unconfirmed"), (b"\x04", 130, "unconfirmed")],
)
async def test_a_question_on_a_terminal(
    *,
    database: Database,
    settings: dict[str, str],
    answer: bytes,
    code: int,
    state: str,
) -> None:
    add_unconfirmed(database)
    resolve = ["orders", "resolve", "1", "--reject", "--why", "x"]
    ended = await on_a_terminal(resolve, settings, (b"[y/N]", answer))
    said = ended.said
    assert ended.code == code
    assert database.order(1).state == state
    assert said.index("Expected charge: 0.09.") < said.index("Do it?")
    assert ("nothing was changed" in said) is (code == 1)
    assert "Traceback" not in said
    assert "\x1b[" not in said  # no colours, whether or not NO_COLOR asks for none


async def bought(panel: Sandbox) -> str:
    async with PanelClient(panel.url, KEY) as client:
        outcome = await client.add(AddRequest("1", {"link": "https://example.com/p", "quantity": "100"}))
    assert isinstance(outcome, Accepted)
    return outcome.panel_order_id


def linking(panel_order_id: str, *more: str) -> list[str]:
    return ["orders", "resolve", "1", "--panel-order-id", panel_order_id, "--why", "seen there", "--yes", *more]


async def test_an_id_of_ours(database: Database, panel: Sandbox, settings: dict[str, str]) -> None:
    add_unconfirmed(database)
    panel_order_id = await bought(panel)
    ended = await order_sync(*linking(panel_order_id), settings=settings)
    assert (ended.code, ended.err) == (0, "")
    assert f"The panel says of its order {panel_order_id}: status Pending, charge 0.09 USD, remains 100." in ended.out
    assert database.order(1).panel_order_id == panel_order_id


async def test_an_id_that_is_not_ours(database: Database, settings: dict[str, str]) -> None:
    add_unconfirmed(database)
    ended = await order_sync(*linking("99"), settings=settings)
    assert ended.code == 1
    assert ended.err == "order-sync: the panel doesn't know 99 as an order of this account: Incorrect order ID\n"
    assert database.order(1).state == "unconfirmed"
    ended = await order_sync(*linking("99", "--no-check"), settings=settings)
    assert ended.code == 0
    assert database.order(1).panel_order_id == "99"


@pytest.mark.parametrize("quirks", [["error_echoes_key"], []])
async def test_a_panel_that_does_not_answer(
    database: Database, panel: Sandbox, settings: dict[str, str], quirks: list[str]
) -> None:
    add_unconfirmed(database)
    panel.quirks.on(*quirks)
    wrong = {**settings, "PANELS__DEFAULT__KEY": "wrong-hush"}
    ended = await order_sync(*linking("99"), settings=wrong)
    assert ended.code == 1
    assert ended.err.startswith("order-sync: the panel couldn't be asked about its order 99: ")
    assert not shows_a_secret(ended.text)
    assert database.order(1).state == "unconfirmed"


async def test_an_interrupt_while_the_database_is_waited_for(database: Database, settings: dict[str, str]) -> None:
    database.add_order(state="rejected")
    with database.connection.transaction():
        database.execute("SELECT FROM orders FOR UPDATE")
        async with started("orders", "retry", "1", settings=settings) as process:
            with Database(database.url).connection as onlooker:
                await until_it_waits(onlooker)
            process.send_signal(signal.SIGINT)
            finished = await ended(process)
    assert finished.code == 130
    assert "Traceback" not in finished.err
    assert database.order(1).state == "rejected"
