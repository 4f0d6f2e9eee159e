"""SIGKILL in the middle of submitting: nothing is sent twice, and every row ends up in a state that is true."""

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path

from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert, orders
from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.panel import ledger

KILLS = 5

#: Calls of a worker at once, by default.
CONCURRENCY = 16


async def test_a_worker_that_is_killed_sends_nothing_twice(tables: Tables, tmp_path: Path) -> None:
    options = SandboxOptions(balance=Decimal(100_000), latency=0.03, seed=2)
    async with Sandbox(options) as sandbox:
        settings = settings_for(tables.url, sandbox.url)
        insert(tables.url, orders(400, seed=9, services=[1, 3, 4]))
        for number in range(1, KILLS + 1):
            async with worker(settings, tmp_path / f"log{number}") as daemon:
                await asyncio.wait_for(sandbox.journal.reached("add", number * 50), timeout=30)
                await daemon.kill()
            # The dead worker's lease is made to end now, instead of waiting for it.
            tables.rows("UPDATE workers SET lease_until = now() - interval '1 second'")
        await sandbox.idle()
        async with worker(settings, tmp_path / "log") as daemon:
            await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")
            assert await daemon.stop() == 0

        taken = ledger.orders(sandbox.panel)
        times_taken = Counter(entry["link"] for entry in taken)
        assert max(times_taken.values()) == 1
        rows = {row["link"]: row for row in tables.rows("SELECT * FROM orders")}
        assert Counter(row["state"] for row in rows.values()).keys() == {"submitted", "unconfirmed"}
        number_of = {entry["link"]: entry["id"] for entry in taken}
        for link, row in rows.items():
            if row["state"] == "submitted":
                assert row["panel_order_id"] == number_of[link]
            else:
                assert row["panel_order_id"] is None
                assert row["error_code"] == "worker_lost"
        unconfirmed = [link for link, row in rows.items() if row["state"] == "unconfirmed"]
        # At least one of them was really taken, or the kills came at no bad time and the test shows nothing.
        assert any(link in number_of for link in unconfirmed)
        assert len(unconfirmed) <= KILLS * CONCURRENCY
        assert times_taken.keys() | set(unconfirmed) == rows.keys()


IN_HAND = """
    CREATE TABLE in_hand (rows bigint);
    CREATE FUNCTION count_in_hand() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO in_hand SELECT count(*) FROM submissions WHERE outcome IS NULL; RETURN NULL; END $$;
    CREATE TRIGGER count_in_hand AFTER INSERT ON submissions FOR EACH STATEMENT EXECUTE FUNCTION count_in_hand();
"""


async def test_never_are_more_orders_in_hand_than_calls_can_be(tables: Tables, tmp_path: Path) -> None:
    """So no kill leaves more of them in doubt. Every claim is looked at as it puts down what it is about to send."""
    tables.rows(IN_HAND)
    async with Sandbox(SandboxOptions(balance=Decimal(100_000), latency=0.02, seed=2)) as sandbox:
        insert(tables.url, orders(600, seed=9, services=[1, 3, 4]))
        async with worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
            await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")
            assert await daemon.stop() == 0
    assert tables.value("SELECT max(rows) FROM in_hand") == CONCURRENCY


async def test_a_worker_that_is_stopped_leaves_nothing_open(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(SandboxOptions(balance=Decimal(100_000), latency=0.2)) as sandbox:
        insert(tables.url, orders(400, seed=9, services=[1, 3, 4]))
        async with worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
            await asyncio.wait_for(sandbox.journal.reached("add", 40), timeout=30)
            assert await daemon.stop() == 0
        await sandbox.idle()
        states = Counter(row["state"] for row in tables.rows("SELECT state FROM orders"))
        assert states.keys() == {"pending", "submitted"}
        assert states["submitted"] == len(ledger.orders(sandbox.panel))
        assert daemon.events("worker_stopped")
