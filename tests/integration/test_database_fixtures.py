"""The databases that every other test stands on."""

import psycopg
import pytest


def names(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchall()
    return [name for (name,) in rows]


@pytest.mark.parametrize("turn", [1, 2])
def test_a_test_sees_nothing_of_another(empty_database_url: str, turn: int) -> None:
    assert names(empty_database_url) == []
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE TABLE mine ()")
    assert names(empty_database_url) == ["mine"]


@pytest.mark.parametrize("turn", [1, 2])
def test_a_migrated_database_is_empty_each_time(database_url: str, turn: int) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        connection.execute("INSERT INTO orders (service, link, quantity) VALUES ('1', 'https://example.com/p', 100)")


def test_the_server_speaks_for_a_superuser(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,)
