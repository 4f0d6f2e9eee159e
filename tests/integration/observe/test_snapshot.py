"""How all orders stand, from the tables into the gauges."""

from functools import partial
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.store.plain_sql import Database
from worker.jobs.snapshot import OPEN, TakeSnapshot
from worker.observe.metrics import Metrics
from worker.store.db.engine import make_engine
from worker.store.views.overview import overview

PANELS = ("shop", "idle")


@pytest.fixture
def database(database_url: str) -> Any:
    database = Database(database_url)
    with database.connection:
        yield database


@pytest.fixture
def lines() -> list[str]:
    """What a supervisor is told."""
    return []


@pytest.fixture
async def snapshot(database_url: str, lines: list[str]) -> Any:
    """A function that takes one, and tells its samples by name and labels."""
    engine = make_engine(database_url, pool_size=1)
    metrics = Metrics("1.2.3", PANELS)
    job = TakeSnapshot(partial(overview, engine, PANELS), metrics, lines.append)

    async def take() -> dict[tuple[str, ...], float]:
        await job.run()
        return {
            (sample.name.removeprefix("order_sync_"), *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(metrics.text().decode())
            for sample in family.samples
        }

    yield take
    await engine.dispose()


async def test_the_queue(snapshot: Any, lines: list[str], database: Database) -> None:
    old = "2026-01-01"
    for panel in ("shop", "shop", "closed down", "never was"):
        database.add_order(panel=panel, created_at=old, not_before=old)
    database.add_order(panel="shop", not_before="infinity")
    database.add_order(panel="shop", state="unconfirmed", updated_at=old)
    database.add_submitted("1", panel="shop")
    database.execute("UPDATE polls SET due_at = now() - interval '1 min', seen_at = now() - interval '1 h'")
    closed = database.add_submitted("2", panel="shop")
    database.execute("UPDATE orders SET state = 'completed' WHERE id = %s", [closed])
    database.execute(
        "UPDATE polls SET due_at = now() - interval '2 min', seen_at = now() - interval '1 d', settling = true"
        " WHERE order_id = %s",
        [closed],
    )

    told = await snapshot()
    orders = {labels[1:]: value for labels, value in told.items() if labels[0] == "orders"}
    assert orders == {
        **{(panel, state): 0 for panel in (*PANELS, "(not configured)") for state in OPEN},
        ("shop", "pending"): 3,
        ("shop", "unconfirmed"): 1,
        ("shop", "submitted"): 1,
        ("(not configured)", "pending"): 2,
    }
    assert told["unconfirmed", "shop"] == 1
    assert lines == ["5 pending, 0 submitting, 1 unconfirmed, 1 submitted"]
    assert told["oldest_pending_seconds", "shop"] == told["oldest_pending_seconds", "(not configured)"] > 3600
    assert told["oldest_unconfirmed_seconds", "shop"] > 3600
    assert 120 <= told["status_overdue_seconds", "shop"] < 180
    assert 3600 <= told["status_age_seconds", "shop"] < 3660
    for name in ("oldest_pending", "oldest_unconfirmed", "status_overdue", "status_age"):
        assert told[f"{name}_seconds", "idle"] == 0

    later = await snapshot()
    assert later["oldest_pending_seconds", "shop"] > told["oldest_pending_seconds", "shop"]


async def test_the_account_and_the_workers(snapshot: Any, database: Database) -> None:
    for panel in ("shop", "closed down"):
        database.insert("balances", panel=panel, balance="12.5", currency="USD", at="2026-01-01T00:00:00Z")
        database.execute(
            "INSERT INTO pauses (panel, scope, reason, until) VALUES (%s, 'add', 'low_balance', 'infinity')", [panel]
        )
        database.execute("INSERT INTO periodic_jobs VALUES (%s, 'services', now(), '2026-01-02T00:00:00Z')", [panel])
    database.execute("INSERT INTO workers (id, name, lease_until) VALUES (gen_random_uuid(), 'w', now() + '1 h')")

    database.execute("INSERT INTO guards (panel, shared_since) VALUES ('shop', now()), ('idle', NULL)")
    told = await snapshot()
    assert (told["shared_account", "shop"], told["shared_account", "idle"]) == (1, 0)
    account = {labels: value for labels, value in told.items() if labels[0].startswith(("balance", "services", "pau"))}
    assert account == {
        ("balance", "USD", "shop"): 12.5,
        ("balance_read_timestamp_seconds", "shop"): 1767225600,
        ("services_read_timestamp_seconds", "shop"): 1767312000,
        ("paused", "shop", "low_balance", "add"): 1,
    }
    assert told["workers",] == 1
