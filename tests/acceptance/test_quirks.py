"""Switches on each quirk of panels in turn: no wrong state, no traceback."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.conftest import NUMBERS, Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert, orders
from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.misbehaviour.quirks import ALL

#: Types that nobody knows are never guessed at: such orders end rejected.
TYPELESS = {"types_absent", "types_unknown"}

#: Numbers that a quirk makes other than they are.
UNTRUE = {
    **{name: "remains" for name in ALL if name.startswith("remains_")},
    **{name: "start_count" for name in ALL if name.startswith("start_count_")},
    "charge_kept": "charge",
}

OPTIONS = SandboxOptions(balance=Decimal(100_000), foreign=1, seed=3, speed=0)


@pytest.mark.parametrize("quirk", sorted(ALL))
async def test_a_panel_with_a_quirk(quirk: str, tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(OPTIONS) as sandbox:
        sandbox.quirks.on(quirk)
        async with worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
            insert(tables.url, orders(40, seed=5))
            insert(tables.url, [{"service": "999", "link": "https://example.com/x", "quantity": 100}])
            await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")
            tables.rows("INSERT INTO cancels (order_id) SELECT id FROM orders WHERE service IN ('1', '2', '4')")
            await tables.until("SELECT NOT EXISTS (SELECT FROM cancels WHERE state = 'pending')")
            sandbox.clock.speed = 3000
            await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state = 'submitted')")
            tables.rows("INSERT INTO refills (order_id) SELECT id FROM orders WHERE service IN ('1', '2', '3')")
            await tables.until("SELECT NOT EXISTS (SELECT FROM refills WHERE state IN ('pending', 'submitted'))")
            assert await daemon.stop() == 0

        assert tables.value("SELECT count(*) FROM orders WHERE state = 'unconfirmed'") == 0
        rejected = tables.value("SELECT count(*) FROM orders WHERE state = 'rejected'")
        assert rejected == (41 if quirk in TYPELESS else 1)
        numbers = tuple(name for name in NUMBERS if name != UNTRUE.get(quirk))
        assert differences(tables, sandbox, numbers) == []
        assert "Traceback" not in daemon.text
        assert "sandbox-key" not in daemon.text
        for table in ("orders", "order_events", "refills", "cancels", "services", "pauses"):
            assert tables.value(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, 'sandbox-key') > 0") == 0  # noqa: S608 - names of ours
        assert sandbox.journal.violation_counts == {}
