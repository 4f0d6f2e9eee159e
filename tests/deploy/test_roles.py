"""deploy/postgres/roles.sql and grants.sql: what each role can do, and what it can't."""

from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.commands.command import order_sync
from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert, orders
from tests.deploy.conftest import LaidOut
from tests.tables_of import Page
from worker.domain.orders.changes import Change
from worker.domain.orders.operator_actions import Declined
from worker.events import Bookmark, follow
from worker.sandbox import Sandbox, SandboxOptions
from worker.store.db.engine import make_engine
from worker.store.queue.operator_actions import NewOrder, OperatorActions
from worker.store.schema.migrate import migrate
from worker.store.schema.revision import head
from worker.store.schema.tables import metadata

ORDER = "INSERT INTO orders (service, link, quantity, reference) VALUES (1, 'https://example.com', 100, 'a')"

ORDER_WITH_ALL = """
    INSERT INTO orders
        (panel, service, link, quantity, runs, interval_minutes, params, reference, priority, not_before, max_charge)
    VALUES ('default', '1', 'x', 10, 2, 5, '{}', 'b', 1, now(), 2.5)
"""

#: The columns that a producer may set, of each of its tables.
OWN = {
    table: {row[0] for row in Page("docs/reference/tables.md").table("column", below=table) if row[2] == "producer"}
    for table in ("orders", "refills", "cancels")
}

MAY = {
    "producer": [
        f"{ORDER} ON CONFLICT (reference) DO NOTHING RETURNING id",
        ORDER_WITH_ALL,
        "INSERT INTO refills (order_id, reference) SELECT id, 'r' FROM orders ON CONFLICT (reference) DO NOTHING",
        "INSERT INTO cancels (order_id) SELECT id FROM orders",
        "SELECT * FROM orders, refills, cancels, order_events, order_events_all, services, service_changes",
        "LISTEN order_sync_events",
    ],
    "worker": [
        "UPDATE orders SET state = 'unconfirmed', attempts = 1, retry_at = now()",
        "SELECT FROM orders FOR NO KEY UPDATE SKIP LOCKED",
        "INSERT INTO order_events (order_id, kind, state_after) VALUES (1, 'status', 'submitted')",
        "SELECT * FROM order_sync_archive('{1}', now())",
        "DELETE FROM workers WHERE ended_at < now()",
        "LISTEN order_sync_work",
    ],
    "reader": [f"TABLE {table}" for table in metadata.tables],
    "owner": ["ALTER TABLE orders ADD COLUMN more text"],
}

MAY_NOT = {
    "producer": [
        "INSERT INTO orders (service, state) VALUES ('1', 'completed')",
        "INSERT INTO orders (service, panel_order_id) VALUES ('1', '1')",
        "INSERT INTO orders (service, created_at) VALUES ('1', now())",
        "INSERT INTO orders (id, service) VALUES (1, '1')",
        "INSERT INTO refills (order_id, state) VALUES (1, 'completed')",
        "INSERT INTO cancels (order_id, due_at) VALUES (1, now())",
        "UPDATE orders SET quantity = 1",
        "UPDATE orders SET state = 'completed'",
        "SELECT FROM orders FOR SHARE",
        "DELETE FROM orders",
        "TRUNCATE orders CASCADE",
        "INSERT INTO order_events (order_id, kind, state_after) VALUES (1, 'status', 'completed')",
        "SELECT * FROM balances",
        "SELECT * FROM submissions",
        "SELECT * FROM submissions_all",
        "SELECT * FROM order_sync_archive('{1}', now())",
        "UPDATE pauses SET until = now()",
        "INSERT INTO workers (id, name, lease_until) VALUES (gen_random_uuid(), 'me', now())",
        "CREATE TABLE mine ()",
    ],
    "worker": [
        ORDER,
        "UPDATE orders SET link = 'https://example.com/other'",
        "UPDATE orders SET quantity = 1",
        "UPDATE orders SET max_charge = NULL",
        "UPDATE orders SET id = 2",
        "UPDATE refills SET order_id = 2",
        "DELETE FROM orders",
        "INSERT INTO cancels (order_id) VALUES (1)",
        "UPDATE order_events SET charge = 0",
        "DELETE FROM order_events",
        "DELETE FROM submissions",
        "DELETE FROM order_events_archive",
        "INSERT INTO order_events_archive (id, order_id) VALUES (1, 1)",
        "UPDATE balances SET balance = 0",
        "UPDATE alembic_version SET version_num = '0'",
        "CREATE TABLE mine ()",
        "ALTER TABLE orders DISABLE TRIGGER ALL",
    ],
    "reader": [
        *(f"TRUNCATE {table} CASCADE" for table in metadata.tables),
        "DELETE FROM orders",
        ORDER,
        "SELECT * FROM order_sync_archive('{1}', now())",
        "UPDATE orders SET state = 'completed'",
        "CREATE TABLE mine ()",
    ],
    "owner": ["CREATE ROLE another", "CREATE DATABASE another"],
}


def test_what_each_may_and_may_not(laid_out: LaidOut) -> None:
    with psycopg.connect(laid_out.url("producer"), autocommit=True) as producer:
        producer.execute(ORDER)
        producer.execute("INSERT INTO refills (order_id) SELECT id FROM orders")
    for role, statements in MAY.items():
        with psycopg.connect(laid_out.url(role), autocommit=True) as connection:
            # What it isn't allowed is refused, rather than what it doesn't do of its own accord.
            connection.execute("SET default_transaction_read_only = off")
            for statement in MAY_NOT[role]:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
            for statement in statements:
                connection.execute(statement)


async def test_an_operator_may_ask_by_hand_for_what_a_shop_may(laid_out: LaidOut) -> None:
    engine = make_engine(laid_out.url("operator"), pool_size=1)
    try:
        actions = OperatorActions(engine)
        order_id = await actions.add(NewOrder("1", link="https://example.com/me", quantity=100), who="ann", why=None)
        assert order_id is not None
        (asked,) = await actions.ask("cancels", [order_id], who="ann", why="so")
        assert isinstance(asked, Change)
        (declined,) = await actions.ask("refills", [order_id], who="ann", why="so")
        assert isinstance(declined, Declined)
    finally:
        await engine.dispose()


def test_a_shop_keeps_a_bookmark_in_a_table_that_the_owner_has_made(laid_out: LaidOut) -> None:
    made = Page("docs/operating/database.md").block("sql", "CREATE TABLE")
    with psycopg.connect(laid_out.url("owner")) as owner:
        owner.execute(made.replace("order_sync_producer", f"{laid_out.prefix}_producer"))
    with psycopg.connect(laid_out.url("producer"), autocommit=True) as producer:
        Bookmark(producer, "shop").move(7)
        assert Bookmark(producer, "shop").position == 7
        assert list(follow(producer, after=0, forever=False)) == []


def test_a_producers_insert_wakes_the_worker_and_an_event_its_consumers(laid_out: LaidOut) -> None:
    with (
        psycopg.connect(laid_out.url("worker"), autocommit=True) as worker,
        psycopg.connect(laid_out.url("producer"), autocommit=True) as producer,
    ):
        worker.execute("LISTEN order_sync_work")
        producer.execute("LISTEN order_sync_events")
        producer.execute(ORDER)
        assert [n.payload for n in worker.notifies(timeout=30, stop_after=1)] == ["orders"]
        worker.execute("INSERT INTO order_events (order_id, kind, state_after) VALUES (1, 'status', 'submitted')")
        assert [n.channel for n in producer.notifies(timeout=30, stop_after=1)] == ["order_sync_events"]


def test_every_table_and_column_has_its_rights(laid_out: LaidOut) -> None:
    """A table or column that is new has to be put into grants.sql."""
    with psycopg.connect(laid_out.url("reader")) as reader:

        def may(role: str, right: str, table: str, column: str) -> bool:
            asked = [f"{laid_out.prefix}_{role}", table, column, right]
            row = reader.execute("SELECT has_column_privilege(%s, %s, %s, %s)", asked).fetchone()
            return row == (True,)

        for table in metadata.tables.values():
            columns = {column.name for column in table.columns}
            own = OWN.get(table.name, set())
            for role in ("worker", "reader"):
                assert {column for column in columns if may(role, "SELECT", table.name, column)} == columns
            assert {column for column in columns if may("producer", "INSERT", table.name, column)} == own
            if own:
                changed = {column for column in columns if may("worker", "UPDATE", table.name, column)}
                assert changed == columns - own - {"id", "created_at"}
            else:
                # What is in the archive was moved there, and by one function alone.
                writes = may("worker", "INSERT", table.name, next(iter(columns)))
                assert writes is not table.name.endswith("_archive"), table.name


@pytest.mark.parametrize("command", ["migrate", "run", "check"])
async def test_rights_that_are_wanting_are_one_line(roles: LaidOut, command: str) -> None:
    """As when somebody forgets grants.sql, or migrates as the worker."""
    if command != "migrate":
        migrate(roles.url("owner"))
    panel = {"PANELS__DEFAULT__URL": "http://127.0.0.1:9/api/v2", "PANELS__DEFAULT__KEY": "a-key", "LISTEN": ""}
    ended = await order_sync(command, settings={**panel, "DATABASE_URL": roles.url("worker")})
    assert ended.code == 1
    assert "permission denied for" in ended.text
    assert "Traceback" not in ended.text


async def test_where_sessions_may_not_be_ended_all_else_is_done(laid_out: LaidOut, tmp_path: Path) -> None:
    tables = Tables(laid_out.superuser_url)
    tables.rows("REVOKE EXECUTE ON FUNCTION pg_terminate_backend FROM PUBLIC")
    async with Sandbox(SandboxOptions(balance=Decimal(1000), latency=5)) as sandbox:
        settings = settings_for(laid_out.url("worker"), sandbox.url)
        async with worker(settings, tmp_path / "killed") as killed:
            insert(laid_out.url("producer"), orders(1, seed=1, services=[1]))
            await tables.until("SELECT state = 'submitting' FROM orders")
            await killed.kill()
        tables.rows("UPDATE workers SET lease_until = now()")
        async with worker(settings, tmp_path / "log") as daemon:
            assert (await daemon.said("job_failed"))["job"] == "blocking_sessions"
            await tables.until("SELECT state = 'unconfirmed' FROM orders")
            assert await daemon.stop() == 0
            assert {line["job"] for line in daemon.events("job_failed")} == {"blocking_sessions"}


def test_again_does_no_harm(laid_out: LaidOut) -> None:
    with (
        psycopg.connect(laid_out.superuser_url, autocommit=True) as admin,
        psycopg.connect(laid_out.url("owner"), autocommit=True) as owner,
    ):
        rights = "SELECT relname, relacl, attname, attacl FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        before = set(map(str, admin.execute(f"{rights} WHERE relnamespace = 'public'::regnamespace").fetchall()))
        admin.execute(laid_out.sql("roles.sql"))
        owner.execute(laid_out.sql("grants.sql"))
        after = set(map(str, admin.execute(f"{rights} WHERE relnamespace = 'public'::regnamespace").fetchall()))
    assert after == before


def test_limits_are_the_workers_own(laid_out: LaidOut) -> None:
    with psycopg.connect(laid_out.url("worker")) as worker:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")
        assert [worker.execute(f"SHOW {name}").fetchone() for name in names] == [("30s",), ("10s",), ("30s",), ("on",)]
        assert worker.execute("SELECT version_num FROM alembic_version").fetchone() == (head(),)
