"""Tests that `order-sync orders retry` puts back only orders that the panel certainly didn't take."""

import pytest

from tests.integration.cli.conftest import OrderSync, add_submission
from tests.integration.store.plain_sql import Database
from worker.domain.orders.states import OrderState


def test_a_rejected_order_goes_back(order_sync: OrderSync, database: Database) -> None:
    order_id = database.add_order(
        state="rejected", error_code="link_refused", error="Bad Link", attempts=1, finished_at="now"
    )
    add_submission(database, order_id, "unknown")
    add_submission(database, order_id, "refused")
    ended = order_sync("orders", "retry", str(order_id), "--why", "link mended")
    assert (ended.code, ended.out, ended.err) == (0, f"order {order_id} is pending again\n", "")
    order = database.order(order_id)
    assert (order.state, order.error_code, order.error, order.finished_at) == ("pending", None, None, None)
    assert (order.attempts, order.retry_at) == (1, None)
    (event,) = database.events(order_id)
    assert (event.kind, event.state_before, event.state_after) == ("retried", "rejected", "pending")
    assert event.detail == {"who": "ann", "why": "link mended"}


@pytest.mark.parametrize("state", [state for state in OrderState if state is not OrderState.REJECTED])
def test_any_other_is_left_alone(order_sync: OrderSync, database: Database, state: OrderState) -> None:
    order_id = database.add_order(state=str(state), panel_order_id="5")
    before = database.order(order_id)
    ended = order_sync("orders", "retry", str(order_id))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"order-sync: order {order_id} is {state}")
    assert ("`orders resolve`" in ended.err) is (state is OrderState.UNCONFIRMED)
    assert database.order(order_id) == before
    assert database.events(order_id) == []


@pytest.mark.parametrize(
    "outcomes",
    [["unknown"], ["lease_ended"], [None], ["accepted", "refused"], ["accepted_late", "refused"]],
)
def test_one_that_the_panel_may_have_taken_is_left_alone(
    order_sync: OrderSync, database: Database, outcomes: list[str | None]
) -> None:
    order_id = database.add_order(state="rejected", error_code="rejected_by_operator", error="given up")
    for outcome in outcomes:
        add_submission(database, order_id, outcome)
    ended = order_sync("orders", "retry", str(order_id))
    assert ended.code == 1
    assert "the panel may have taken it" in ended.err
    assert database.order(order_id).state == "rejected"


def test_one_that_was_refuted_and_then_refused_goes_back(order_sync: OrderSync, database: Database) -> None:
    """The panel certainly didn't take it; then the worker's own check refused it, without another call."""
    order_id = database.add_order(state="rejected", error_code="unknown_service")
    add_submission(database, order_id, "refuted")
    assert order_sync("orders", "retry", str(order_id)).code == 0
    assert database.order(order_id).state == "pending"


def test_each_for_itself(order_sync: OrderSync, database: Database) -> None:
    ids = [database.add_order(state=state) for state in ("rejected", "pending", "rejected")]
    ended = order_sync("orders", "retry", *map(str, [*reversed(ids), ids[0], 99]))
    assert ended.code == 1
    assert ended.out == "order 1 is pending again\norder 3 is pending again\n"
    assert ended.err == "order-sync: order 2 is pending already\norder-sync: order 99 doesn't exist\n"
    assert database.kinds(1) == ["retried"]


@pytest.mark.parametrize("arguments", [[], ["0"], ["x"], ["1", "--why", ""]])
def test_wrong_usage(order_sync: OrderSync, arguments: list[str]) -> None:
    ended = order_sync("orders", "retry", *arguments)
    assert (ended.code, ended.out) == (2, "")
