"""Who examines an account, and what is known of it as a whole."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.store.evidence.guards import LONGEST, Guard, Guards
from worker.store.shared.leases import Workers


@pytest.fixture
def guards(engine: AsyncEngine) -> Guards:
    return Guards(engine, "default")


@pytest.fixture
async def other_id(workers: Workers) -> UUID:
    return await workers.begin()


async def test_one_worker_examines(guards: Guards, worker_id: UUID, other_id: UUID) -> None:
    for _ in range(2):
        assert await guards.take(worker_id, 60) == Guard(None, is_shared=False)
        assert await guards.take(other_id, 60) is None


async def test_each_panel_has_its_own(engine: AsyncEngine, guards: Guards, worker_id: UUID, other_id: UUID) -> None:
    assert await guards.take(worker_id, 60) is not None
    assert await Guards(engine, "other").take(other_id, 60) is not None


async def test_another_takes_over_when_its_time_is_over(
    guards: Guards, database: Database, worker_id: UUID, other_id: UUID
) -> None:
    await guards.take(worker_id, 60)
    database.execute("UPDATE guards SET examined_until = now() - interval '1 ms'")
    assert await guards.take(other_id, 60) is not None
    assert await guards.take(worker_id, 60) is None


async def test_another_takes_over_when_its_lease_has_ended(
    guards: Guards, workers: Workers, worker_id: UUID, other_id: UUID
) -> None:
    """It has stopped, or others have found it dead."""
    await guards.take(worker_id, 60)
    await workers.end(worker_id)
    assert await guards.take(other_id, 60) is not None


async def test_another_takes_over_from_one_that_nobody_knows(guards: Guards, other_id: UUID) -> None:
    await guards.take(uuid4(), 60)
    assert await guards.take(other_id, 60) is not None


async def test_no_clock_that_went_back_holds_it_for_long(
    guards: Guards, database: Database, worker_id: UUID, other_id: UUID
) -> None:
    await guards.take(worker_id, 60)
    database.execute("UPDATE guards SET examined_until = now() + make_interval(secs => %s)", [LONGEST + 60])
    assert await guards.take(other_id, 60) is not None


async def test_when_the_newest_ids_were_searched(guards: Guards, database: Database, worker_id: UUID) -> None:
    await guards.take(worker_id, 60)
    before = database.scalar("SELECT extract(epoch FROM clock_timestamp())::float8")
    await guards.searched()
    guard = await guards.take(worker_id, 60)
    assert guard is not None
    assert guard.searched_at is not None
    assert before < guard.searched_at < database.scalar("SELECT extract(epoch FROM clock_timestamp())::float8")


async def test_since_when_somebody_else_orders_on_the_account(
    guards: Guards, database: Database, worker_id: UUID
) -> None:
    await guards.take(worker_id, 60)
    await guards.shared()
    assert await guards.take(worker_id, 60) == Guard(None, is_shared=True)
    since = database.scalar("SELECT shared_since FROM guards")
    await guards.shared()
    assert database.scalar("SELECT shared_since FROM guards") == since
