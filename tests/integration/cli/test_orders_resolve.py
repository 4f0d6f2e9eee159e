"""Settles unconfirmed orders with `order-sync orders resolve`: the first decision wins."""

import asyncio
from typing import Any

import pytest

from tests.integration.cli.conftest import OrderSync, add_submission, add_unconfirmed, until_it_waits
from tests.integration.store.plain_sql import Database
from worker.domain.orders.changes import Change
from worker.domain.orders.operator_actions import Declined, ResolvedAs
from worker.domain.orders.states import OrderState
from worker.store.db.engine import make_engine
from worker.store.queue.operator_actions import OperatorActions

WHY = ("--why", "asked the panel")


def resolve(order_sync: OrderSync, order_id: int, *arguments: str) -> Any:
    return order_sync("orders", "resolve", str(order_id), *arguments, *WHY, "--yes")


def test_taken_under_an_id(order_sync: OrderSync, database: Database) -> None:
    order_id = add_unconfirmed(database, '{"verdict": "absent"}')
    ended = resolve(order_sync, order_id, "--panel-order-id", "23501", "--no-check")
    assert (ended.code, ended.err) == (0, "")
    assert "Expected charge: 0.09." in ended.out
    assert ended.out.endswith(f"order {order_id} is submitted\n")
    order = database.order(order_id)
    assert (order.state, order.panel_order_id, order.error_code, order.error) == ("submitted", "23501", None, None)
    assert order.submitted_at == order.updated_at
    (event,) = database.events(order_id)
    assert (event.kind, event.state_before, event.state_after) == ("resolved", "unconfirmed", "submitted")
    assert event.detail == {"who": "ann", "why": "asked the panel", "panel_order_id": "23501"}
    poll = database.poll(order_id)
    assert (poll.panel, poll.due_at) == ("default", order.updated_at)
    assert database.all("SELECT FROM examinations") == []


@pytest.mark.parametrize(
    ("option", "state", "error_code", "warned"),
    [
        ("--not-accepted", "pending", None, "you pay twice"),
        ("--reject", "rejected", "rejected_by_operator", "you pay, and nobody follows it"),
    ],
)
def test_not_taken_or_given_up(
    order_sync: OrderSync, database: Database, option: str, state: str, *, error_code: str | None, warned: str
) -> None:
    order_id = add_unconfirmed(database)
    ended = resolve(order_sync, order_id, option, "--who", "Bob")
    assert (ended.code, ended.err) == (0, "")
    assert warned in ended.out
    order = database.order(order_id)
    assert (order.state, order.error_code, order.panel_order_id) == (state, error_code, None)
    assert order.finished_at == (None if state == "pending" else order.updated_at)
    (event,) = database.events(order_id)
    assert (event.detail["who"], event.detail["why"]) == ("Bob", "asked the panel")
    assert database.scalar("SELECT outcome FROM submissions") == ("refuted" if state == "pending" else "unknown")
    assert database.all("SELECT FROM polls") == []


@pytest.mark.parametrize("state", [state for state in OrderState if state is not OrderState.UNCONFIRMED])
@pytest.mark.parametrize("option", ["--not-accepted", "--reject"])
def test_any_other_order_is_left_alone(
    order_sync: OrderSync, database: Database, state: OrderState, option: str
) -> None:
    order_id = database.add_order(state=str(state), panel_order_id="5")
    before = database.order(order_id)
    ended = resolve(order_sync, order_id, option)
    assert (ended.code, ended.out) == (1, "")
    assert ("takes over within a minute" in ended.err) is (state is OrderState.SUBMITTING)
    assert database.order(order_id) == before
    assert database.events(order_id) == []


def test_an_id_that_another_row_has(order_sync: OrderSync, database: Database) -> None:
    other, order_id = database.add_submitted("23501"), add_unconfirmed(database)
    ended = resolve(order_sync, order_id, "--panel-order-id", "23501", "--no-check")
    assert ended.code == 1
    assert ended.err == f"order-sync: panel order 23501 already belongs to order {other}\n"
    assert database.order(order_id).state == "unconfirmed"


def test_an_id_that_was_taken_for_another_order_too_late(order_sync: OrderSync, database: Database) -> None:
    other, order_id = add_unconfirmed(database), add_unconfirmed(database)
    add_submission(database, other, "accepted_late", panel_order_id="23501")
    ended = resolve(order_sync, order_id, "--panel-order-id", "23501", "--no-check")
    assert ended.err == f"order-sync: panel order 23501 already belongs to order {other}\n"
    assert resolve(order_sync, other, "--panel-order-id", "23501", "--no-check").code == 0
    assert database.order(other).panel_order_id == "23501"


def test_an_id_that_another_panels_row_has(order_sync: OrderSync, database: Database) -> None:
    database.add_submitted("23501", panel="other")
    order_id = add_unconfirmed(database)
    assert resolve(order_sync, order_id, "--panel-order-id", "23501", "--no-check").code == 0


def test_a_panel_that_is_not_configured_cannot_be_asked(order_sync: OrderSync, database: Database) -> None:
    order_id = add_unconfirmed(database)
    ended = resolve(order_sync, order_id, "--panel-order-id", "23501")
    assert ended.code == 1
    assert "ORDER_SYNC_PANELS__DEFAULT__URL" in ended.err
    assert database.order(order_id).state == "unconfirmed"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["1"],
        ["1", *WHY],
        ["1", "--reject"],
        ["1", "--reject", "--why", " "],
        ["1", "--reject", "--not-accepted", *WHY],
        ["1", "--reject", "--panel-order-id", "5", *WHY],
        ["1", "--panel-order-id", "", *WHY],
        ["one", "--reject", *WHY],
    ],
)
def test_wrong_usage(order_sync: OrderSync, database: Database, arguments: list[str]) -> None:
    add_unconfirmed(database)
    ended = order_sync("orders", "resolve", *arguments, "--yes")
    assert (ended.code, ended.out) == (2, "")
    assert database.order(1).state == "unconfirmed"


async def by_hand(database: Database, order_id: int, decision: ResolvedAs, token: int) -> Change | Declined:
    engine = make_engine(database.url, pool_size=1)
    try:
        return await OperatorActions(engine).resolve(order_id, decision, token=token, who="ann", why="asked")
    finally:
        await engine.dispose()


async def test_a_settlement_that_is_under_way_is_waited_for_and_noticed(database: Database) -> None:
    order_id = add_unconfirmed(database)
    with Database(database.url).connection as worker, worker.transaction():
        worker.execute("UPDATE orders SET state = 'submitted', panel_order_id = '7' WHERE id = %s", [order_id])
        person = asyncio.create_task(by_hand(database, order_id, ResolvedAs(OrderState.PENDING), 1))
        await until_it_waits(database.connection)
    result = await person
    assert isinstance(result, Declined)
    assert result.text.startswith("is submitted as panel order 7")
    assert database.order(order_id).state == "submitted"
    assert database.events(order_id) == []


async def test_an_id_that_becomes_anothers_meanwhile(database: Database) -> None:
    order_id, other = add_unconfirmed(database), database.add_order(state="unconfirmed")
    with Database(database.url).connection as worker, worker.transaction():
        worker.execute("UPDATE orders SET state = 'submitted', panel_order_id = '7' WHERE id = %s", [other])
        person = asyncio.create_task(by_hand(database, order_id, ResolvedAs(OrderState.SUBMITTED, "7"), 1))
        await until_it_waits(database.connection)
    assert isinstance(await person, Declined)
    assert database.order(order_id).state == "unconfirmed"
    assert database.all("SELECT FROM polls") == []


async def test_an_order_that_was_sent_again_meanwhile(database: Database) -> None:
    order_id = add_unconfirmed(database)
    seen = database.scalar("SELECT max(id) FROM submissions")
    add_submission(database, order_id, "unknown")
    result = await by_hand(database, order_id, ResolvedAs(OrderState.REJECTED), seen)
    assert result == Declined(order_id, "was sent again meanwhile: read its history anew")
    assert database.order(order_id).state == "unconfirmed"
