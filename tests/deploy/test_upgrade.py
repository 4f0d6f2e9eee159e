"""From one release to the next while orders come in: the schema is migrated under a worker, which goes on."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import Daemon, launched, settings_for, worker
from tests.acceptance.endpoints import ANY_PORT, Endpoints
from tests.acceptance.panel_side import all_settled, shop
from tests.acceptance.samples import insert, orders
from tests.deploy.releases import NEXT, Release, next_release
from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.panel import ledger
from worker.store.schema.revision import head

SUBMITTED = "SELECT bool_and(state = 'submitted' AND checked_at IS NOT NULL) FROM orders"
MONTH = 30 * 24 * 3600


async def test_the_worker_of_before_goes_on_and_another_is_not_started(database_url: str, tmp_path: Path) -> None:
    tables = Tables(database_url)
    async with Sandbox() as sandbox:
        settings = settings_for(database_url, sandbox.url)
        async with worker(settings, tmp_path / "log") as daemon:
            # By then, what it runs all the time is prepared.
            insert(database_url, orders(20, seed=1, services=[1]))
            await tables.until(SUBMITTED)
            await migrated(next_release(tmp_path / "newer", serves=head()), settings, tmp_path / "migrate")
            insert(database_url, orders(20, seed=2, services=[1]))
            tables.rows("INSERT INTO refills (order_id) SELECT id FROM orders WHERE id <= 3")
            await tables.until("SELECT count(*) FILTER (WHERE state = 'submitted') = 40 FROM orders")
            sandbox.clock.advance(MONTH)
            await tables.until("SELECT bool_and(finished_at IS NOT NULL) FROM orders")
            await tables.until("SELECT bool_and(state <> 'pending') FROM refills")
            await is_not_started(settings, tmp_path / "another")
            assert await daemon.stop() == 0
        assert errors(daemon) == []
        assert differences(tables, sandbox) == []


async def test_a_rolling_upgrade_while_orders_come_in(database_url: str, tmp_path: Path) -> None:
    tables = Tables(database_url)
    newer = next_release(tmp_path / "newer", serves=head())
    options = SandboxOptions(balance=Decimal(100_000), latency=0.05, foreign=1)
    async with Sandbox(options) as sandbox, AsyncExitStack() as workers:
        settings = settings_for(database_url, sandbox.url, **ANY_PORT)
        async with shop(tables, at_once=5):
            old = await workers.enter_async_context(worker(settings, tmp_path / "old"))
            async with always_ready(old) as endpoints:
                await submits(old)
                await migrated(newer, settings, tmp_path / "migrate")
                await checked_anew(endpoints)
                await submits(old)
                await is_not_started(settings, tmp_path / "late")
                upgraded = worker(settings | newer.environment, tmp_path / "new", *newer.command("run"))
                new = await workers.enter_async_context(upgraded)
                await (await Endpoints.of(new)).ready(why=None)
                await submits(new)
                await submits(old)
            assert await old.stop() == 0
            await submits(new)
        await all_settled(tables)
        sandbox.clock.advance(MONTH)
        await tables.until("SELECT bool_and(finished_at IS NOT NULL) FROM orders")
        assert await new.stop() == 0

        assert differences(tables, sandbox) == []
        assert len(ledger.orders(sandbox.panel)) == tables.value("SELECT count(*) FROM orders")
        assert tables.value("SELECT count(*) FROM orders WHERE state IN ('rejected', 'unconfirmed')") == 0
        submitted = Counter(line["order_id"] for daemon in (old, new) for line in daemon.events("order_submitted"))
        assert submitted == Counter(row["id"] for row in tables.rows("SELECT id FROM orders"))
        assert sandbox.journal.counts["add"] == submitted.total()
        assert sandbox.journal.violation_counts == {}
        assert errors(old, new) == []


async def test_a_worker_that_the_schema_no_longer_serves_says_so(database_url: str, tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        settings = settings_for(database_url, sandbox.url, **ANY_PORT)
        async with worker(settings, tmp_path / "log") as daemon:
            endpoints = await Endpoints.of(daemon)
            await endpoints.ready(why=None)
            newer = next_release(tmp_path / "newer", serves=NEXT)
            await migrated(newer, settings, tmp_path / "migrate")
            why = f"the schema is at {NEXT}, which serves {NEXT} and newer, and this version needs {head()}"
            await endpoints.ready(why=why)


async def migrated(newer: Release, settings: dict[str, str], log: Path) -> None:
    async with launched(settings | newer.environment, log, *newer.command("migrate")) as migrate:
        assert await asyncio.wait_for(migrate.process.wait(), 60) == 0, migrate.text


async def is_not_started(settings: dict[str, str], log: Path) -> None:
    async with launched(settings, log) as late:
        assert await asyncio.wait_for(late.process.wait(), 60) == 1
    assert late.text == (
        f"order-sync: the database's schema is at {NEXT}, and this version needs {head()}: update order-sync\n"
    )


def errors(*daemons: Daemon) -> list[dict[str, Any]]:
    """What they say went wrong: nothing. But where the machine is so slow that a migration takes more than a second, a
    worker may wait for it and it for the worker; then Postgres ends what the worker was about, which is done anew.
    """
    lines = [line for daemon in daemons for line in daemon.events() if line["level"] in {"error", "critical"}]
    return [line for line in lines if "deadlock detected" not in line["exception"]]


async def submits(daemon: Daemon) -> None:
    """Return once it has sent another order than those that it has by now."""
    so_far = daemon.text.count("order_submitted")
    async with asyncio.timeout(60):
        while daemon.text.count("order_submitted") == so_far:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.1)


async def checked_anew(endpoints: Endpoints) -> None:
    """Return once the worker has looked at the schema again."""
    now = time.time()
    await endpoints.scraped(
        lambda scrape: scrape("job_last_success_timestamp_seconds", job_name="readiness")["panel="] > now
    )


@asynccontextmanager
async def always_ready(daemon: Daemon) -> AsyncIterator[Endpoints]:
    """Its endpoints; it is ready from then on, until this is left."""
    endpoints = await Endpoints.of(daemon)
    await endpoints.ready(why=None)

    async def watch() -> None:
        while True:
            assert await endpoints.asked("/readyz") == (200, {"ok": True, "why": None})
            await asyncio.sleep(0.2)

    watching = asyncio.create_task(watch())
    try:
        yield endpoints
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
