"""A loose index scan finds each value once, in the order of the index, and a null at the end."""

from typing import Any

import psycopg
import pytest
from psycopg import sql

from worker.store.db.loose_index_scan import distinct_values

ROWS = """
    CREATE TABLE things (kind text, size int);
    INSERT INTO things VALUES ('b', 1), ('a', 2), ('b', 2), ('a', 2), ('d', 3), ('c', NULL);
"""


@pytest.mark.parametrize(
    ("scan", "found"),
    [
        (distinct_values("known", "things", "kind"), ["a", "b", "c", "d", None]),
        (distinct_values("known", "things", "size", descending=True), [3, 2, 1, None]),
        (distinct_values("known", "things", "kind", "size = 2"), ["a", "b", None]),
        (distinct_values("known", "things", "kind", "size = 1", "size > 1"), ["a", "b", "d", None]),
        (distinct_values("known", "things", "kind", "size = 1", "size > 2", descending=True), ["d", "b", None]),
        (distinct_values("known", "things", "kind", "size > 3"), [None]),
    ],
)
def test_each_value_is_found_once(empty_database_url: str, scan: str, found: list[Any]) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(ROWS)
        rows = connection.execute(sql.SQL(f"WITH RECURSIVE {scan} SELECT * FROM known")).fetchall()  # noqa: S608 - names of ours
    assert [value for (value,) in rows] == found
