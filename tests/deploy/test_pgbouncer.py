"""Through PgBouncer in transaction mode, with the roles of deploy/postgres, and nothing configured for us there."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert, orders
from tests.deploy.conftest import LaidOut, pgbouncer
from worker.cli.check import Verdict, read_report
from worker.sandbox import Sandbox, SandboxOptions
from worker.store.db.engine import make_engine
from worker.store.db.listen import PooledError, notifications
from worker.store.schema.migrate import migrate
from worker.store.schema.preflight import inspect
from worker.store.schema.revision import head


async def test_two_workers_do_all_their_work(laid_out: LaidOut, through_pgbouncer: str, tmp_path: Path) -> None:
    tables = Tables(laid_out.superuser_url)
    async with Sandbox(SandboxOptions(balance=Decimal(100_000), latency=0.05)) as sandbox:
        # Nothing wakes them, so one of them must not be done before the other's next tick.
        few = {"PANELS__DEFAULT__CONCURRENCY": "4"}
        settings = settings_for(laid_out.url("worker", through_pgbouncer), sandbox.url, **few)
        async with AsyncExitStack() as stack:
            both = [await stack.enter_async_context(worker(settings, tmp_path / name)) for name in ("one", "two")]
            insert(laid_out.url("producer", through_pgbouncer), orders(100, seed=5, services=[1, 3, 4, 6]))
            tables.rows("INSERT INTO refills (order_id) SELECT id FROM orders ORDER BY id LIMIT 5")
            tables.rows("INSERT INTO cancels (order_id) SELECT id FROM orders ORDER BY id DESC LIMIT 5")
            await tables.until("SELECT bool_and(state NOT IN ('pending', 'submitting')) FROM orders")
            await tables.until("SELECT count(*) > 10 FROM order_events WHERE kind = 'status'")
            await tables.until("SELECT bool_and(state <> 'pending') FROM cancels")
            sandbox.clock.advance(30 * 24 * 3600)
            await tables.until("SELECT bool_and(state IN ('completed', 'partial', 'canceled')) FROM orders")
            codes = await asyncio.gather(*(daemon.stop() for daemon in both))
        assert codes == [0, 0]
        assert differences(tables, sandbox) == []
        for daemon in both:
            # Told once, and all else goes on as if nothing were.
            assert len(daemon.events("listening_impossible")) == 1
            assert [line for line in daemon.events() if line["level"] in {"error", "critical"}] == []
        assert len(tables.rows("SELECT DISTINCT worker_id FROM submissions")) == 2


@pytest.mark.parametrize("more", [(), ("ignore_startup_parameters = options",)], ids=["refuses", "ignores"])
async def test_limits_hold_all_the_same(laid_out: LaidOut, postgres_directory: Path, more: tuple[str, ...]) -> None:
    with pgbouncer(laid_out, postgres_directory, *more) as query:
        engine = make_engine(laid_out.url("worker", query), pool_size=2)
        async with engine.connect() as connection:
            for name, limit in (("statement_timeout", "30s"), ("lock_timeout", "10s"), ("synchronous_commit", "on")):
                assert (await connection.exec_driver_sql(f"SHOW {name}")).scalar_one() == limit
        with pytest.raises(PooledError):
            await anext(notifications(engine))
        await engine.dispose()


async def test_an_address_keeps_its_own_options_where_they_are_taken(
    laid_out: LaidOut, postgres_directory: Path
) -> None:
    with pgbouncer(laid_out, postgres_directory) as query:
        engine = make_engine(f"{laid_out.url('worker', query)}&options=-c%20work_mem%3D5MB", pool_size=1)
        with pytest.raises(Exception, match="unsupported startup parameter"):  # and isn't heard without a word
            await engine.connect()
        await engine.dispose()


def test_what_is_said_of_the_database(laid_out: LaidOut, through_pgbouncer: str) -> None:
    report = inspect(laid_out.url("worker", through_pgbouncer))
    assert (report.is_at_head, report.is_pooled, report.is_limited) == (True, True, True)
    assert [finding.verdict for finding in read_report(report) if finding.subject == "pooler"] == [Verdict.OK]
    without_limits = replace(report, is_limited=False)
    assert [f.verdict for f in read_report(without_limits) if f.subject == "pooler"] == [Verdict.WARNING]
    assert not inspect(laid_out.url("owner", through_pgbouncer)).is_limited
    assert not inspect(laid_out.url("worker")).is_pooled


def test_two_migrate_at_once(roles: LaidOut, postgres_directory: Path) -> None:
    """The lock is a transaction's, so it holds on whatever connection that is given."""
    with pgbouncer(roles, postgres_directory) as query, ThreadPoolExecutor(2) as both:
        done = list(both.map(migrate, [roles.url("owner", query)] * 2))
        assert sorted(done, key=str) == [(head(), head()), (None, head())]
    with psycopg.connect(roles.superuser_url) as admin:
        held = """
            SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
            WHERE l.locktype = 'advisory' AND d.datname = current_database()
        """
        assert admin.execute(held).fetchone() == (0,)
