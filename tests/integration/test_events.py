"""Following events: none is missed and none doubled, whoever writes beside it and whatever dies."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.integration.following import WRITE, Plan, run
from tests.integration.store.plain_sql import Database
from worker.events import Bookmark, BookmarkMovedError, Event, follow, latest


@pytest.fixture
def connection(database_url: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def write(database: Database, number: int = 1) -> list[int]:
    return [row.id for row in database.all(WRITE, [number])]


def test_beside_ten_writers_none_is_missed_and_none_doubled(database_url: str) -> None:
    """Not by who follows undisturbed, nor by what a consumer writes that is killed again and again.

    What it does elsewhere happens again for the event at which it was killed, and for no other.
    """
    plan = Plan()
    figures = run(database_url, plan)
    assert (figures.missed, figures.doubled, figures.out_of_order) == (0, 0, 0), figures
    assert (figures.consumed_missed, figures.consumed_doubled) == (0, 0), figures
    assert figures.printed_missed == 0, figures
    assert figures.repeated <= plan.kills, figures
    assert figures.rolled_back > 0


def test_what_is_new_is_told_at_once(database: Database, connection: "psycopg.Connection[Any]") -> None:
    """Long before it would look without having been told."""
    first = write(database, 2)
    events = follow(connection, after=0, look_every=3600)
    assert [next(events).id for _ in range(2)] == first
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            waiting = pool.submit(next, events)
            (new,) = write(database)
            assert waiting.result(timeout=30).id == new


def test_it_looks_anyway_where_nothing_is_announced(database: Database, connection: "psycopg.Connection[Any]") -> None:
    database.execute("ALTER TABLE order_events DISABLE TRIGGER order_events_announce")
    events = follow(connection, after=0, look_every=0.05)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, events)
        (new,) = write(database)
        assert waiting.result(timeout=30).id == new


def test_an_event_has_all_that_is_known_of_it(database: Database, connection: "psycopg.Connection[Any]") -> None:
    order_id = database.add_order(panel="other", reference="shop-1")
    for about in (order_id, order_id + 1):
        database.execute(
            "INSERT INTO order_events (order_id, at, kind, state_before, state_after, panel_status, charge, remains, "
            "start_count, detail) VALUES (%s, '2026-11-24 12:00+01', 'status', 'submitted', 'partial', 'Partial', 0.5, "
            """-1, 7, '{"orders": ["1"]}')""",
            [about],
        )
    event, of_a_deleted_order = follow(connection, after=0, forever=False)
    assert event == Event(
        *(1, order_id, "other", "shop-1", datetime(2026, 11, 24, 11, tzinfo=UTC), "status", "submitted", "partial"),
        *("Partial", Decimal("0.50000000"), -1, 7, {"orders": ["1"]}),
    )
    assert (event.plain()["at"], event.plain()["charge"]) == ("2026-11-24T11:00:00+00:00", "0.50000000")
    assert (of_a_deleted_order.order_id, of_a_deleted_order.panel) == (order_id + 1, None)


def test_what_was_archived_meanwhile_is_told_too(database: Database, connection: "psycopg.Connection[Any]") -> None:
    ids = write(database, 5)
    database.execute("UPDATE order_events SET order_id = 2 WHERE id IN (%s, %s)", [ids[0], ids[3]])
    database.execute("SELECT order_sync_archive('{2}', now() + interval '1 h')")
    assert database.scalar("SELECT count(*) FROM order_events") == 3
    assert [event.id for event in follow(connection, after=0, at_most=2, forever=False)] == ids
    assert latest(connection) == ids[-1]


def test_a_bookmark_is_kept(database: Database, database_url: str) -> None:
    ids = write(database, 3)
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        assert latest(connection) == ids[-1]
        assert Bookmark(connection, "a").position == 0
        assert Bookmark(connection, "b", begin_at=latest(connection)).position == ids[-1]
        Bookmark(connection, "a").move(ids[1])
        assert Bookmark(connection, "a", begin_at=5).position == ids[1]
        assert [event.id for event in follow(connection, after=ids[1], forever=False)] == ids[2:]


def test_two_processes_of_one_name_notice(connection: "psycopg.Connection[Any]") -> None:
    one, other = Bookmark(connection, "same"), Bookmark(connection, "same")
    one.move(1)

    def do_again() -> None:
        with connection.transaction():
            connection.execute("CREATE TABLE done ()")
            other.move(1)

    with pytest.raises(BookmarkMovedError, match="'same'"):
        do_again()
    assert connection.execute("SELECT to_regclass('done')").fetchone() == (None,)


def test_a_consumer_may_lack_the_right_to_make_tables(database: Database) -> None:
    Bookmark(database.connection, "first")
    with database.connection.transaction(force_rollback=True):
        database.execute("CREATE ROLE reads_events")
        database.execute("REVOKE CREATE ON SCHEMA public FROM public")
        database.execute("GRANT SELECT, INSERT, UPDATE ON order_sync_bookmarks TO reads_events")
        database.execute("SET ROLE reads_events")
        Bookmark(database.connection, "second").move(1)


def test_many_may_begin_at_once(database: Database) -> None:
    def begin(number: int) -> int:
        with psycopg.connect(database.url, autocommit=True) as connection:
            return Bookmark(connection, f"consumer {number}").position

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(begin, range(8))) == [0] * 8


def test_a_connection_in_a_transaction_hears_of_nothing(database_url: str) -> None:
    with psycopg.connect(database_url) as connection, pytest.raises(ValueError, match="autocommit"):
        next(follow(connection, after=0))
