"""docs/reference/tables.md says what the schema and the rights say, column for column."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from tests.deploy.conftest import LaidOut
from tests.tables_of import Page
from worker.events import Bookmark

TEXT = Page("docs/reference/tables.md").text

ARCHIVED = ("order_events", "submissions")

#: Each column with its type; whether its rows get it by themselves; and who may give it a value: a producer by an
#: insert, the worker by an insert or later.
COLUMNS = """
    SELECT
        c.relname, a.attname,
        replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz')
            || CASE WHEN a.attnotnull THEN '' ELSE '?' END,
        a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) IN ('now()', 'clock_timestamp()'), false),
        has_column_privilege(%(producer)s, c.oid, a.attnum, 'INSERT'),
        has_column_privilege(%(worker)s, c.oid, a.attnum, 'UPDATE'),
        has_column_privilege(%(worker)s, c.oid, a.attnum, 'INSERT'),
        a.attidentity <> ''
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum
"""

Columns = list[tuple[str, str, str]]


@pytest.fixture
def schema(laid_out: LaidOut) -> dict[str, Columns]:
    """Of each table and view the columns: name, type, and who writes it."""
    with psycopg.connect(laid_out.url("owner"), autocommit=True) as owner:
        Bookmark(owner, "somebody")
        asked = {role: f"{laid_out.prefix}_{role}" for role in ("producer", "worker")}
        found: dict[str, Columns] = {}
        for table, column, kind, by_itself, produced, changed, inserted, numbered in owner.execute(COLUMNS, asked):
            writes = produced or changed or (inserted and not by_itself)
            who = "database" if numbered or not writes else "producer" if produced else "worker"
            found.setdefault(table, []).append((column, kind, who))
    return found


def described() -> Iterator[tuple[str, Columns]]:
    for table, section in re.findall(r"^## (\w+)\n(.*?)(?=^## )", TEXT, re.MULTILINE | re.DOTALL):
        rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (\w+) \|", section, re.MULTILINE)
        assert len(rows) == section.count("\n|") - 2, f"{table}: a row that can't be read"
        yield table, rows


def test_every_column_with_its_type_and_who_writes_it(schema: dict[str, Columns]) -> None:
    tables = dict(described())
    assert tables == {table: schema[table] for table in tables}


def test_no_table_is_missing_and_none_is_made_up(schema: dict[str, Columns]) -> None:
    names = {table: [column for column, _, _ in columns] for table, columns in schema.items()}
    own = {
        table: re.findall(r"`(\w+)`", columns)
        for table, columns in re.findall(r"^\| `(\w+)` \| (`.*?`) \| [^|]* \|$", TEXT, re.MULTILINE)
    }
    assert {table: names[table] for table in own} == own
    again = {f"{table}_{where}" for table in ARCHIVED for where in ("archive", "all")}
    assert all(f"`{name}`" in TEXT for name in again)
    (bookmarks,) = re.findall(r"`order_sync_bookmarks`[^`]*((?:`\w+`[^`:]*)+)", TEXT)
    assert re.findall(r"`(\w+)`", bookmarks) == names["order_sync_bookmarks"]
    assert names.keys() == {table for table, _ in described()} | own.keys() | again | {"order_sync_bookmarks"}


def test_both_places_of_history_have_the_same_columns(schema: dict[str, Columns]) -> None:
    for table in ARCHIVED:
        for where in ("archive", "all"):
            assert [column for column, _, _ in schema[f"{table}_{where}"]] == [column for column, _, _ in schema[table]]
