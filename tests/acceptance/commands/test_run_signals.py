"""Tests that a worker drains at the first signal, and ends at once at the second."""

import asyncio
import signal

import psycopg
import pytest

from tests.acceptance.commands.command import ended, line_with, started
from worker.sandbox import Fault, FaultKind, Sandbox, Where

ORDER = "INSERT INTO orders (service, link, quantity) VALUES (1, 'https://example.com/me', 100)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_ends_it_in_order(settings: dict[str, str], number: signal.Signals) -> None:
    async with started("run", settings={**settings, "LOG__FORMAT": "json"}) as process:
        await line_with("worker_started", process.stderr)
        process.send_signal(number)
        end = await ended(process)
    assert end.code == 0
    assert "worker_stopped" in end.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_second_signal_ends_it_at_once(
    settings: dict[str, str], panel: Sandbox, database_url: str, number: signal.Signals
) -> None:
    panel.faults.add(Fault(kind=FaultKind.TIMEOUT, action="add", where=Where.AFTER, seconds=3600))
    hour = dict.fromkeys(("DRAIN", "PANELS__DEFAULT__TIMEOUT", "RECONCILE__SETTLE"), "3600")
    patient = {**settings, **hour, "LOG__FORMAT": "json"}
    with psycopg.connect(database_url, autocommit=True) as producer:
        producer.execute(ORDER)
    async with started("run", settings=patient) as process:
        await line_with("worker_started", process.stderr)
        async with asyncio.timeout(30):
            await panel.journal.reached("add", 1)
        process.send_signal(number)
        await line_with("worker_stopping", process.stderr)
        process.send_signal(number)
        end = await ended(process)
    assert end.code == 128 + number
    with psycopg.connect(database_url) as consumer:
        assert consumer.execute("SELECT state FROM orders").fetchall() == [("submitting",)]
