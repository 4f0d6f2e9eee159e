"""What an INSERT refuses and what it leaves to the defaults."""

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.store.plain_sql import Database


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"quantity": 0}, "orders_quantity_check"),
        ({"quantity": -5}, "orders_quantity_check"),
        ({"runs": 3}, "orders_drip_feed_check"),
        ({"interval_minutes": 30}, "orders_drip_feed_check"),
        ({"runs": 0, "interval_minutes": 30}, "orders_runs_check"),
        ({"runs": 3, "interval_minutes": 0}, "orders_interval_minutes_check"),
        ({"params": Jsonb(["a comment"])}, "orders_params_check"),
        ({"params": Jsonb("a comment")}, "orders_params_check"),
        ({"params": Jsonb(None)}, "orders_params_check"),
        ({"max_charge": -1}, "orders_max_charge_check"),
        ({"max_charge": float("nan")}, "orders_max_charge_check"),
        ({"panel": ""}, "orders_panel_check"),
        ({"service": ""}, "orders_service_check"),
        ({"state": "lost"}, "orders_state_check"),
        ({"state": "Pending"}, "orders_state_check"),
        ({"state": "submitted"}, "orders_panel_order_id_check"),
        ({"state": "completed"}, "orders_panel_order_id_check"),
        ({"state": "partial"}, "orders_panel_order_id_check"),
    ],
)
def test_an_order_that_is_refused(database: Database, columns: dict[str, Any], constraint: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        database.add_order(**columns)
    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("column", ["panel", "service", "params", "priority", "not_before", "state"])
def test_a_null_that_is_refused(database: Database, column: str) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation) as refused:
        database.add_order(**{column: None})
    assert refused.value.diag.column_name == column


@pytest.mark.parametrize(
    ("table", "state"),
    [("refills", "accepted"), ("refills", "done"), ("cancels", "submitted"), ("cancels", "done")],
)
def test_a_request_in_a_state_that_is_not_its_own(database: Database, table: str, state: str) -> None:
    order_id = database.add_order()
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        database.insert(table, order_id=order_id, state=state)
    assert refused.value.diag.constraint_name == f"{table}_state_check"


@pytest.mark.parametrize("table", ["refills", "cancels"])
def test_a_request_about_no_order(database: Database, table: str) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.insert(table, order_id=42)
    with pytest.raises(psycopg.errors.NotNullViolation):
        database.insert(table, reference="about nothing")


def test_the_least_that_a_producer_writes(database: Database) -> None:
    database.execute("INSERT INTO orders (service, link, quantity) VALUES (42, 'https://example.com/p', 100)")
    order = database.one("SELECT *, now() - created_at AS age FROM orders")
    assert (order.panel, order.service, order.state) == ("default", "42", "pending")
    assert (order.params, order.priority, order.attempts) == ({}, 0, 0)
    assert isinstance(order.created_at, datetime)
    assert order.not_before == order.created_at == order.updated_at
    assert order.age.total_seconds() < 60
    empty = set(order._fields) - {"id", "panel", "service", "link", "quantity", "params", "priority", "state"}
    empty -= {"attempts", "not_before", "created_at", "updated_at", "age"}
    assert {name: getattr(order, name) for name in empty} == dict.fromkeys(empty)


@pytest.mark.parametrize("table", ["refills", "cancels"])
def test_the_least_of_a_request(database: Database, table: str) -> None:
    order_id = database.add_order()
    request = database.row(table, database.insert(table, order_id=order_id))
    assert (request.state, request.reference, request.error_code, request.error) == ("pending", None, None, None)
    assert request.created_at == request.updated_at == request.due_at
    assert request.finished_at is None


@pytest.mark.parametrize("table", ["orders", "refills", "cancels"])
def test_inserting_twice_under_one_reference_is_harmless(database: Database, table: str) -> None:
    order_id = database.add_order()
    about = {"service": "1"} if table == "orders" else {"order_id": order_id}
    database.insert(table, reference="shop-1", **about)
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        database.insert(table, reference="shop-1", **about)
    assert refused.value.diag.constraint_name == f"{table}_reference_key"
    column, value = next(iter(about.items()))
    database.execute(
        f"INSERT INTO {table} ({column}, reference) VALUES (%s, 'shop-1') ON CONFLICT (reference) DO NOTHING",  # noqa: S608 - names of ours
        [value],
    )
    assert database.scalar(f"SELECT count(*) FROM {table} WHERE reference IS NOT NULL") == 1  # noqa: S608 - a table of ours


def test_a_panel_order_belongs_to_one_row_of_its_panel(database: Database) -> None:
    database.add_order(state="submitted", panel_order_id="500")
    database.add_order(state="submitted", panel_order_id="500", panel="other")
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        database.add_order(state="submitted", panel_order_id="500")
    assert refused.value.diag.constraint_name == "orders_panel_order_id_key"


def test_what_is_open_may_be_empty_and_what_is_over_delivered_negative(database: Database) -> None:
    order_id = database.add_order(quantity=None, link=None, remains=-12, max_charge=0, runs=2, interval_minutes=1)
    assert database.order(order_id).remains == -12


def test_one_open_submission_an_order(database: Database) -> None:
    about = {"order_id": 1, "panel": "default", "worker_id": UUID(int=1), "is_parent": False}
    database.insert("submissions", **about)
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.insert("submissions", **about)
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute("UPDATE submissions SET outcome = 'accepted'")
    database.execute("UPDATE submissions SET outcome = 'accepted', ended_at = now()")
    database.insert("submissions", **about)
