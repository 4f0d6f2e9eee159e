"""Tests panels that take fewer ids in a call than the document says: found out, kept, and asked one by one."""

import asyncio
from pathlib import Path

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.panel_side import arrivals, order
from tests.acceptance.samples import insert
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions, Where

ORDERS = 20

#: Calls that it may take to find out that a panel knows only single ids: halves of a batch, and two ids in two forms.
FINDING_OUT = 10

ONE_BY_ONE = ("single_status", "single_refill", "single_refill_status", "single_cancel")
QUIRKS = (*ONE_BY_ONE, "types_absent")
OPTIONS = SandboxOptions(speed=3000, partial=0, canceled=0, refills_rejected=0, quirks=QUIRKS)
SETTINGS = {
    "PANELS__DEFAULT__DEFAULT_TYPE": "Default",
    "POLLING__FASTEST": "2",
    "POLLING__SLOWEST": "3600",
    "RECONCILE__MODE": "off",
}

#: Of a worker that soon examines what it lost.
EXAMINING = {"PANELS__DEFAULT__TIMEOUT": "1", "RECONCILE__SETTLE": "1", "SCHEDULE__RECONCILE": "0.5"}


async def test_a_panel_that_knows_only_single_ids_and_no_types(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(OPTIONS) as sandbox:
        async with worker(settings_for(tables.url, sandbox.url, **SETTINGS), tmp_path / "log") as daemon:
            insert(tables.url, (order(number) for number in range(ORDERS)))
            await tables.until("SELECT bool_and(state = 'completed') FROM orders")
            asked = sum(line["asked"] for line in daemon.events("batch_polled"))
            assert len(arrivals(sandbox, "status")) <= asked + FINDING_OUT

            tables.rows("INSERT INTO refills (order_id) SELECT id FROM orders LIMIT 5")
            await tables.until("SELECT bool_and(state = 'completed') FROM refills")
            sandbox.clock.speed = 0
            insert(tables.url, (order(number) for number in range(ORDERS, ORDERS + 5)))
            await tables.until("SELECT count(*) = 5 FROM orders WHERE state = 'submitted'")
            tables.rows("INSERT INTO cancels (order_id) SELECT id FROM orders WHERE state = 'submitted'")
            await tables.until("SELECT bool_and(state = 'accepted') FROM cancels")
            sandbox.clock.speed = 3000
            await tables.until("SELECT count(*) = 5 FROM orders WHERE state IN ('canceled', 'partial')")
            assert await daemon.stop() == 0
        found = {(line["action"], line["most_ids"]) for line in daemon.events("panel_takes_fewer_ids")}
        assert found == {(action, 0) for action in ("status", "refill", "refill_status", "cancel")}
        assert len(daemon.events("panel_takes_fewer_ids")) == len(found)
        assert {(row["action"], row["most_ids"]) for row in tables.rows("SELECT * FROM panel_abilities")} == found
        assert daemon.events("panel_paused") == []
        assert differences(tables, sandbox) == []


async def test_lost_answers_of_a_panel_that_knows_only_single_ids(tables: Tables, tmp_path: Path) -> None:
    """One was taken and one wasn't, among ids of other customers. No search for orders that are nobody's is made."""
    async with Sandbox(SandboxOptions(foreign=2, seed=11, speed=0, quirks=("single_status",))) as sandbox:
        async with worker(settings_for(tables.url, sandbox.url, **EXAMINING), tmp_path / "log") as daemon:
            insert(tables.url, (order(number, quantity=500 + number) for number in range(3)))
            await tables.until("SELECT bool_and(panel_status IS NOT NULL) FROM orders")
            for quantity, where in ((100, Where.AFTER), (3000, Where.BEFORE)):
                sandbox.faults.add(Fault(kind=FaultKind.CLOSE, action="add", where=where))
                insert(tables.url, [order(quantity, quantity=quantity)])
                await tables.until("SELECT count(*) = 1 FROM orders WHERE state = 'unconfirmed'")
                sandbox.faults.clear()
                await asyncio.sleep(1.5)  # until what was lost can lie below an order that comes after all that
                insert(tables.url, [order(quantity + 1, quantity=500)])
                await tables.until("SELECT bool_and(state = 'submitted' AND panel_status IS NOT NULL) FROM orders")
            assert await daemon.stop() == 0
        assert [line["verdict"] for line in daemon.events("order_reconciled")] == ["linked", "absent"]
        assert daemon.events("ids_searched") == []
        assert differences(tables, sandbox, ("charge", "currency", "remains")) == []
