"""Refills and cancels: claimed by lease, recorded by token; and what never has to reach a panel."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.domain.orders.refills_and_cancels import RefillOrCancelChange
from worker.domain.orders.states import CancelState, RefillState
from worker.store.queue.refills_and_cancels import Request, Requests

LEASE = 90.0


@pytest.fixture
def refills(engine: AsyncEngine) -> Requests:
    return Requests(engine, "refills", lease=LEASE)


@pytest.fixture
def cancels(engine: AsyncEngine) -> Requests:
    return Requests(engine, "cancels", lease=LEASE)


@pytest.fixture(params=["refills", "cancels"])
def table(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def either(engine: AsyncEngine, table: Any) -> Requests:
    return Requests(engine, table, lease=LEASE)


async def only_claim(requests: Requests, state: RefillState | CancelState = RefillState.PENDING) -> Request:
    (request,) = await requests.claim("default", state, 10)
    return request


async def test_a_claim_takes_what_is_due_about_orders_that_the_panel_has(
    either: Requests, table: str, database: Database
) -> None:
    order_id = database.add_submitted("500")
    later = database.insert(table, order_id=order_id, due_at="2026-01-02")
    longest = database.insert(table, order_id=order_id, due_at="2026-01-01")
    database.insert(table, order_id=order_id, due_at="infinity")
    database.insert(table, order_id=order_id, state="rejected")
    database.insert(table, order_id=database.add_submitted("500", panel="other"))
    for state in ("pending", "submitting", "unconfirmed", "rejected"):
        database.insert(table, order_id=database.add_order(state=state))
    assert await either.any_due("default", RefillState.PENDING) is True
    (first,) = await either.claim("default", RefillState.PENDING, 1)
    assert (first.request_id, first.order_id, first.panel_order_id) == (longest, order_id, "500")
    assert first.age >= 0
    assert [request.request_id for request in await either.claim("default", RefillState.PENDING, 9)] == [later]
    assert await either.any_due("default", RefillState.PENDING) is False
    assert await either.claim("default", RefillState.PENDING, 9) == []
    assert await either.any_due("other", RefillState.PENDING) is True


async def test_concurrent_claims_are_disjoint(either: Requests, table: str, database: Database) -> None:
    for n in range(40):
        database.insert(table, order_id=database.add_submitted(str(n)))
    claims = await asyncio.gather(*(either.claim("default", RefillState.PENDING, 10) for _ in range(6)))
    claims.append(await either.claim("default", RefillState.PENDING, 40))
    ids = [request.request_id for claim in claims for request in claim]
    assert len(ids) == len(set(ids)) == 40


async def test_the_life_of_a_refill(refills: Requests, database: Database) -> None:
    refill_id = database.insert("refills", order_id=database.add_submitted("500"))
    request = await only_claim(refills)
    taken = RefillOrCancelChange(refill_id, RefillState.SUBMITTED, 30, panel_refill_id="9")
    assert await refills.record([request], [taken]) == {refill_id}
    row = database.row("refills", refill_id)
    assert (row.state, row.panel_refill_id, row.panel_status) == ("submitted", "9", None)
    assert row.submitted_at == row.updated_at == row.due_at - timedelta(seconds=30)
    assert (row.checked_at, row.finished_at) == (None, None)

    database.execute("UPDATE refills SET due_at = now()")
    assert await refills.claim("default", RefillState.PENDING, 10) == []
    request = await only_claim(refills, RefillState.SUBMITTED)
    assert (request.panel_refill_id, request.panel_status) == ("9", None)
    done = RefillOrCancelChange(refill_id, RefillState.COMPLETED, 0, panel_status="Completed")
    assert await refills.record([request], [done]) == {refill_id}
    end = database.row("refills", refill_id)
    assert (end.state, end.panel_refill_id, end.panel_status) == ("completed", "9", "Completed")
    assert end.checked_at == end.finished_at == end.updated_at > row.updated_at
    assert end.submitted_at == row.submitted_at


async def test_a_look_at_a_refill_without_news_is_no_change(refills: Requests, database: Database) -> None:
    refill_id = database.insert(
        "refills",
        order_id=database.add_submitted("500"),
        state="submitted",
        panel_refill_id="9",
        panel_status="Pending",
        updated_at="2026-01-01",
    )
    request = await only_claim(refills, RefillState.SUBMITTED)
    assert request.still_for > 0
    same = RefillOrCancelChange(refill_id, RefillState.SUBMITTED, 60, panel_status="Pending")
    assert await refills.record([request], [same]) == {refill_id}
    row = database.row("refills", refill_id)
    assert row.updated_at.date().isoformat() == "2026-01-01"
    assert row.due_at == row.checked_at + timedelta(seconds=60)


async def test_the_life_of_a_cancel(cancels: Requests, database: Database) -> None:
    order_id = database.add_submitted("500")
    cancel_id = database.insert("cancels", order_id=order_id)
    request = await only_claim(cancels)
    assert await cancels.record([request], [RefillOrCancelChange(cancel_id, CancelState.ACCEPTED, 0)]) == {cancel_id}
    row = database.row("cancels", cancel_id)
    assert (row.state, row.finished_at) == ("accepted", row.updated_at)
    # Whether the order is canceled shows in its status, later.
    assert database.order(order_id).state == "submitted"


async def test_a_refusal_and_another_try(either: Requests, table: str, database: Database) -> None:
    order_id = database.add_submitted("500")
    refused, later = (database.insert(table, order_id=order_id) for _ in range(2))
    requests = await either.claim("default", RefillState.PENDING, 10)
    changes = [
        RefillOrCancelChange(refused, RefillState.REJECTED, 0, error_code="not_found", error="Incorrect order ID"),
        RefillOrCancelChange(later, RefillState.PENDING, 60, error_code="rate_limited", error="Too many requests"),
    ]
    assert await either.record(requests, changes) == {refused, later}
    row = database.row(table, refused)
    assert (row.state, row.error_code, row.error) == ("rejected", "not_found", "Incorrect order ID")
    assert row.finished_at == row.updated_at
    row = database.row(table, later)
    assert (row.state, row.error_code, row.finished_at) == ("pending", "rate_limited", None)
    assert row.due_at == row.updated_at + timedelta(seconds=60)


async def test_a_claim_that_was_lost_writes_nothing(either: Requests, table: str, database: Database) -> None:
    request_id = database.insert(table, order_id=database.add_submitted("500"))
    slow = await only_claim(either)
    database.execute(f"UPDATE {table} SET due_at = now()")  # noqa: S608 - a table of ours
    quick = await only_claim(either)
    change = RefillOrCancelChange(request_id, RefillState.REJECTED, 0, error_code="not_found", error="no")
    assert await either.record([slow], [change]) == set()
    assert database.row(table, request_id).state == "pending"
    assert await either.record([quick], [change]) == {request_id}
    assert await either.record([quick], []) == set()


async def test_a_request_about_an_order_that_never_came_to_be_is_rejected(
    either: Requests, table: str, database: Database
) -> None:
    pointless = [database.insert(table, order_id=database.add_order(state=state)) for state in ("rejected", "canceled")]
    waiting = [
        database.insert(table, order_id=database.add_order(state=state))
        for state in ("pending", "submitting", "unconfirmed")
    ]
    waiting.append(database.insert(table, order_id=database.add_order(state="canceled", panel_order_id="500")))
    rejected = await either.reject_pointless()
    assert sorted(ended.request_id for ended in rejected) == pointless
    for ended in rejected:
        row = database.row(table, ended.request_id)
        assert (row.order_id, row.state, row.error_code) == (ended.order_id, "rejected", "no_panel_order")
        assert row.finished_at == row.updated_at
    assert [database.row(table, request_id).state for request_id in waiting] == ["pending"] * 4
    assert await either.reject_pointless() == []


async def test_a_pointless_request_that_somebody_has_locked_holds_up_no_other(
    either: Requests, table: str, database: Database
) -> None:
    locked, other = (database.insert(table, order_id=database.add_order(state="rejected")) for _ in range(2))
    with psycopg.connect(database.url) as somebody:
        somebody.execute(f"SELECT FROM {table} WHERE id = %s FOR UPDATE", [locked])
        assert [ended.request_id for ended in await either.reject_pointless()] == [other]
    assert [ended.request_id for ended in await either.reject_pointless()] == [locked]


class TestCancelUnsent:
    async def test_it_ends_here(self, cancels: Requests, database: Database) -> None:
        order_id = database.add_order(error_code="not_sent", error="no route", retry_at="infinity")
        twice = [database.insert("cancels", order_id=order_id) for _ in range(2)]
        ended = await cancels.cancel_unsent()
        assert [(one.request_id, one.order_id, one.panel) for one in ended] == [(n, order_id, "default") for n in twice]
        order = database.order(order_id)
        assert (order.state, order.error_code, order.finished_at) == ("canceled", None, order.updated_at)
        assert [database.row("cancels", cancel_id).state for cancel_id in twice] == ["accepted"] * 2
        (event,) = database.events(order_id)
        assert (event.kind, event.state_before, event.state_after) == ("canceled", "pending", "canceled")
        assert await cancels.cancel_unsent() == []

    @pytest.mark.parametrize("state", ["submitting", "unconfirmed", "submitted", "completed", "rejected"])
    async def test_what_may_have_been_sent_is_left(self, cancels: Requests, database: Database, state: str) -> None:
        order_id = database.add_order(state=state, panel_order_id="500")
        cancel_id = database.insert("cancels", order_id=order_id)
        assert await cancels.cancel_unsent() == []
        assert database.order(order_id).state == state
        assert database.row("cancels", cancel_id).state == "pending"

    async def test_a_row_in_other_hands_is_left_for_later(self, cancels: Requests, database: Database) -> None:
        held, free = database.add_order(), database.add_order()
        for order_id in (held, free):
            database.insert("cancels", order_id=order_id)
        with psycopg.connect(database.url) as other:
            other.execute("SELECT FROM orders WHERE id = %s FOR NO KEY UPDATE", [held])
            assert [change.order_id for change in await cancels.cancel_unsent()] == [free]
        assert [change.order_id for change in await cancels.cancel_unsent()] == [held]

    async def test_many_at_once_cancel_each_order_once(self, cancels: Requests, database: Database) -> None:
        for _ in range(30):
            database.insert("cancels", order_id=database.add_order())
        done = await asyncio.gather(*(cancels.cancel_unsent() for _ in range(5)))
        done.append(await cancels.cancel_unsent())
        assert sorted(change.order_id for changes in done for change in changes) == list(range(1, 31))
        assert database.scalar("SELECT count(*) FROM order_events") == 30
