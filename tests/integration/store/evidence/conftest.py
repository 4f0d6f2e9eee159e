"""Orders whose replies were lost, and orders whose replies told an id."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from typing import Any, Protocol
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.conftest import FIRST_POLL
from tests.integration.store.plain_sql import Database
from worker.domain.evidence import lookalikes
from worker.domain.evidence.questions import OpenQuestion, Premises
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted, Unknown
from worker.domain.orders.submission import Claimed
from worker.store.evidence.asking import Asking
from worker.store.evidence.reading import Reading
from worker.store.evidence.settling import Settling
from worker.store.queue.claim import Claims
from worker.store.queue.settle import Settlements

PREMISES = Premises(late=300, hidden=300)


class Claim(Protocol):
    """Claims one new order; no two have the same charge, unless they are told to."""

    async def __call__(
        self, request: AddRequest | None = None, *, is_parent: bool = False, panel: str = "default", **columns: Any
    ) -> Claimed: ...


class Heard(Protocol):
    """An order whose reply told its id."""

    async def __call__(self, panel_order_id: str, **more: Any) -> Claimed: ...


@pytest.fixture(autouse=True)
def no_lookalike_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The orders here are lookalikes, and several are lost on purpose."""
    monkeypatch.setattr(lookalikes, "LOSING", 0.0)


@pytest.fixture
def reading(engine: AsyncEngine) -> Reading:
    return Reading(engine, "default", PREMISES)


@pytest.fixture
def asking(engine: AsyncEngine) -> Asking:
    return Asking(engine, "default")


@pytest.fixture
def settling(engine: AsyncEngine) -> Settling:
    return Settling(engine, first_poll=FIRST_POLL)


@pytest.fixture
def claim(claims: Claims, database: Database, worker_id: UUID) -> Claim:
    charges = count(1)

    async def claim(
        request: AddRequest | None = None, *, is_parent: bool = False, panel: str = "default", **columns: Any
    ) -> Claimed:
        database.add_order(panel=panel, **columns)
        request = request or AddRequest("1", {}, Decimal(next(charges)), 100, is_parent)
        (claimed,) = (await claims.claim(panel, worker_id, 1, lambda *_: request)).sendable
        return claimed

    return claim


@pytest.fixture
def lost(settlements: Settlements, claim: Claim) -> Claim:
    """Like `claim`, and then the reply is lost."""

    async def lost(*args: Any, replied: bool = False, **more: Any) -> Claimed:
        claimed = await claim(*args, **more)
        await settlements.settle([(claimed, Unknown("timeout", replied=replied))])
        return claimed

    return lost


@pytest.fixture
def heard(settlements: Settlements, claim: Claim) -> Heard:
    async def heard(panel_order_id: str, **more: Any) -> Claimed:
        claimed = await claim(**more)
        await settlements.settle([(claimed, Accepted(panel_order_id))])
        return claimed

    return heard


@pytest.fixture
def only(reading: Reading) -> Callable[[], Any]:
    async def only() -> OpenQuestion:
        """The only open question."""
        (question,) = (await reading.snapshot()).questions
        return question

    return only


@pytest.fixture
def somebody(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Another session, in a transaction of its own."""
    with psycopg.connect(database.url) as connection:
        yield connection


def times(database: Database, claimed: Claimed) -> tuple[float, Any]:
    """When a call began and ended, in seconds of the database's clock."""
    row = database.submission(claimed.token)
    return row.began_at.timestamp(), None if row.ended_at is None else row.ended_at.timestamp()


def ago(database: Database, claimed: Claimed, seconds: float) -> None:
    """Moves a call into the past."""
    database.execute(
        "UPDATE submissions SET began_at = began_at - make_interval(secs => %(by)s),"
        " ended_at = ended_at - make_interval(secs => %(by)s) WHERE id = %(token)s",
        {"by": seconds, "token": claimed.token},
    )
