"""What a panel changes about closed orders is recorded once, as long as the settlement window lasts."""

import asyncio
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert
from worker.sandbox import Sandbox, SandboxOptions

#: An order of 0.90, and what the panel makes of it: its word, the charge, and the state that this is.
ORDER = {"service": "1", "link": "https://example.com/1", "quantity": 1000}
AT_FIRST = ("Pending", "0.90", "submitted")
NEWS = (
    ("Completed", "0.90", "completed"),
    ("Partial", "0.54", "partial"),
    ("In progress", "0.90", "submitted"),
    ("Completed", "0.72", "completed"),
)

#: What a consumer adds up who follows the events, each with what it changed about the charge.
ADDED_UP = """
    SELECT sum(changed_by) FROM (
        SELECT charge - lag(charge, 1, 0) OVER (PARTITION BY order_id ORDER BY id) AS changed_by
        FROM order_events WHERE charge IS NOT NULL
    ) AS changes
"""


async def test_late_news_are_recorded_once_and_only_within_the_window(tables: Tables, tmp_path: Path) -> None:
    settings = settings_for(tables.url, "", POLLING__SLOWEST="0.5", POLLING__SETTLEMENT="10")
    async with Sandbox(SandboxOptions(speed=0)) as sandbox:
        settings["ORDER_SYNC_PANELS__DEFAULT__URL"] = sandbox.url
        async with worker(settings, tmp_path / "log") as daemon:
            insert(tables.url, [ORDER])
            await tables.until("SELECT bool_and(panel_status = 'Pending') FROM orders")
            book = sandbox.panel.book
            bought = book.find(tables.value("SELECT panel_order_id FROM orders"))
            assert bought is not None
            for word, charge, state in NEWS:
                book.amend(bought, status=word, charge=Decimal(charge))
                await tables.until(f"SELECT (state, charge) = ('{state}', {charge}) FROM orders")  # noqa: S608 - of ours

            await tables.until("SELECT NOT EXISTS (SELECT FROM polls)")
            assert tables.value("SELECT now() - finished_at BETWEEN '10 s' AND '20 s' FROM orders")
            assert differences(tables, sandbox) == []
            events = "SELECT state_before, panel_status, charge, state_after FROM order_events WHERE kind = 'status'"
            told = [tuple(row.values()) for row in tables.rows(f"{events} ORDER BY id")]
            assert told == [
                (before, word, Decimal(charge), state)
                for (_, _, before), (word, charge, state) in pairwise((AT_FIRST, AT_FIRST, *NEWS))
            ]
            account = sandbox.panel.account
            assert tables.value(ADDED_UP) == Decimal("0.72") == account.opening - account.balance

            looks = sandbox.journal.counts["status"]
            book.amend(bought, status="Canceled")
            await asyncio.sleep(3)
            assert sandbox.journal.counts["status"] == looks
            assert tables.value("SELECT state FROM orders") == "completed"
            assert await daemon.stop() == 0
