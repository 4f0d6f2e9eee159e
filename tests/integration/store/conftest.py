"""Fixtures of the store's tests: an engine, a worker, and the parts of the queue."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.add_request import AddRequest, OrderRequest
from worker.domain.orders.services import Service
from worker.store.db.engine import make_engine
from worker.store.queue.claim import Claims
from worker.store.queue.settle import Settlements
from worker.store.shared.leases import Workers

#: Seconds from an order's acceptance to its first status check.
FIRST_POLL = 30.0


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(database_url, pool_size=8)
    yield engine
    await engine.dispose()


@pytest.fixture
def claims(engine: AsyncEngine) -> Claims:
    return Claims(engine, first_poll=FIRST_POLL, settle=300)


@pytest.fixture
def settlements(engine: AsyncEngine) -> Settlements:
    return Settlements(engine, first_poll=FIRST_POLL)


@pytest.fixture
def workers(engine: AsyncEngine) -> Workers:
    return Workers(engine, "test:1")


@pytest.fixture
async def worker_id(workers: Workers) -> UUID:
    return await workers.begin()


def send_all(order: OrderRequest, service: Service | None, removed: bool) -> AddRequest:
    """A decision that lets every order go."""
    return AddRequest(order.service)
