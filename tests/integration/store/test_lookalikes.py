"""While a panel loses replies, orders that evidence couldn't tell apart are sent one after the other."""

from decimal import Decimal
from uuid import UUID

import psycopg

from tests.integration.store.plain_sql import Database
from worker.domain.orders.add_request import AddRequest, OrderRequest
from worker.domain.orders.outcomes import Accepted, Unknown
from worker.domain.orders.services import Service
from worker.store.queue.claim import Claims
from worker.store.queue.settle import Settlements


def decide(order: OrderRequest, _service: Service | None, _removed: bool) -> AddRequest:
    return AddRequest(order.service, expected_charge=Decimal(order.quantity or 0))


def add(database: Database, *quantities: int) -> None:
    for quantity in quantities:
        database.add_order(quantity=quantity)


async def lose_one(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID, quantity: int
) -> None:
    add(database, quantity)
    (lost,) = (await claims.claim("default", worker_id, 1, decide)).sendable
    await settlements.settle([(lost, Unknown("lost", replied=True))])


async def test_all_go_at_once_while_nothing_is_lost(claims: Claims, database: Database, worker_id: UUID) -> None:
    add(database, 100, 100, 100)
    claim = await claims.claim("default", worker_id, 10, decide)
    assert (len(claim.sendable), claim.lookalikes) == (3, 0)


async def test_lookalikes_go_one_by_one_and_the_others_at_once(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> None:
    await lose_one(claims, settlements, database, worker_id, 7)
    add(database, 100, 100, 200, 300)
    claim = await claims.claim("default", worker_id, 10, decide)
    assert [claimed.request.expected_charge for claimed in claim.sendable] == [100, 200, 300]
    assert claim.lookalikes == 1
    database.execute("UPDATE orders SET retry_at = NULL")
    again = await claims.claim("default", worker_id, 10, decide)
    assert (again.sendable, again.lookalikes) == ((), 1)  # its lookalike is still in flight
    await settlements.settle([(claimed, Accepted(str(claimed.order_id))) for claimed in claim.sendable])
    database.execute("UPDATE orders SET retry_at = NULL")
    (last,) = (await claims.claim("default", worker_id, 10, decide)).sendable
    assert last.request.expected_charge == 100


async def test_while_another_claim_chooses_among_lookalikes_only_outcomes_are_written(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> None:
    """They needn't wait for it; what may be sent is left as it was, for whoever comes next."""
    add(database, 50)
    (sent,) = (await claims.claim("default", worker_id, 1, decide)).sendable
    await lose_one(claims, settlements, database, worker_id, 7)
    add(database, 100, 200)
    before = database.all("SELECT xmin::text FROM orders WHERE state = 'pending'")
    with psycopg.connect(database.url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('order_sync claim default'))")
        claim = await claims.claim("default", worker_id, 10, decide, outcomes=[(sent, Accepted("500"))])
        assert (claim.sendable, claim.lookalikes, claim.gave_way) == ((), 0, True)
        assert [change.order_id for change in claim.settled] == [sent.order_id]
    assert database.order(sent.order_id).state == "submitted"
    assert database.all("SELECT xmin::text FROM orders WHERE state = 'pending'") == before
    claim = await claims.claim("default", worker_id, 10, decide)
    assert (len(claim.sendable), claim.gave_way) == (2, False)


async def test_a_long_line_of_lookalikes_leaves_the_way_free(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> None:
    await lose_one(claims, settlements, database, worker_id, 7)
    database.execute("INSERT INTO orders (service, quantity) SELECT 1, 100 FROM generate_series(1, 1000)")
    add(database, 200)
    sent: list[Decimal | None] = []
    for _ in range(4):
        claim = await claims.claim("default", worker_id, 2, decide, read_at_least=500)
        sent += [claimed.request.expected_charge for claimed in claim.sendable]
    assert sent == [100, 200]


async def test_no_more_are_claimed_than_may_be_sent(claims: Claims, database: Database, worker_id: UUID) -> None:
    add(database, *range(100, 110))
    claim = await claims.claim("default", worker_id, 2, decide, read_at_least=500)
    assert [claimed.request.expected_charge for claimed in claim.sendable] == [100, 101]
    assert database.scalar("SELECT count(*) FROM orders WHERE state = 'pending' AND retry_at IS NULL") == 8


async def test_after_a_loss_a_lookalike_waits_for_an_order_in_between(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> None:
    await lose_one(claims, settlements, database, worker_id, 100)
    add(database, 100)
    assert (await claims.claim("default", worker_id, 10, decide)).lookalikes == 1
    add(database, 200)
    (between,) = (await claims.claim("default", worker_id, 10, decide)).sendable
    await settlements.settle([(between, Accepted("500"))])
    database.execute("UPDATE orders SET retry_at = NULL")
    (alike,) = (await claims.claim("default", worker_id, 10, decide)).sendable
    assert alike.request.expected_charge == 100


async def test_after_a_loss_without_a_reply_what_comes_in_between_comes_late(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> None:
    await lose_one(claims, settlements, database, worker_id, 100)
    database.execute("UPDATE submissions SET replied = false")
    add(database, 100, 200)
    (between,) = (await claims.claim("default", worker_id, 10, decide)).sendable
    await settlements.settle([(between, Accepted("500"))])
    database.execute("UPDATE orders SET retry_at = NULL")
    assert (await claims.claim("default", worker_id, 10, decide)).lookalikes == 1  # the lost one may still be taken


async def test_what_a_dead_worker_left_keeps_nothing_back(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> None:
    await lose_one(claims, settlements, database, worker_id, 100)
    database.execute("UPDATE submissions SET outcome = 'lease_ended'")
    add(database, 100, 100)
    assert len((await claims.claim("default", worker_id, 10, decide)).sendable) == 2


async def test_where_nothing_comes_in_between_a_lookalike_goes_after_a_while(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> None:
    await lose_one(claims, settlements, database, worker_id, 100)
    add(database, 100)
    database.execute("UPDATE submissions SET ended_at = ended_at - interval '6 seconds'")
    assert len((await claims.claim("default", worker_id, 10, decide)).sendable) == 1


async def test_another_panels_losses_keep_nothing_back(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> None:
    await lose_one(claims, settlements, database, worker_id, 7)
    database.execute("UPDATE orders SET panel = 'other'")
    database.execute("UPDATE submissions SET panel = 'other'")
    add(database, 100, 100)
    assert len((await claims.claim("default", worker_id, 10, decide)).sendable) == 2


async def test_a_loss_that_was_settled_meanwhile_was_one(
    claims: Claims, settlements: Settlements, database: Database, worker_id: UUID
) -> None:
    await lose_one(claims, settlements, database, worker_id, 7)
    database.execute("UPDATE orders SET state = 'submitted', panel_order_id = '500'")
    add(database, 100, 100)
    assert (await claims.claim("default", worker_id, 10, decide)).lookalikes == 1
    database.execute("UPDATE submissions SET ended_at = ended_at - interval '61 seconds' WHERE outcome = 'unknown'")
    database.execute("UPDATE orders SET retry_at = NULL")
    assert len((await claims.claim("default", worker_id, 10, decide)).sendable) == 1
