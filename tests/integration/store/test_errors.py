"""The store raises errors of its own, whichever way a statement takes to the database."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.store.db.engine import connect, make_engine
from worker.store.db.errors import (
    ConflictError,
    DatabaseBusyError,
    DatabaseError,
    DatabaseUnreachableError,
    StatementTimeoutError,
    UnstorableError,
)
from worker.store.db.pipeline import fetch
from worker.store.db.transactions import Transactions

#: By SQLSTATE.
RAISED = {
    "23505": ConflictError,
    "22021": UnstorableError,
    "57014": StatementTimeoutError,
    "55P03": DatabaseBusyError,
    "40P01": DatabaseBusyError,
    "57P01": DatabaseUnreachableError,
    "42501": DatabaseError,
}


async def on_a_connection(engine: AsyncEngine, statement: str) -> None:
    async with engine.connect() as connection:
        await connection.execute(text(statement))


async def on_its_own(engine: AsyncEngine, statement: str) -> None:
    async with engine.connect() as connection:
        await fetch(connection, text(statement), {})


async def in_a_transaction(engine: AsyncEngine, statement: str) -> None:
    async with Transactions(engine).begin() as transaction:
        await transaction.execute(text(statement))


async def in_a_transaction_that_reads(engine: AsyncEngine, statement: str) -> None:
    async with Transactions(engine).begin() as transaction:
        await transaction.fetch(text(statement))


Way: TypeAlias = Callable[[AsyncEngine, str], Awaitable[None]]
WAYS: list[Way] = [on_a_connection, on_its_own, in_a_transaction, in_a_transaction_that_reads]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("code", RAISED)
async def test_a_kind_of_error_has_one_class(engine: AsyncEngine, way: Way, code: str) -> None:
    statement = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'no', DETAIL = 'why'; END $$"
    with pytest.raises(DatabaseError) as raised:
        await way(engine, statement)
    assert type(raised.value) is RAISED[code]
    assert raised.value.headline == "no"
    assert "why" in str(raised.value)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


@pytest.mark.parametrize("way", WAYS)
async def test_a_lost_connection(engine: AsyncEngine, way: Way) -> None:
    with pytest.raises(DatabaseUnreachableError):
        await way(engine, "SELECT pg_terminate_backend(pg_backend_pid())")
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


@pytest.mark.parametrize("value", ["\0", "\ud800"])
async def test_a_text_that_no_column_holds(engine: AsyncEngine, value: str) -> None:
    with pytest.raises(UnstorableError):
        async with Transactions(engine).begin() as transaction:
            await transaction.fetch(text("SELECT CAST(:value AS text)"), {"value": value})


async def test_nobody_is_there() -> None:
    engine = make_engine("postgresql://127.0.0.1:1/x?user=u&password=secret", pool_size=1)
    try:
        with pytest.raises(DatabaseUnreachableError) as raised:
            await connect(engine)
        assert "secret" not in str(raised.value)
        for way in WAYS:
            with pytest.raises(DatabaseUnreachableError):
                await way(engine, "SELECT 1")
    finally:
        await engine.dispose()


async def test_an_error_of_somebody_else_s_passes_through(engine: AsyncEngine) -> None:
    with pytest.raises(KeyError):
        async with Transactions(engine).begin():
            raise KeyError
