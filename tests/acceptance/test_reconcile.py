"""Orders whose reply was lost, settled by the panel's ids: linked where they were taken, else sent again."""

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions, Where
from worker.sandbox.panel import ledger

#: Every way in which a reply can be lost.
LOSSES = (FaultKind.RESET, FaultKind.TIMEOUT, FaultKind.HTTP, FaultKind.CUT, FaultKind.EMPTY)

SETTLE = 2.0

#: Settings of a worker that examines unconfirmed orders soon.
SOON = {"PANELS__DEFAULT__TIMEOUT": "1", "RECONCILE__SETTLE": "1", "SCHEDULE__RECONCILE": "0.5"}


def order(number: int, quantity: int) -> dict[str, object]:
    return {"service": "1", "link": f"https://example.com/{number}", "quantity": quantity}


async def nothing_open(tables: Tables, seconds: float = 90) -> None:
    """All are taken, and looked at."""
    await tables.until("SELECT bool_and(state = 'submitted' AND panel_status IS NOT NULL) FROM orders", seconds)


@pytest.mark.parametrize("where", [Where.BEFORE, Where.AFTER])
async def test_lost_replies_are_settled(where: Where, tables: Tables, tmp_path: Path) -> None:
    options = SandboxOptions(balance=Decimal(100_000), foreign=2, seed=11, speed=0)
    settings = settings_for(
        tables.url,
        "",
        RECONCILE__SETTLE=str(SETTLE),
        SCHEDULE__RECONCILE="1",
        PANELS__DEFAULT__TIMEOUT="1",
    )
    async with Sandbox(options) as sandbox:
        settings["ORDER_SYNC_PANELS__DEFAULT__URL"] = sandbox.url
        async with worker(settings, tmp_path / "log") as daemon:
            insert(tables.url, [order(0, 5000)])  # below the id of a first order nothing is known
            await nothing_open(tables)
            for kind in LOSSES:
                sandbox.faults.add(Fault(kind=kind, action="add", where=where, probability=0.025, seconds=3))
            insert(tables.url, (order(number, 100 + number) for number in range(1, 150)))
            await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")
            lost = tables.value("SELECT count(DISTINCT order_id) FROM order_events WHERE kind = 'unconfirmed'")
            assert lost > 10
            sandbox.faults.clear()
            await sandbox.idle()
            await asyncio.sleep(SETTLE)  # until what was lost can lie below an order that comes after all that
            insert(tables.url, [order(150, 5000)])
            await nothing_open(tables)
            assert await daemon.stop() == 0
        taken = Counter(entry["link"] for entry in ledger.orders(sandbox.panel))
        assert set(taken.values()) == {1}
        assert len(taken) == 151
        assert differences(tables, sandbox, ("charge", "currency", "remains")) == []
        told = daemon.events("order_reconciled")
        assert Counter(line["verdict"] for line in told) == {"linked" if where is Where.AFTER else "absent": len(told)}
        assert len(told) >= lost
        assert "Traceback" not in daemon.text


async def test_every_third_order_is_taken_and_told_a_failure(tables: Tables, tmp_path: Path) -> None:
    """A server that fails after it took the order: nothing is refused, nothing bought twice, and all is linked."""
    fault = "error,action=add,where=after,status=500,every=3,text=Internal server error"
    async with Sandbox(SandboxOptions(foreign=2, seed=11, speed=0, faults=(fault,))) as sandbox:
        settings = settings_for(
            tables.url,
            sandbox.url,
            PANELS__DEFAULT__TIMEOUT="1",
            RECONCILE__SETTLE=str(SETTLE),
            SCHEDULE__RECONCILE="1",
        )
        async with worker(settings, tmp_path / "log") as daemon:
            insert(tables.url, [order(0, 5000)])  # below the id of a first order nothing is known
            await nothing_open(tables)
            insert(tables.url, (order(number, 100 + number) for number in range(1, 91)))
            await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")
            # An order that is sent after all were seen tells what they cost: then they are told apart.
            await tables.until("SELECT count(*) >= 30 FROM sightings")
            insert(tables.url, [order(number, 5000) for number in (91, 92)])
            await nothing_open(tables)
            assert await daemon.stop() == 0
        assert sorted(entry["link"] for entry in ledger.orders(sandbox.panel)) == sorted(
            row["link"] for row in tables.rows("SELECT link FROM orders")
        )
        assert differences(tables, sandbox, ("charge", "currency", "remains")) == []
        assert Counter(line["verdict"] for line in daemon.events("order_reconciled")) == {"linked": 31}


async def test_twins_are_not_guessed_apart(tables: Tables, tmp_path: Path) -> None:
    """Two alike, both lost, one of them taken: the evidence can't tell which, and says so."""
    async with Sandbox(SandboxOptions(speed=0)) as sandbox:
        settings = settings_for(tables.url, sandbox.url, **SOON)
        async with worker(settings, tmp_path / "log") as daemon:
            insert(tables.url, [order(1, 300)])
            await nothing_open(tables)
            sandbox.faults.add(
                Fault(kind=FaultKind.RESET, action="add", where=Where.AFTER, fields={"quantity": "700"}, count=1)
            )
            sandbox.faults.add(
                Fault(kind=FaultKind.RESET, action="add", where=Where.BEFORE, fields={"quantity": "700"})
            )
            insert(tables.url, [order(2, 700), order(3, 700)])
            await tables.until("SELECT count(*) = 2 FROM orders WHERE state = 'unconfirmed'")
            await tables.until("SELECT count(*) = 2 FROM order_events WHERE detail->>'doubt' = 'ambiguous'")
            assert await daemon.stop() == 0
        assert tables.value("SELECT count(*) FROM orders WHERE state = 'unconfirmed'") == 2
        assert len(ledger.orders(sandbox.panel)) == 2


async def test_orders_alike_are_told_apart_by_a_unit_more(tables: Tables, tmp_path: Path) -> None:
    """The first is in doubt when its like comes: that one gets another price, so both are settled."""
    async with Sandbox(SandboxOptions(speed=0)) as sandbox:
        settings = settings_for(
            tables.url,
            sandbox.url,
            PANELS__DEFAULT__TIMEOUT="5",
            RECONCILE__SETTLE="5",
            RECONCILE__DISTINCT="on",
            SCHEDULE__RECONCILE="1",
        )
        async with worker(settings, tmp_path / "log") as daemon:
            # From some twenty charges on, it is known how exactly the panel tells them.
            insert(tables.url, (order(100 + number, 3001 + number) for number in range(21)))
            await nothing_open(tables)
            for where in (Where.BEFORE, Where.AFTER):
                sandbox.faults.add(Fault(kind=FaultKind.RESET, action="add", where=where, count=1))
                insert(tables.url, [order(2 if where is Where.BEFORE else 3, 2000)])
                await tables.until("SELECT count(*) FILTER (WHERE state = 'pending') = 0 FROM orders")
            await asyncio.sleep(5)  # until what was lost can lie below an order that comes after all that
            insert(tables.url, [order(4, 3000)])
            await nothing_open(tables)
            assert await daemon.stop() == 0
        taken = Counter((entry["link"], entry["quantity"]) for entry in ledger.orders(sandbox.panel))
        assert taken["https://example.com/3", 2001] == 1
        assert len(taken) == sum(taken.values()) == 24


async def test_ids_that_do_not_increase_are_never_guessed_at(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(SandboxOptions(speed=0)) as sandbox:
        sandbox.quirks.on("ids_not_numeric")
        settings = settings_for(tables.url, sandbox.url, **SOON)
        async with worker(settings, tmp_path / "log") as daemon:
            insert(tables.url, [order(1, 300)])
            await nothing_open(tables)
            sandbox.faults.add(Fault(kind=FaultKind.RESET, action="add", where=Where.AFTER, count=1))
            insert(tables.url, [order(2, 700)])
            await tables.until("SELECT EXISTS (SELECT FROM order_events WHERE detail->>'doubt' = 'ids_not_increasing')")
            assert await daemon.stop() == 0
        assert tables.value("SELECT state FROM orders WHERE quantity = 700") == "unconfirmed"


@pytest.mark.parametrize("mode", ["suggest", "off"])
async def test_the_modes_that_change_nothing(mode: str, tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(SandboxOptions(speed=0)) as sandbox:
        settings = settings_for(tables.url, sandbox.url, RECONCILE__MODE=mode, **SOON)
        async with worker(settings, tmp_path / "log") as daemon:
            insert(tables.url, [order(1, 300)])
            await nothing_open(tables)
            sandbox.faults.add(Fault(kind=FaultKind.RESET, action="add", where=Where.AFTER, count=1))
            insert(tables.url, [order(2, 700)])
            await tables.until("SELECT EXISTS (SELECT FROM orders WHERE state = 'unconfirmed')")
            if mode == "suggest":
                await daemon.said("order_undecided")
            else:
                await asyncio.sleep(3)
            assert await daemon.stop() == 0
        assert tables.value("SELECT state FROM orders WHERE quantity = 700") == "unconfirmed"
        told = [
            (row["detail"]["verdict"], row["detail"]["panel_order_id"])
            for row in tables.rows("SELECT detail FROM order_events WHERE kind = 'evidence'")
        ]
        assert told == ([("linked", ledger.orders(sandbox.panel)[1]["id"])] if mode == "suggest" else [])
