"""Whoever listens is told of changes of orders once they are committed, and of no others."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.domain.orders import Change, EventKind, OrderRecord, canceled_here
from worker.domain.states import OrderState
from worker.store.changes import changing


async def test_changes_are_told_after_the_commit_with_their_panel(engine: AsyncEngine, database: Database) -> None:
    ids = [database.add_order(panel=panel) for panel in ("shop", "other")]
    told: list[tuple[str, Change, str]] = []

    def on_change(panel: str, change: Change) -> None:
        told.append((panel, change, database.order(change.order_id).state))

    changes = [canceled_here(order_id, OrderRecord()) for order_id in ids]
    async with changing(engine, on_change) as transaction:
        await transaction.write(changes)
        assert told == []
    assert told == [(panel, change, "canceled") for panel, change in zip(("shop", "other"), changes, strict=True)]


async def test_what_is_rolled_back_is_not_told(engine: AsyncEngine, database: Database) -> None:
    order_id = database.add_order()
    told: list[Change] = []

    async def broken() -> None:
        async with changing(engine, lambda _, change: told.append(change)) as transaction:
            await transaction.write([canceled_here(order_id, OrderRecord())])
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        await broken()
    assert told == []
    assert database.order(order_id).state == "pending"


async def test_an_event_alone_is_no_change(engine: AsyncEngine, database: Database) -> None:
    order_id = database.add_order(state="rejected")
    told: list[Change] = []
    record = OrderRecord(OrderState.REJECTED)
    async with changing(engine, lambda _, change: told.append(change)) as transaction:
        await transaction.write([Change(order_id, EventKind.LATE_RESULT, record, record)])
    assert told == []
    assert database.kinds(order_id) == ["late_result"]
