"""A panel's request limit holds for all workers together, as the panel itself counts (promise 6)."""

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.panel_side import arrivals, order
from tests.acceptance.samples import insert
from worker.sandbox import Sandbox, SandboxOptions

REPLICAS = 3
RATE = 20
SECONDS = 12.0

#: The schedule is an unhurried one, so that three workers leave the machine some rest.
SETTINGS = {
    "PANELS__DEFAULT__REQUESTS_PER_SECOND": str(RATE),
    "SCHEDULE__SUBMIT": "1",
    "SCHEDULE__STATUSES": "1",
    "SCHEDULE__REFILLS": "5",
    "SCHEDULE__CANCELS": "5",
}


async def test_all_replicas_keep_one_limit_and_use_it(tables: Tables, tmp_path: Path) -> None:
    options = SandboxOptions(balance=Decimal(100_000), speed=0, keep_requests=100_000)
    async with Sandbox(options) as sandbox, AsyncExitStack() as stack:
        settings = settings_for(tables.url, sandbox.url, **SETTINGS)
        for number in range(REPLICAS):
            await stack.enter_async_context(worker(settings, tmp_path / f"log{number}"))
        insert(tables.url, (order(number) for number in range(1000)))
        await asyncio.wait_for(sandbox.journal.reached("add", 1), timeout=30)
        await asyncio.sleep(SECONDS)
        began = arrivals(sandbox, "add")[0]
        times = arrivals(sandbox, since=began, until=began + SECONDS)
        most = max(sum(at <= other < at + 1 for other in times) for at in times)
        # A busy machine delays requests, so that some arrive together. Replicas with a limit of their own each would
        # send three times RATE in every second.
        assert most < 2 * RATE
        assert 0.9 * RATE * SECONDS <= len(times) <= RATE * (SECONDS + 1)
        assert sandbox.journal.counts["status"] > 0
