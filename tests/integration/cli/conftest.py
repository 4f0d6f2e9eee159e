"""Runs commands in this process, on a database of the test's own, and adds orders for them."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.commands.command import Ended
from tests.integration.store.plain_sql import Database
from worker import cli

OrderSync = Callable[..., Ended]


@pytest.fixture
def order_sync(database_url: str, monkeypatch: pytest.MonkeyPatch, typed: OrderSync) -> OrderSync:
    """Runs a command to its end, on the test's database."""
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", database_url)
    return typed


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> OrderSync:
    """Runs a command to its end, with the present settings."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LOGNAME", "ann")

    def typed(*arguments: object) -> Ended:
        capfd.readouterr()
        code = cli.execute(cli.cli, list(map(str, arguments)))
        return Ended(code, *capfd.readouterr())

    return typed


def add_unconfirmed(
    database: Database, verdict: str | None = None, progress: dict[str, Any] | None = None, **columns: Any
) -> int:
    """Adds an order whose call got no answer, with what the last examination said of it."""
    order_id = database.add_order(state="unconfirmed", error_code="no_answer", error="timed out", **columns)
    add_submission(database, order_id, "unknown", expected_charge="0.09")
    if verdict is not None:
        database.execute(
            "INSERT INTO examinations (order_id, verdict, progress) VALUES (%s, %s, %s)",
            [order_id, verdict, None if progress is None else json.dumps(progress)],
        )
    return order_id


def add_submission(database: Database, order_id: int, outcome: str | None, **columns: Any) -> int:
    about = {
        "panel": "default",
        "worker_id": "00000000-0000-0000-0000-000000000001",
        "began_at": "2026-11-01 12:00:00+00",
        "ended_at": outcome and "2026-11-01 12:00:30+00",
        "is_parent": False,
    }
    return database.insert("submissions", order_id=order_id, outcome=outcome, **about | columns)


async def until_it_waits(onlooker: Any) -> None:
    """Waits until a session waits for a lock in this connection's database."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 30
    while onlooker.execute(waiting).fetchone() == (0,):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
