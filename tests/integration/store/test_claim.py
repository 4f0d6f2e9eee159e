"""Commit 1: which rows a claim takes, and what it puts down."""

import asyncio
from decimal import Decimal
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.conftest import send_all
from tests.integration.store.plain_sql import Database
from worker.domain.orders.add_request import AddRequest, OrderRequest, Refusal
from worker.domain.orders.services import Service
from worker.domain.orders.submission import Claimed
from worker.store.queue.claim import Claims, Decide, Postponed
from worker.store.queue.pending import panels_waiting


async def ids_claimed(claims: Claims, worker_id: UUID, at_most: int, decide: Decide = send_all) -> list[int]:
    claim = await claims.claim("default", worker_id, at_most, decide)
    return [claimed.order_id for claimed in claim.sendable]


async def test_the_highest_priority_first_then_the_longest_due_then_the_lowest_id(
    claims: Claims, database: Database, worker_id: UUID
) -> None:
    usual = database.add_order(not_before="2026-01-02")
    due_longer = database.add_order(not_before="2026-01-01")
    due_as_long = database.add_order(not_before="2026-01-01")
    low = database.add_order(priority=-1, not_before="2025-01-01")
    urgent = database.add_order(priority=9)
    assert await ids_claimed(claims, worker_id, 3) == [urgent, due_longer, due_as_long]
    assert await ids_claimed(claims, worker_id, 3) == [usual, low]


async def test_rows_that_a_claim_leaves(claims: Claims, database: Database, worker_id: UUID) -> None:
    database.add_order(panel="other")
    database.add_order(not_before="infinity")
    database.add_order(retry_at="infinity")
    database.add_order(state="rejected")
    database.add_order(state="unconfirmed")
    asked_to_cancel = database.add_order()
    cancel_id = database.insert("cancels", order_id=asked_to_cancel)
    assert await claims.runnable("default", 10) == 0
    assert await ids_claimed(claims, worker_id, 10) == []
    database.execute("UPDATE cancels SET state = 'rejected' WHERE id = %s", [cancel_id])
    assert await claims.runnable("default", 10) == 1
    assert await ids_claimed(claims, worker_id, 10) == [asked_to_cancel]


async def test_what_is_runnable_is_counted_up_to_a_bound(claims: Claims, database: Database) -> None:
    database.execute("INSERT INTO orders (service) SELECT 1 FROM generate_series(1, 5)")
    assert [await claims.runnable("default", at_most) for at_most in (3, 5, 9)] == [3, 5, 5]


async def test_a_claim_waits_for_nobody(claims: Claims, database: Database, worker_id: UUID) -> None:
    ids = [database.add_order() for _ in range(4)]
    with psycopg.connect(database.url) as other:
        other.execute("SELECT FROM orders WHERE id = ANY(%s) FOR NO KEY UPDATE", [ids[:2]])
        assert await ids_claimed(claims, worker_id, 10) == ids[2:]


async def test_concurrent_claims_are_disjoint(claims: Claims, database: Database, worker_id: UUID) -> None:
    database.execute("INSERT INTO orders (service) SELECT 1 FROM generate_series(1, 200)")
    claimed = await asyncio.gather(*(ids_claimed(claims, worker_id, 20) for _ in range(8)))
    claimed.append(await ids_claimed(claims, worker_id, 200))
    assert sorted(order_id for ids in claimed for order_id in ids) == list(range(1, 201))


async def test_the_intent_is_committed(claims: Claims, database: Database, worker_id: UUID) -> None:
    order_id = database.add_order(service="7", attempts=2, error_code="not_sent", error="no route")
    request = AddRequest("7", {"link": "https://example.com/p"}, Decimal("0.09"))
    claim = await claims.claim("default", worker_id, 10, lambda *_: request)
    (claimed,) = claim.sendable
    assert claimed == Claimed(order_id, claimed.token, 3, request)
    assert (claim.refused, claim.postponed) == ((), 0)
    order = database.order(order_id)
    assert (order.state, order.attempts, order.error_code, order.error) == ("submitting", 3, None, None)
    submission = database.submission(claimed.token)
    assert (submission.order_id, submission.panel, submission.worker_id) == (order_id, "default", worker_id)
    assert (submission.expected_charge, submission.outcome, submission.ended_at) == (Decimal("0.09"), None, None)
    (event,) = database.events(order_id)
    assert (event.kind, event.state_before, event.state_after) == ("submitting", "pending", "submitting")
    assert event.detail == {"attempt": 3, "expected_charge": "0.09"}


async def test_a_refusal_ends_the_row_without_a_submission(claims: Claims, database: Database, worker_id: UUID) -> None:
    order_id = database.add_order()
    claim = await claims.claim("default", worker_id, 10, lambda *_: Refusal("unknown_service", "there is no 1"))
    assert [change.order_id for change in claim.refused] == [order_id]
    assert claim.sendable == ()
    order = database.order(order_id)
    assert (order.state, order.error_code, order.error) == ("rejected", "unknown_service", "there is no 1")
    assert order.finished_at == order.updated_at
    assert order.attempts == 0
    (event,) = database.events(order_id)
    assert (event.kind, event.state_after, event.detail["error_code"]) == ("rejected", "rejected", "unknown_service")
    assert database.all("SELECT FROM submissions") == []


async def test_a_row_that_is_postponed_stays_pending_for_a_while(
    claims: Claims, database: Database, worker_id: UUID
) -> None:
    order_id = database.add_order()
    claim = await claims.claim("default", worker_id, 10, lambda *_: Postponed(60))
    assert (claim.sendable, claim.refused, claim.postponed) == ((), (), 1)
    assert database.order(order_id).state == "pending"
    assert database.events(order_id) == []
    assert await ids_claimed(claims, worker_id, 10) == []
    database.execute("UPDATE orders SET retry_at = now()")
    assert await ids_claimed(claims, worker_id, 10) == [order_id]


async def test_each_row_is_decided_with_its_entry_of_the_catalogue(
    claims: Claims, database: Database, worker_id: UUID
) -> None:
    database.execute("""
        INSERT INTO services (panel, service, name, type, category, rate, min, max, refill, cancel, dripfeed, raw)
        VALUES ('default', '1', 'Likes', 'Default', 'C', 0.90, 50, 10000, true, false, NULL, '{}'),
            ('other', '2', 'Not ours', 'Default', 'C', 1, 1, 1, true, true, true, '{}');
        INSERT INTO services (panel, service, raw, removed_at) VALUES ('default', '3', '{}', now())
    """)
    database.add_order(params='{"comments": ["a", "b"]}', max_charge="1.5", runs=2, interval_minutes=30)
    database.add_order(service="2")
    database.add_order(service="3")
    seen: list[tuple[OrderRequest, Service | None, bool]] = []

    def read(order: OrderRequest, service: Service | None, removed: bool) -> Postponed:
        seen.append((order, service, removed))
        return Postponed(1)

    await claims.claim("default", worker_id, 10, read)
    link = "https://example.com/p"
    listed = Service("1", "Likes", "Default", "C", Decimal("0.90"), 50, 10000, True, False)
    assert seen == [
        (OrderRequest("1", link, 100, 2, 30, {"comments": ["a", "b"]}, Decimal("1.5")), listed, False),
        (OrderRequest("2", link, 100), None, False),
        (OrderRequest("3", link, 100), Service("3"), True),
    ]


async def test_a_decision_that_throws_leaves_all_as_it_was(claims: Claims, database: Database, worker_id: UUID) -> None:
    ids = [database.add_order() for _ in range(2)]

    def decide(order: OrderRequest, *_: object) -> AddRequest:
        if decided:
            raise ZeroDivisionError
        decided.append(order)
        return AddRequest(order.service)

    decided: list[OrderRequest] = []
    result = await asyncio.gather(claims.claim("default", worker_id, 10, decide), return_exceptions=True)
    assert isinstance(result[0], ZeroDivisionError)
    assert database.all("SELECT FROM submissions") == []
    assert await ids_claimed(claims, worker_id, 10) == ids


async def test_panels_that_wait(database: Database, engine: AsyncEngine) -> None:
    assert await panels_waiting(engine) == []
    for panel in ("b", "a", "b", "c"):
        database.add_order(panel=panel)
    database.add_order(panel="d", state="rejected")
    assert await panels_waiting(engine) == ["a", "b", "c"]
