"""Orders that somebody else has locked, as a transaction does that was left open: they wait, and the others don't.

Or has deleted while they were on their way: what came of them is told.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert, orders
from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.panel import ledger

#: Seconds, far less than what a statement waits for a lock.
SOON = 5.0


@contextmanager
def locked(tables: Tables, state: str) -> Iterator[int]:
    """The id of one order in this state that is locked meanwhile."""
    with psycopg.connect(tables.url) as other:
        found = other.execute("SELECT id FROM orders WHERE state = %s LIMIT 1 FOR UPDATE", [state]).fetchone()
        assert found is not None
        yield found[0]


async def test_an_order_that_is_locked_while_it_is_sent_holds_up_no_other(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(SandboxOptions(balance=Decimal(10_000), latency=0.5)) as sandbox:
        async with worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
            insert(tables.url, orders(8, seed=1, services=[1, 3]))
            await tables.until("SELECT EXISTS (SELECT FROM orders WHERE state = 'submitting')")
            with locked(tables, "submitting") as order_id:
                insert(tables.url, orders(40, seed=2, services=[1, 3]))
                await tables.until("SELECT count(*) = 47 FROM orders WHERE state = 'submitted'", SOON)
                assert (await daemon.said("result_held_up"))["order_id"] == order_id
            await tables.until("SELECT count(*) = 48 FROM orders WHERE state = 'submitted'")
            assert await daemon.stop() == 0
        assert differences(tables, sandbox, numbers=()) == []
    assert daemon.events("job_failed", "results_not_written", "order_unconfirmed") == []


async def test_a_worker_that_is_stopped_meanwhile_tells_what_it_could_not_write(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(SandboxOptions(balance=Decimal(10_000), latency=0.5)) as sandbox:
        settings = settings_for(tables.url, sandbox.url, DRAIN="2")
        async with worker(settings, tmp_path / "log") as daemon:
            insert(tables.url, orders(8, seed=1, services=[1, 3]))
            await tables.until("SELECT EXISTS (SELECT FROM orders WHERE state = 'submitting')")
            with locked(tables, "submitting") as order_id:
                await daemon.said("result_held_up")
                assert await daemon.stop() != 0
        (told,) = daemon.events("result_not_written")
        assert told["order_id"] == order_id
        assert tables.value("SELECT count(*) FROM orders WHERE state = 'submitted'") == 7


async def test_of_an_order_that_is_deleted_while_it_is_sent_the_panels_word_is_told(
    tables: Tables, tmp_path: Path
) -> None:
    async with Sandbox(SandboxOptions(balance=Decimal(10_000), latency=0.5)) as sandbox:
        async with worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
            insert(tables.url, orders(8, seed=1, services=[1, 3]))
            await tables.until("SELECT EXISTS (SELECT FROM orders WHERE state = 'submitting')")
            (deleted,) = tables.rows(
                "DELETE FROM orders WHERE id = (SELECT min(id) FROM orders WHERE state = 'submitting') RETURNING link"
            )
            told = await daemon.said("order_result_late")
            await tables.until("SELECT count(*) = 7 FROM orders WHERE state = 'submitted'")
            assert await daemon.stop() == 0
        (taken,) = [entry for entry in ledger.orders(sandbox.panel) if entry["link"] == deleted["link"]]
        assert told["panel_order_id"] == taken["id"]
    assert daemon.events("job_failed", "results_not_written", "order_unconfirmed") == []


async def test_an_order_that_is_locked_as_news_of_it_comes_holds_up_no_other(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(SandboxOptions(balance=Decimal(10_000))) as sandbox:
        async with worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
            insert(tables.url, orders(40, seed=2, services=[1, 3]))
            await tables.until("SELECT count(*) = 40 FROM orders WHERE panel_status IS NOT NULL")
            with locked(tables, "submitted"):
                sandbox.clock.advance(30 * 24 * 3600)
                await tables.until("SELECT count(*) = 39 FROM orders WHERE state NOT IN ('submitted')", SOON)
                await asyncio.sleep(1)
                assert tables.value("SELECT count(*) FROM orders WHERE state = 'submitted'") == 1
            await tables.until("SELECT count(*) = 40 FROM orders WHERE state <> 'submitted'", SOON)
            assert await daemon.stop() == 0
        assert differences(tables, sandbox) == []
    assert daemon.events("job_failed", "bunch_divided") == []
