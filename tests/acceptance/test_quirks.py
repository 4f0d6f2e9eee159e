"""Panels with each quirk there is, several to a worker: no wrong state, no traceback."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.conftest import NUMBERS, Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import Row, insert, orders
from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.misbehaviour.quirks import ALL

#: Types that nobody knows are never guessed at: such orders end rejected.
TYPELESS = {"types_absent", "types_unknown"}

#: Numbers that a quirk makes other than they are.
UNTRUE = {
    **{name: "remains" for name in ALL if name.startswith("remains_")},
    **{name: "start_count" for name in ALL if name.startswith("start_count_")},
    "charge_decimals": "charge",
    "charge_kept": "charge",
    "charge_zeroed": "charge",
    "bonus_units": "remains",
}

#: Quirks that other tests have: no row of these tests could tell of them, or they keep orders open.
APART = {
    "bought_twice",  # orders that no row has
    "orders_by_hand",
    "ids_repeated",  # an id that another row has
    "ids_jump",
    "price_of",
    "rates_drift",
    "rates_shown_late",
    "limits_by_action",
    "ban_after_bad_keys",
    "retry_after_date",
    "retry_after_absent",
    "single_status",
    "single_refill",
    "single_refill_status",
    "single_cancel",
    "batch_limit",
    "batch_silent_ids",
}

OPTIONS = SandboxOptions(balance=Decimal(100_000), foreign=1, seed=3, speed=0)

#: Nobody can ask for the status of a refill whose id the panel doesn't tell.
OPEN_REFILL = "state = 'pending' OR (state = 'submitted' AND panel_refill_id IS NOT NULL)"

#: So many panels share a worker: each has its own rows, and its own limits.
TOGETHER = 8

QUIRKS = sorted(ALL.keys() - APART)
GROUPS = [QUIRKS[start : start + TOGETHER] for start in range(0, len(QUIRKS), TOGETHER)]


def rows(quirk: str) -> Iterator[Row]:
    """Orders of every kind for the panel with this quirk, and one of a service that it doesn't have."""
    for row in orders(40, seed=5):
        yield row | {"panel": quirk, "reference": f"{quirk}-{row['reference']}"}
    yield {"panel": quirk, "service": "999", "link": "https://example.com/x", "quantity": 100}


@pytest.mark.parametrize("quirks", GROUPS, ids=lambda quirks: f"{quirks[0]}..{quirks[-1]}")
async def test_panels_with_quirks(quirks: list[str], tables: Tables, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        panels = {quirk: await stack.enter_async_context(Sandbox(replace(OPTIONS, port=0))) for quirk in quirks}
        settings = settings_for(tables.url, "")
        for name in [name for name in settings if "PANELS__DEFAULT" in name]:
            del settings[name]
        for quirk, sandbox in panels.items():
            sandbox.quirks.on(quirk)
            of_panel = {"URL": sandbox.url, "KEY": "sandbox-key", "REQUESTS_PER_SECOND": "1000"}
            settings |= {f"ORDER_SYNC_PANELS__{quirk.upper()}__{name}": value for name, value in of_panel.items()}
        async with worker(settings, tmp_path / "log") as daemon:
            insert(tables.url, (row for quirk in quirks for row in rows(quirk)))
            await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))", 120)
            tables.rows("INSERT INTO cancels (order_id) SELECT id FROM orders WHERE service IN ('1', '2', '4')")
            await tables.until("SELECT NOT EXISTS (SELECT FROM cancels WHERE state = 'pending')", 120)
            for sandbox in panels.values():
                sandbox.clock.speed = 3000
            await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state = 'submitted')", 120)
            tables.rows("INSERT INTO refills (order_id) SELECT id FROM orders WHERE service IN ('1', '2', '3')")
            await tables.until(f"SELECT NOT EXISTS (SELECT FROM refills WHERE {OPEN_REFILL})", 120)  # noqa: S608
            assert await daemon.stop() == 0

        assert tables.value("SELECT count(*) FROM orders WHERE state = 'unconfirmed'") == 0
        for quirk, sandbox in panels.items():
            rejected = tables.value("SELECT count(*) FROM orders WHERE state = 'rejected' AND panel = %s", quirk)
            assert (quirk, rejected) == (quirk, 41 if quirk in TYPELESS else 1)
            numbers = tuple(name for name in NUMBERS if name != UNTRUE.get(quirk))
            assert (quirk, differences(tables, sandbox, numbers, panel=quirk)) == (quirk, [])
            assert (quirk, sandbox.journal.violation_counts) == (quirk, {})
        assert "Traceback" not in daemon.text
        assert "sandbox-key" not in daemon.text
        for table in ("orders", "order_events", "refills", "cancels", "services", "pauses"):
            assert tables.value(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, 'sandbox-key') > 0") == 0  # noqa: S608 - names of ours
