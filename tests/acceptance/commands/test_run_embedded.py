"""Runs `order-sync run --embedded DIR`: a worker with a database of its own."""

import asyncio
import signal
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.commands.command import ended, line_with, started
from tests.acceptance.conftest import Tables
from worker.sandbox import Sandbox
from worker.sandbox.panel import ledger

ORDER = "INSERT INTO orders (service, link, quantity) VALUES (1, 'https://example.com/me', 100)"


async def address(process: asyncio.subprocess.Process) -> str:
    return (await line_with("postgresql://", process.stdout)).rpartition(" ")[2]


async def submitted(url: str, panel: Sandbox, orders: int) -> None:
    """Inserts one order, and waits until the panel has so many and every row says so."""
    tables = Tables(url)
    tables.rows(ORDER)
    async with asyncio.timeout(30):
        await panel.journal.reached("add", orders)
    await tables.until("SELECT bool_and(state = 'submitted') FROM orders")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_it_keeps_its_orders_over_a_kill_and_leaves_no_server(
    settings: dict[str, str], panel: Sandbox, tmp_path: Path, end: signal.Signals
) -> None:
    settings.pop("DATABASE_URL")
    directory = tmp_path / "db"
    async with started("run", "--embedded", str(directory), settings=settings) as process:
        await submitted(await address(process), panel, 1)
        process.kill()
        await process.communicate()

    async with started("run", "--embedded", str(directory), settings=settings) as process:
        url = await address(process)
        await submitted(url, panel, 2)
        process.send_signal(end)
        ending = await ended(process)
    assert ending.code == 0, ending.err
    assert not (directory / "data" / "postmaster.pid").exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    assert len(ledger.orders(panel.panel)) == 2


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_before_the_worker_is_up_leaves_no_server(
    settings: dict[str, str], tmp_path: Path, end: signal.Signals
) -> None:
    async with started("run", "--embedded", str(tmp_path), settings=settings) as process:
        await address(process)
        process.send_signal(end)
        ending = await ended(process)
    assert ending.code in {0, 130}, ending.err
    assert not (tmp_path / "data" / "postmaster.pid").exists()
