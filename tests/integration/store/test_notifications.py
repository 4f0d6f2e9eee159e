"""Wake-ups for the worker and for consumers, and events that become visible in the order of their ids."""

import asyncio
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.store.db.engine import make_engine
from worker.store.db.errors import DatabaseUnreachableError
from worker.store.db.listen import CHANNEL, notifications

EVENTS = "order_sync_events"
EVENT = "INSERT INTO order_events (order_id, kind, state_after) VALUES (1, 'status', 'submitted') RETURNING id"


@pytest.fixture
def listener(database_url: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        connection.execute(f"LISTEN {EVENTS}")
        yield connection


def heard(listener: "psycopg.Connection[Any]", database: Database) -> list[tuple[str, str]]:
    """All that was announced before now. A last word of our own shows that nothing else is under way."""
    database.execute("SELECT pg_notify(%s, 'the end')", [CHANNEL])
    announced = []
    for notification in listener.notifies(timeout=30):
        if notification.payload == "the end":
            return announced
        announced.append((notification.channel, notification.payload))
    pytest.fail("nothing was heard")


def test_one_wake_up_for_a_statement_of_many_rows(database: Database, listener: "psycopg.Connection[Any]") -> None:
    database.execute("INSERT INTO orders (service) SELECT 1 FROM generate_series(1, 3)")
    assert heard(listener, database) == [(CHANNEL, "orders")]
    database.execute("INSERT INTO refills (order_id) SELECT id FROM orders")
    assert heard(listener, database) == [(CHANNEL, "refills")]
    database.execute("INSERT INTO cancels (order_id) SELECT id FROM orders")
    assert heard(listener, database) == [(CHANNEL, "cancels")]
    database.execute("INSERT INTO order_events (order_id, kind, state_after) SELECT id, 'status', state FROM orders")
    assert heard(listener, database) == [(EVENTS, "")]


def test_of_two_inserts_that_follow_closely_one_is_announced(
    database: Database, listener: "psycopg.Connection[Any]"
) -> None:
    """How closely they follow is the machine's doing, so it is tried until they do."""
    for _ in range(100):
        database.execute("SELECT setval('orders_announced_at', 1)")
        database.add_order()
        database.add_order()
        if heard(listener, database) == [(CHANNEL, "orders")]:
            return
    pytest.fail("both were announced, each time")


@pytest.mark.parametrize("last", ["-1 hour", "1 hour"])
def test_a_lone_insert_is_announced_wherever_the_clock_was(
    database: Database, listener: "psycopg.Connection[Any]", last: str
) -> None:
    ago = "extract(epoch FROM now() + CAST(%s AS interval)) * 1000"
    database.execute(f"SELECT setval('orders_announced_at', CAST({ago} AS bigint))", [last])
    database.add_order()
    assert heard(listener, database) == [(CHANNEL, "orders")]


def test_the_wake_up_takes_nothing_from_the_path_of_who_inserts(
    database: Database, listener: "psycopg.Connection[Any]"
) -> None:
    """It has its owner's rights: whatever stands first in another's path must not be called with them."""
    database.execute("CREATE SCHEMA evil")
    database.execute("CREATE SEQUENCE evil.orders_announced_at START 5")
    for function in (
        "clock_timestamp() RETURNS timestamptz",
        "pg_sequence_last_value(regclass) RETURNS bigint",
        "setval(regclass, bigint) RETURNS bigint",
    ):
        kind = function.rpartition(" ")[2]
        database.execute(f"CREATE FUNCTION evil.{function} LANGUAGE sql AS 'SELECT CAST(NULL AS {kind})'")
    database.execute("CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE sql AS ''")
    for left, right in (("numeric", "int"), ("bigint", "bigint"), ("bigint", "int")):
        database.execute(f"CREATE FUNCTION evil.hit({left}, {right}) RETURNS int LANGUAGE sql AS 'SELECT 1 / 0'")
        for operator in ("*", "-", "<=", ">="):
            database.execute(
                f"CREATE OPERATOR evil.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = evil.hit)"
            )
    database.execute("SET search_path = evil, public, pg_catalog")
    database.add_order()
    assert database.scalar("SELECT last_value OPERATOR(pg_catalog.=) 5 FROM evil.orders_announced_at")
    database.execute("RESET search_path")
    assert heard(listener, database) == [(CHANNEL, "orders")]


def test_no_trigger_fires_row_by_row(database: Database) -> None:
    """Postgres folds equal notifications of one transaction, so what was heard doesn't tell."""
    rows = database.all("SELECT tgname, tgtype & 1 AS row_by_row FROM pg_trigger WHERE NOT tgisinternal")
    assert {row.tgname for row in rows if not row.row_by_row} == {
        "orders_wake_up",
        "refills_wake_up",
        "cancels_wake_up",
        "order_events_in_order",
        "order_events_announce",
    }
    assert [row.tgname for row in rows if row.row_by_row] == []


def test_a_transaction_that_is_rolled_back_wakes_nobody(
    database: Database, listener: "psycopg.Connection[Any]"
) -> None:
    with database.connection.transaction(force_rollback=True):
        order_id = database.add_order()
        database.insert("refills", order_id=order_id)
        database.insert("cancels", order_id=order_id)
        database.execute(EVENT)
    assert heard(listener, database) == []


def test_what_the_worker_changes_wakes_nobody(database: Database, listener: "psycopg.Connection[Any]") -> None:
    order_id = database.add_order()
    heard(listener, database)
    database.execute("UPDATE orders SET checked_at = now() WHERE id = %s", [order_id])
    assert heard(listener, database) == []


async def test_the_worker_hears_of_it(engine: AsyncEngine, database: Database) -> None:
    words = notifications(engine)
    async with asyncio.timeout(30):
        assert await anext(words) == ""
        database.add_order()
        assert await anext(words) == "orders"
        await words.aclose()


async def test_a_lost_connection_is_told(engine: AsyncEngine, database: Database) -> None:
    words = notifications(engine)
    assert await anext(words) == ""
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    with pytest.raises(DatabaseUnreachableError):
        await anext(words)


async def test_an_address_may_say_how_to_connect(database_url: str) -> None:
    engine = make_engine(
        f"{database_url}&connect_timeout=5&keepalives_idle=20&options=-c%20work_mem%3D5MB", pool_size=1
    )
    words = notifications(engine)
    assert await anext(words) == ""
    await words.aclose()
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql("SHOW work_mem")).scalar_one() == "5MB"
        assert (await connection.exec_driver_sql("SHOW statement_timeout")).scalar_one() == "30s"
    await engine.dispose()


def missed_by_a_reader(database: Database) -> set[int]:
    """What a consumer that polls `id > last` never sees, when the first of two writers commits last."""
    with psycopg.connect(database.url) as first, ThreadPoolExecutor(1) as pool:
        first_id = written_by(first)
        second = psycopg.connect(database.url)
        pid = second.info.backend_pid
        second_id = pool.submit(written_and_committed, second)
        wait_until_blocked_or_done(database, pid, second_id.done)
        seen = [row.id for row in database.all("SELECT id FROM order_events ORDER BY id")]
        first.commit()
        written = {first_id, second_id.result(timeout=30)}
    last = max(seen, default=0)
    seen += [row.id for row in database.all("SELECT id FROM order_events WHERE id > %s ORDER BY id", [last])]
    return written - set(seen)


def written_by(connection: "psycopg.Connection[Any]") -> int:
    row = connection.execute(EVENT).fetchone()
    assert row is not None
    return int(row[0])


def written_and_committed(connection: "psycopg.Connection[Any]") -> int:
    with connection:
        return written_by(connection)


def wait_until_blocked_or_done(database: Database, pid: int, done: Any) -> None:
    while not done() and not database.scalar("SELECT pg_blocking_pids(%s) <> '{}'", [pid]):
        pass


def test_events_become_visible_in_the_order_of_their_ids(database: Database) -> None:
    assert missed_by_a_reader(database) == set()


def test_without_the_trigger_a_reader_would_miss_one(database: Database) -> None:
    database.execute("DROP TRIGGER order_events_in_order ON order_events")
    assert len(missed_by_a_reader(database)) == 1


def test_a_reader_beside_many_writers_misses_nothing(database: Database) -> None:
    def write(seed: int) -> set[int]:
        dice, written = random.Random(seed), set()
        with psycopg.connect(database.url) as connection:
            for _ in range(20):
                ids = {written_by(connection) for _ in range(dice.randint(1, 3))}
                connection.execute("SELECT pg_sleep(%s)", [dice.random() / 500])
                if dice.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()
                    written |= ids
        return written

    def read() -> list[int]:
        seen: list[int] = []
        with psycopg.connect(database.url, autocommit=True) as connection:
            while True:
                last_turn = over.is_set()
                query = "SELECT id FROM order_events WHERE id > %s ORDER BY id"
                seen += [row_id for (row_id,) in connection.execute(query, [seen[-1] if seen else 0])]
                if last_turn:
                    return seen

    over = threading.Event()
    with ThreadPoolExecutor(9) as pool:
        reader = pool.submit(read)
        writers = [pool.submit(write, seed) for seed in range(8)]
        try:
            written = set().union(*(writer.result(timeout=60) for writer in writers))
        finally:
            over.set()
        seen = reader.result(timeout=60)
    assert len(seen) == len(written) > 8 * 10
    assert set(seen) == written
