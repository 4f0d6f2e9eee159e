"""Somebody else orders on the account: the worker settles nothing, until a person says what is theirs."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.acceptance.commands.command import order_sync
from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted
from worker.panel import PanelClient
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions, Where


def order(quantity: int) -> dict[str, Any]:
    return {"service": "1", "link": f"https://example.com/{quantity}", "quantity": quantity}


async def test_nothing_is_settled_until_a_person_says_what_is_theirs(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(SandboxOptions(speed=0)) as sandbox:
        settings = settings_for(
            tables.url, sandbox.url, PANELS__DEFAULT__TIMEOUT="1", RECONCILE__SETTLE="2", SCHEDULE__RECONCILE="1"
        )
        own = {name.removeprefix("ORDER_SYNC_"): value for name, value in settings.items()}
        async with worker(settings, tmp_path / "log") as daemon:
            insert(tables.url, [order(300)])
            await tables.until("SELECT bool_and(state = 'submitted') FROM orders")
            async with PanelClient(sandbox.url, "sandbox-key") as by_hand:
                taken = await by_hand.add(
                    AddRequest("1", {"link": "https://example.com/theirs", "quantity": "700"}, Decimal(1), 700)
                )
            assert isinstance(taken, Accepted)
            insert(tables.url, [order(400)])  # a later one: the newest ids are searched up to it
            said = await daemon.said("shared_account")
            assert (said["panel"], said["panel_order_ids"]) == ("default", [taken.panel_order_id])

            sandbox.faults.add(Fault(kind=FaultKind.RESET, action="add", where=Where.AFTER, count=1))
            (lost,) = insert(tables.url, [order(500)])
            await tables.until("SELECT EXISTS (SELECT FROM order_events WHERE detail->>'doubt' = 'shared_account')")
            assert tables.value("SELECT state FROM orders WHERE quantity = 500") == "unconfirmed"
            told = await order_sync("status", settings=own)
            assert "panel default: somebody else orders on this account" in told.out

            listed = await order_sync("orders", "disown", "--dry-run", "--json", settings=own)
            theirs, ours = json.loads(listed.out)["panel_orders"]
            assert (theirs["id"], theirs["status"], theirs["nobodys"]) == (taken.panel_order_id, "Pending", True)
            assert (ours["may_be"], ours["nobodys"]) == ([lost], False)
            done = await order_sync("orders", "disown", "--why", "ordered by hand", "--yes", settings=own)
            assert (done.code, done.err) == (0, "")
            await tables.until("SELECT bool_and(state = 'submitted') FROM orders")
            assert await daemon.stop() == 0
        assert tables.value("SELECT panel_order_id FROM orders WHERE quantity = 500") == ours["id"]
        (linked,) = daemon.events("order_reconciled")
        assert 0 < linked["in_doubt_for"] < 120
        told = await order_sync("status", settings=own)
        assert "somebody else" not in told.out
