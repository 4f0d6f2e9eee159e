"""A real daemon, a real Postgres, and a panel over TCP: what was inserted ends as the panel's ledger says."""

from decimal import Decimal
from pathlib import Path

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert, orders
from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.panel import ledger

ORDERS = 1000
REQUESTS = 100

ALL_CLOSED = "SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting', 'submitted'))"
ALL_ANSWERED = """
    SELECT NOT EXISTS (SELECT FROM cancels WHERE state = 'pending')
        AND NOT EXISTS (SELECT FROM refills WHERE state IN ('pending', 'submitted'))
"""


async def test_a_thousand_orders_end_as_the_ledger_says(tables: Tables, tmp_path: Path) -> None:
    options = SandboxOptions(balance=Decimal(100_000), foreign=2, seed=7, speed=0)
    async with (
        Sandbox(options) as sandbox,
        worker(settings_for(tables.url, sandbox.url), tmp_path / "log") as daemon,
    ):
        insert(tables.url, orders(ORDERS, seed=1))
        await tables.until("SELECT count(*) = 1000 FROM orders WHERE panel_status IS NOT NULL")
        tables.rows(
            """
            INSERT INTO cancels (order_id)
            SELECT id FROM orders WHERE service IN ('1', '4', '9', '16', '19', '6') ORDER BY id LIMIT %s
            """,
            REQUESTS,
        )
        await tables.until("SELECT NOT EXISTS (SELECT FROM cancels WHERE state = 'pending')")
        sandbox.clock.speed = 2000
        await tables.until(ALL_CLOSED)
        tables.rows(
            """
            INSERT INTO refills (order_id)
            SELECT id FROM orders WHERE state IN ('completed', 'partial') AND service IN ('1', '3', '15')
            ORDER BY id LIMIT %s
            """,
            REQUESTS,
        )
        await tables.until(ALL_ANSWERED)
        await tables.until(ALL_CLOSED)
        assert await daemon.stop() == 0

        assert tables.value("SELECT count(*) FROM orders WHERE state IN ('completed', 'partial', 'canceled')") == ORDERS
        assert differences(tables, sandbox) == []
        _refills_are_true(tables, sandbox)
        _cancels_are_true(tables, sandbox)
        _events_tell_it_all(tables)
        assert sandbox.journal.violation_counts == {}
        assert sandbox.journal.counts["add"] == ORDERS
        assert max(sandbox.journal.batches["status"]) == 100
        assert set(sandbox.journal.counts) == {
            "add", "status", "refill", "refill_status", "cancel", "services", "balance"
        }  # fmt: skip
        assert "Traceback" not in daemon.text
        assert not [line for line in daemon.events() if line["level"] in {"error", "critical"}]


def _refills_are_true(tables: Tables, sandbox: Sandbox) -> None:
    true = {refill["id"]: (refill["order"], refill["status"]) for refill in ledger.refills(sandbox.panel)}
    told = {
        row["panel_refill_id"]: (row["panel_order_id"], row["panel_status"])
        for row in tables.rows("SELECT r.*, o.panel_order_id FROM refills r JOIN orders o ON o.id = r.order_id")
    }
    assert told == true
    assert len(told) == REQUESTS
    assert {row["state"] for row in tables.rows("SELECT state FROM refills")} == {"completed", "rejected"}


def _cancels_are_true(tables: Tables, sandbox: Sandbox) -> None:
    told = tables.rows(
        "SELECT o.panel_order_id AS id FROM cancels c JOIN orders o ON o.id = c.order_id WHERE c.state = 'accepted'"
    )
    assert {row["id"] for row in told} == {cancel["order"] for cancel in ledger.cancels(sandbox.panel)}
    assert tables.value("SELECT count(*) FROM cancels WHERE state = 'accepted'") == REQUESTS


def _events_tell_it_all(tables: Tables) -> None:
    """Whoever follows the events ends up with the orders as they are: each event goes on from the one before."""
    last: dict[int, dict[str, object]] = {}
    for event in tables.rows("SELECT * FROM order_events ORDER BY id"):
        before = last.get(event["order_id"])
        assert event["state_before"] == ("pending" if before is None else before["state_after"])
        last[event["order_id"]] = event
    for order in tables.rows("SELECT * FROM orders"):
        event = last[order["id"]]
        told = {name: event[name] for name in ("panel_status", "charge", "remains", "start_count")}
        assert told == {name: order[name] for name in told}
        assert event["state_after"] == order["state"]
