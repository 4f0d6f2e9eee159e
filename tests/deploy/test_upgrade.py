"""A revision that adds, applied while a worker of the version before goes on working."""

import asyncio
from pathlib import Path

import psycopg

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import launched, settings_for, worker
from tests.acceptance.samples import insert, orders
from worker.sandbox import Sandbox
from worker.store.tables import metadata

SUBMITTED = "SELECT bool_and(state = 'submitted' AND checked_at IS NOT NULL) FROM orders"


def next_revision(url: str) -> None:
    """What the migration of a newer version may do: add to every table there is, and new tables."""
    with psycopg.connect(url) as owner:
        owner.execute("SET LOCAL lock_timeout = '5s'")
        for table in metadata.tables:
            owner.execute(f"ALTER TABLE {table} ADD COLUMN added text, ADD COLUMN counted bigint NOT NULL DEFAULT 0")
        owner.execute("CREATE TABLE of_the_next_version (id bigint PRIMARY KEY REFERENCES orders)")
        owner.execute("UPDATE alembic_version SET version_num = 'next'")


async def test_the_worker_of_before_goes_on_and_another_is_not_started(database_url: str, tmp_path: Path) -> None:
    tables = Tables(database_url)
    async with Sandbox() as sandbox:
        settings = settings_for(database_url, sandbox.url)
        async with worker(settings, tmp_path / "log") as daemon:
            # By then, what it runs all the time is prepared.
            insert(database_url, orders(20, seed=1, services=[1]))
            await tables.until(SUBMITTED)
            await asyncio.to_thread(next_revision, database_url)
            insert(database_url, orders(20, seed=2, services=[1]))
            tables.rows("INSERT INTO refills (order_id) SELECT id FROM orders WHERE id <= 3")
            await tables.until("SELECT count(*) FILTER (WHERE state = 'submitted') = 40 FROM orders")
            sandbox.clock.advance(30 * 24 * 3600)
            await tables.until("SELECT bool_and(finished_at IS NOT NULL) FROM orders")
            await tables.until("SELECT bool_and(state <> 'pending') FROM refills")
            async with launched(settings, tmp_path / "another") as another:
                assert await asyncio.wait_for(another.process.wait(), 20) == 1
            assert "the database's schema is at next, and this version needs " in another.text
            assert await daemon.stop() == 0
        assert [line for line in daemon.events() if line["level"] in {"error", "critical"}] == []
        assert differences(tables, sandbox) == []
