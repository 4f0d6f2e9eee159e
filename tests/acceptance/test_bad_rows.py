"""One bad row never stops the others (docs/guarantees.md, promise 9)."""

from pathlib import Path

import pytest

from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert
from worker.sandbox import Fault, FaultKind, Sandbox

GOOD = {"service": "1", "link": "https://example.com/good", "quantity": 100}

BAD = {
    "unknown_service": {**GOOD, "service": "999"},
    "missing_parameter": {**GOOD, "link": None},
    "quantity_out_of_range": {**GOOD, "quantity": 1},
    "max_charge_exceeded": {**GOOD, "max_charge": "0.01"},
    "dripfeed_not_offered": {**GOOD, "service": "9", "params": {"usernames": ["a"]}, "runs": 2, "interval_minutes": 5},
    "reserved_parameter": {**GOOD, "params": {"key": "mine"}},
    "quantity_not_taken": {**GOOD, "service": "5", "quantity": 3},
}

#: JSON that Postgres holds and Python doesn't read.
UNREADABLE = {"number": "1" + "0" * 5000, "exponent": "1e5000", "depth": "[" * 3000 + "]" * 3000}


async def test_bad_rows_are_rejected_here_and_the_good_go_on(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox() as sandbox, worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
        insert(tables.url, [{**row, "reference": code, "priority": 1} for code, row in BAD.items()])
        insert(tables.url, [GOOD])
        await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")
        assert await daemon.stop() == 0
        rejected = tables.rows("SELECT reference, error_code, error FROM orders WHERE state = 'rejected'")
        assert {row["reference"]: row["error_code"] for row in rejected} == {code: code for code in BAD}
        assert all(row["error"] for row in rejected)
        assert tables.value("SELECT state FROM orders WHERE reference IS NULL") == "submitted"
        assert sandbox.journal.counts["add"] == 1


async def test_many_rows_of_a_service_that_nothing_is_known_of_leave_the_way_free(
    tables: Tables, tmp_path: Path
) -> None:
    """The panel doesn't tell its services any more, so nothing says that there is no such one."""
    async with Sandbox() as sandbox, worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
        await tables.until(
            "SELECT EXISTS (SELECT FROM periodic_jobs WHERE job = 'services' AND succeeded_at IS NOT NULL)"
        )
        sandbox.faults.add(Fault(kind=FaultKind.ERROR, action="services"))
        tables.rows("UPDATE periodic_jobs SET succeeded_at = succeeded_at - interval '2 minutes'")
        insert(tables.url, [{**BAD["unknown_service"], "priority": 1}] * 5000)
        insert(tables.url, [GOOD])
        await tables.until("SELECT EXISTS (SELECT FROM orders WHERE state = 'submitted')")
        assert await daemon.stop() == 0
        assert tables.value("SELECT count(*) FROM orders WHERE state = 'pending'") == 5000
        assert sandbox.journal.counts["services"] <= 2 + tables.value(
            "SELECT extract(epoch FROM now() - min(created_at)) FROM orders"
        )


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_params_that_cannot_be_read(kind: str, tables: Tables, tmp_path: Path) -> None:
    async with Sandbox() as sandbox, worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
        tables.rows(
            "INSERT INTO orders (service, link, quantity, priority, params) VALUES ('1', 'x', 100, 1, %s::jsonb)",
            f'{{"x": {UNREADABLE[kind]}}}',
        )
        insert(tables.url, [GOOD])
        await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")
        assert await daemon.stop() == 0
        states = tables.rows("SELECT state, error_code FROM orders ORDER BY priority DESC")
        assert [tuple(row.values()) for row in states] == [("rejected", "bad_parameter"), ("submitted", None)]
        assert "Traceback" not in daemon.text


async def test_a_row_for_a_panel_that_nobody_configured_waits_and_is_reported(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        insert(tables.url, [{**GOOD, "panel": "elsewhere"}])
        async with worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon:
            assert (await daemon.said("panel_not_configured"))["panel"] == "elsewhere"
            assert await daemon.stop() == 0
        assert tables.value("SELECT state FROM orders") == "pending"
