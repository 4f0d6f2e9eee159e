"""Sessions that stand in the midst of a pipeline are ended, and no others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.store.db.engine import connect, make_engine
from worker.store.shared import blocking_sessions
from worker.store.shared.blocking_sessions import end_blocking_sessions

#: The state of a session, as the server sees it.
STATE = "SELECT state, wait_event FROM pg_stat_activity WHERE pid = %s"


@pytest.fixture
async def in_the_midst(engine: AsyncEngine, database_url: str) -> AsyncIterator[None]:
    """A session whose pipeline has begun a transaction, and says no more."""
    connection = await connect(engine)
    pipeline = connection.pipeline()
    await pipeline.__aenter__()
    await connection.execute("BEGIN")
    await connection.execute("SELECT pg_advisory_xact_lock(1)")
    await until_it_stands_still(database_url, connection.info.backend_pid)
    yield
    await connection.close()
    with suppress(psycopg.OperationalError):
        await pipeline.__aexit__(None, None, None)


async def until_it_stands_still(url: str, pid: int) -> None:
    async with asyncio.timeout(10), await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
        while await (await other.execute(STATE, [pid])).fetchone() != ("active", "ClientRead"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_session_is_ended_that_stands_in_the_midst_of_a_pipeline(
    engine: AsyncEngine, in_the_midst: None, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await end_blocking_sessions(engine) == 0  # not yet
    monkeypatch.setattr(blocking_sessions, "LONGEST", 0.0)
    assert await end_blocking_sessions(engine) == 1
    async with asyncio.timeout(10), await psycopg.AsyncConnection.connect(database_url, autocommit=True) as other:
        await other.execute("SELECT pg_advisory_lock(1)")


async def test_a_session_that_works_or_is_idle_is_not_ended(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking_sessions, "LONGEST", 0.0)
    async with await connect(engine) as working, await connect(engine) as idle, await connect(engine) as waiting:
        await idle.execute("BEGIN")  # for that, Postgres has a timeout of its own
        await waiting.execute("SELECT 1")
        sleeping = asyncio.create_task(working.execute("SELECT pg_sleep(1)"))
        await asyncio.sleep(0.3)
        assert await end_blocking_sessions(engine) == 0
        await sleeping
        await idle.execute("SELECT 1")
        await waiting.execute("SELECT 1")


async def test_a_session_of_another_program_is_not_ended(
    in_the_midst: None, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking_sessions, "LONGEST", 0.0)
    other = make_engine(f"{database_url}&application_name=another", pool_size=1)
    assert await end_blocking_sessions(other) == 0
    await other.dispose()
