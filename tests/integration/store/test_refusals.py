"""Tests refusals in unknown words: counted for each order, whichever way they are written, and taken back."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.conftest import FIRST_POLL, send_all
from tests.integration.store.plain_sql import Database
from worker.domain.orders.outcomes import AddOutcome, NotSent, Reason, Refused
from worker.domain.orders.submission import Claimed
from worker.domain.orders.trouble import refusing
from worker.store.queue.claim import Claims
from worker.store.queue.refusals import excuse
from worker.store.queue.settle import Settlements
from worker.store.shared.pauses import Pauses

UNKNOWN = Refused(Reason.REFUSED, "Нет доступа")

Try = Callable[[AddOutcome], Awaitable[int]]


async def claimed_now(claims: Claims, database: Database, worker_id: UUID) -> Claimed:
    database.execute("UPDATE orders SET retry_at = NULL WHERE state = 'pending'")
    (claimed,) = (await claims.claim("default", worker_id, 1, send_all)).sendable
    return claimed


@pytest.fixture(params=["with a claim", "alone"])
def tried(
    request: pytest.FixtureRequest, claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> Try:
    """Tries the one pending order, and writes the outcome."""

    async def tried(outcome: AddOutcome) -> int:
        claimed = await claimed_now(claims, database, worker_id)
        if request.param == "alone":
            await settlements.settle([(claimed, outcome)])
        else:
            claim = await claims.claim("default", worker_id, 1, send_all, outcomes=[(claimed, outcome)])
            assert len(claim.settled) == 1
        return claimed.order_id

    return tried


async def test_an_order_is_rejected_at_the_third_refusal_in_unknown_words(database: Database, tried: Try) -> None:
    """Other tries in between don't count."""
    order_id = database.add_order()
    waits = []
    for outcome in [UNKNOWN, NotSent("no route"), Refused(Reason.LINK_BUSY, "busy"), UNKNOWN]:
        await tried(outcome)
        order = database.order(order_id)
        assert order.state == "pending"
        waits.append((order.retry_at - order.updated_at).total_seconds())
    assert (waits[0], waits[-1]) == (600, 2400)
    await tried(UNKNOWN)
    order = database.order(order_id)
    assert (order.state, order.error_code, order.error) == ("rejected", "refused", "Нет доступа")
    assert database.kinds(order_id)[-2:] == ["submitting", "rejected"]


async def test_refusals_of_one_order_do_not_count_for_another(database: Database, tried: Try) -> None:
    one = database.add_order(priority=1)
    for _ in range(3):
        await tried(UNKNOWN)
    other = database.add_order()
    await tried(UNKNOWN)
    assert [database.order(order_id).state for order_id in (one, other)] == ["rejected", "pending"]


async def test_the_number_of_tries_is_a_setting(
    engine: AsyncEngine, claims: Claims, database: Database, worker_id: UUID
) -> None:
    order_id = database.add_order()
    claimed = await claimed_now(claims, database, worker_id)
    await Settlements(engine, first_poll=FIRST_POLL, tries=1).settle([(claimed, UNKNOWN)])
    assert database.order(order_id).state == "rejected"


async def test_nothing_is_rejected_or_counted_while_the_panel_refuses(
    engine: AsyncEngine, database: Database, tried: Try
) -> None:
    order_id = database.add_order()
    await tried(UNKNOWN)
    await tried(UNKNOWN)
    pauses = Pauses(engine, "default")
    await pauses.begin(refusing("Нет доступа"), probe=False)
    for _ in range(3):
        await tried(UNKNOWN)
    order = database.order(order_id)
    assert (order.state, order.error_code, order.error) == ("pending", "refusing", "Нет доступа")
    database.execute("DELETE FROM pauses")
    await tried(UNKNOWN)
    assert database.order(order_id).state == "rejected"


async def test_another_panels_pause_changes_nothing(engine: AsyncEngine, database: Database, tried: Try) -> None:
    order_id = database.add_order()
    await Pauses(engine, "other").begin(refusing("no"), probe=False)
    await tried(UNKNOWN)
    assert database.order(order_id).error_code == "refused"


async def test_orders_are_excused_once_it_was_the_panel(engine: AsyncEngine, database: Database, tried: Try) -> None:
    order_id = database.add_order()
    await tried(UNKNOWN)
    await tried(UNKNOWN)
    busy = database.add_order(error_code="link_busy", retry_at="tomorrow")
    await excuse(engine, "other")
    assert database.order(order_id).retry_at is not None
    await excuse(engine, "default")
    assert database.order(order_id).retry_at is None
    assert database.order(busy).retry_at is not None
    database.execute("DELETE FROM orders WHERE id = %s", [busy])  # it was never sent
    for _ in range(2):
        await tried(UNKNOWN)
    assert database.order(order_id).state == "pending"
    await tried(UNKNOWN)
    assert database.order(order_id).state == "rejected"


async def test_a_probe_spares_services_and_orders_that_were_tried_in_vain(
    claims: Claims, database: Database, worker_id: UUID
) -> None:
    database.add_order(service="1", attempts=3)
    database.add_order(service="1")
    database.add_order(service="2", attempts=1)
    spared = database.add_order(service="3")
    database.add_order(service="3")
    claim = await claims.claim("default", worker_id, 1, send_all, read_at_least=500, probe=True)
    assert [claimed.order_id for claimed in claim.sendable] == [spared]
