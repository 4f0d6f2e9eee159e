"""Whoever listens is told of changes of orders once they are committed, and of no others."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import canceled_here
from worker.store.db.transactions import Transactions
from worker.store.queue.changes import write_changes

#: Other tests have databases on the same server.
WAITING = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
"""
ADVISORY = """
    SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND d.datname = current_database()
"""


async def test_changes_are_told_after_the_commit_with_their_panel(engine: AsyncEngine, database: Database) -> None:
    ids = [database.add_order(panel=panel) for panel in ("shop", "other")]
    told: list[tuple[str, Change, str]] = []

    def on_change(panel: str, change: Change) -> None:
        told.append((panel, change, database.order(change.order_id).state))

    changes = [canceled_here(order_id, OrderRecord()) for order_id in ids]
    async with Transactions(engine).begin() as transaction:
        await write_changes(transaction, changes, on_change)
        assert told == []
    assert told == [(panel, change, "canceled") for panel, change in zip(("shop", "other"), changes, strict=True)]


async def test_what_is_rolled_back_is_not_told(engine: AsyncEngine, database: Database) -> None:
    order_id = database.add_order()
    told: list[Change] = []

    async def broken() -> None:
        async with Transactions(engine).begin() as transaction:
            await write_changes(
                transaction, [canceled_here(order_id, OrderRecord())], lambda _, change: told.append(change)
            )
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        await broken()
    assert told == []
    assert database.order(order_id).state == "pending"


async def test_an_event_alone_is_no_change(engine: AsyncEngine, database: Database) -> None:
    order_id = database.add_order(state="rejected")
    told: list[Change] = []
    record = OrderRecord(OrderState.REJECTED)
    late = Change(order_id, EventKind.LATE_RESULT, record, record)
    async with Transactions(engine).begin() as transaction:
        await write_changes(transaction, [late], lambda _, change: told.append(change))
    assert told == []
    assert database.kinds(order_id) == ["late_result"]


async def test_who_waits_for_another_does_not_hold_the_lock_of_events(engine: AsyncEngine, database: Database) -> None:
    """Two write the same panel order: the later one waits for the earlier, which may still have its events to write."""
    first, second = database.add_order(), database.add_order(state="submitting")
    taken = Change(
        second,
        EventKind.SUBMITTED,
        OrderRecord(OrderState.SUBMITTING),
        OrderRecord(OrderState.SUBMITTED, panel_order_id="7"),
    )

    async def write() -> None:
        async with Transactions(engine).begin() as transaction:
            await write_changes(transaction, [taken])

    with psycopg.connect(database.url) as earlier:
        earlier.execute("UPDATE orders SET state = 'submitted', panel_order_id = '7' WHERE id = %s", [first])
        writing = asyncio.create_task(write())
        async with asyncio.timeout(10):
            while not database.scalar(WAITING):  # noqa: ASYNC110 - it is Postgres that knows
                await asyncio.sleep(0.01)
        assert database.all(ADVISORY) == []
        earlier.execute("INSERT INTO order_events (order_id, kind, state_after) VALUES (%s, 'status', 'x')", [first])
        earlier.rollback()
    await writing
    assert database.kinds(second) == ["submitted"]


async def test_an_error_on_our_side_undoes_what_was_sent_before(engine: AsyncEngine, database: Database) -> None:
    order_id = database.add_order()

    async def broken() -> None:
        async with Transactions(engine).begin() as transaction:
            await write_changes(transaction, [canceled_here(order_id, OrderRecord())])
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        await broken()
    assert database.order(order_id).state == "pending"
    assert database.kinds(order_id) == []
    async with engine.begin() as connection:  # the same connection, as it should be again
        assert await connection.scalar(text("SELECT count(*) FROM order_events")) == 0
        assert not (await connection.get_raw_connection()).driver_connection.autocommit
