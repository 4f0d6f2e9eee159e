"""The schema: what the revisions build is what the tables say, there and back, from many places at once."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from tests.databases import new_database
from worker.store.db.engine import connection_to, sqlalchemy_url
from worker.store.db.errors import DatabaseUnreachableError
from worker.store.schema import migrate as migrations
from worker.store.schema.migrate import NarrowEncodingError, NewerSchemaError, downgrade, migrate
from worker.store.schema.revision import Schema, current, directory, head, schema
from worker.store.schema.tables import STORAGE, metadata

CATALOGUE = """
    SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
        pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated, NULL, NULL, NULL
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef, NULL, NULL, NULL, NULL
    FROM pg_indexes WHERE schemaname = 'public'
"""

LEFT_BEHIND = """
    SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT typname::text FROM pg_type WHERE typnamespace = 'public'::regnamespace
"""

BOTH_WAIT = """
    SELECT count(*) = 2 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
"""

ALEMBICS_OWN = {"alembic_version", "_alembic_version", "alembic_version_pkc"}


def catalogue(url: str) -> set[tuple[Any, ...]]:
    """All that Postgres knows of columns, constraints and indexes."""
    with psycopg.connect(url) as connection:
        return {row for row in connection.execute(CATALOGUE).fetchall() if row[1] not in ALEMBICS_OWN}


@pytest.fixture
def created(empty_database_url: str) -> str:
    """A database that was made from the tables, without any revision."""
    engine = create_engine(sqlalchemy_url(empty_database_url))
    metadata.create_all(engine)
    engine.dispose()
    return empty_database_url


def test_a_migrated_database_equals_the_tables(database_url: str, created: str) -> None:
    migrated = catalogue(database_url)
    assert migrated ^ catalogue(created) == set()
    assert {kind for kind, *_ in migrated} == {"column", "constraint", "index"}


@pytest.mark.parametrize(
    "drift",
    [
        "ALTER TABLE orders DROP CONSTRAINT orders_quantity_check",
        "ALTER TABLE orders ALTER priority DROP DEFAULT",
        "ALTER TABLE orders ALTER charge TYPE numeric",
        "DROP INDEX orders_pending_idx",
        "ALTER TABLE polls ADD COLUMN more text",
    ],
)
def test_a_difference_would_be_seen(database_url: str, created: str, drift: str) -> None:
    with psycopg.connect(created) as connection:
        connection.execute(drift)
    assert catalogue(database_url) ^ catalogue(created)


def test_tables_are_stored_as_they_say(database_url: str) -> None:
    options = "SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    with psycopg.connect(database_url) as connection:
        stored = {table: frozenset(given) for table, given in connection.execute(options) if given}
    assert stored == STORAGE


def test_alembic_finds_nothing_to_generate(database_url: str) -> None:
    engine = create_engine(sqlalchemy_url(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_alembic_knows_the_same_revisions(database_url: str) -> None:
    """They are read without it elsewhere."""
    scripts = ScriptDirectory(str(directory()))
    assert scripts.get_heads() == [head()]
    engine = create_engine(sqlalchemy_url(database_url))
    with engine.connect() as connection:
        assert current(connection) == MigrationContext.configure(connection).get_current_revision() == head()
    engine.dispose()


def served() -> dict[str, str]:
    """For each revision, the oldest whose workers it says that it serves."""
    return {script.revision: script.module.serves for script in ScriptDirectory(str(directory())).walk_revisions()}


def test_each_revision_says_whom_it_serves() -> None:
    oldest = served()
    assert all(oldest[revision] in oldest and oldest[revision] <= revision for revision in oldest)
    assert [oldest[revision] for revision in sorted(oldest)] == sorted(oldest.values())


def test_the_database_says_whom_it_serves(database_url: str) -> None:
    said = Schema(head(), serves=served()[head()])
    with connection_to(database_url) as connection:
        assert schema(connection) == said
        connection.execute(text("ALTER TABLE alembic_version DROP COLUMN serves"))
    with connection_to(database_url) as connection:
        assert schema(connection) == Schema(head())
    assert migrate(database_url) == (head(), head())
    with connection_to(database_url) as connection:
        assert schema(connection) == said


def test_down_to_nothing_and_up_again(empty_database_url: str) -> None:
    assert migrate(empty_database_url) == (None, head())
    built = catalogue(empty_database_url)
    assert downgrade(empty_database_url, "base") == (head(), None)
    with psycopg.connect(empty_database_url) as connection:
        assert {name for (name,) in connection.execute(LEFT_BEHIND)} == ALEMBICS_OWN
    assert migrate(empty_database_url) == (None, head())
    assert catalogue(empty_database_url) == built
    assert migrate(empty_database_url) == (head(), head())


def test_two_migrate_at_once(empty_database_url: str) -> None:
    command = [sys.executable, "-m", "worker", "migrate"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "ORDER_SYNC_DATABASE_URL": empty_database_url,
    }
    with psycopg.connect(empty_database_url, autocommit=True) as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", [migrations._LOCK])
        both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        wait_until(gate, BOTH_WAIT)
        gate.execute("SELECT pg_advisory_unlock_all()")
        said = sorted(process.communicate(timeout=30)[0] for process in both)
    assert said == [
        f"The schema is at head already ({head()}).\n",
        f"The schema went from nothing to {head()}.\n",
    ]
    assert [process.returncode for process in both] == [0, 0]


@pytest.fixture
def held(empty_database_url: str) -> Iterator["psycopg.Connection[Any]"]:
    """Who keeps every migrator waiting, in a database where none waits for long."""
    with psycopg.connect(empty_database_url, autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{other.info.dbname}" SET lock_timeout = 50')
        other.execute("SELECT pg_advisory_lock(%s)", [migrations._LOCK])
        yield other


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens in the pauses between two tries, one after the other."""
    happens: list[Callable[[], object]] = []
    monkeypatch.setattr(migrations, "time", SimpleNamespace(sleep=lambda _: happens.pop(0)()))
    return happens


def test_a_migration_that_a_lock_keeps_from_its_end_begins_anew(
    empty_database_url: str, held: "psycopg.Connection[Any]", pauses: list[Callable[[], object]]
) -> None:
    pauses += [lambda: None, lambda: held.execute("SELECT pg_advisory_unlock_all()")]
    assert migrate(empty_database_url) == (None, head())
    assert pauses == []


def test_it_gives_way_to_whoever_uses_a_table(database_url: str, pauses: list[Callable[[], object]]) -> None:
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM orders")
        pauses.append(other.rollback)
        assert downgrade(database_url, "base") == (head(), None)
    assert pauses == []


@pytest.mark.usefixtures("held")
def test_it_gives_up_after_some_tries(empty_database_url: str, pauses: list[Callable[[], object]]) -> None:
    pauses += [lambda: None] * (migrations.TRIES - 1)
    with pytest.raises(DatabaseUnreachableError, match="lock timeout"):
        migrate(empty_database_url)
    assert pauses == []


def wait_until(connection: "psycopg.Connection[Any]", question: str) -> None:
    deadline = time.monotonic() + 30
    while connection.execute(question).fetchone() != (True,):
        assert time.monotonic() < deadline, question
        time.sleep(0.01)


def test_a_schema_of_a_newer_version_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = catalogue(database_url)
    with pytest.raises(NewerSchemaError, match=f"is at 9999, and this version knows no further than {head()}"):
        migrate(database_url)
    assert catalogue(database_url) == before


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_all_texts_is_left_alone(postgres: str, encoding: str) -> None:
    with new_database(
        postgres, f"order_sync_test_{uuid4().hex[:12]}", f"template0 ENCODING '{encoding}' LOCALE 'C'"
    ) as url:
        before = catalogue(url)
        with pytest.raises(NarrowEncodingError, match=f"encoding is {encoding}, and panels' texts need UTF8"):
            migrate(url)
        assert catalogue(url) == before
