"""A real worker tells how it is: while it works, without its database, and on its way out."""

import asyncio
import os
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.endpoints import ANY_PORT, Endpoints, Scrape
from tests.acceptance.panel_side import order
from tests.acceptance.samples import insert, orders
from tests.deploy import prometheus
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions
from worker.sandbox.misbehaviour.faults import Where
from worker.store.schema.embedded import embedded_postgres
from worker.store.schema.migrate import migrate

ORDERS = 200
LOST = 3

#: A panel that nobody configured, under a name that nobody should see.
UNKNOWN_PANEL = "hush, this is no name"

SETTLED = """
    SELECT count(*) FILTER (WHERE state NOT IN ('pending', 'submitting', 'submitted')) = %d FROM orders
    WHERE panel = 'default'
"""


async def test_the_metrics_say_what_the_tables_and_the_panel_say(tables: Tables, tmp_path: Path) -> None:
    insert(tables.url, [order(0, panel=UNKNOWN_PANEL), *orders(ORDERS, seed=1, services=(1, 3, 5, 6, 9))])
    settings = settings_for(tables.url, "", **ANY_PORT, RECONCILE__MODE="off", POLLING__SLOWEST="30")
    async with Sandbox(SandboxOptions(speed=2000, balance=Decimal(10_000))) as sandbox:
        sandbox.faults.add(Fault(kind=FaultKind.CLOSE, action="add", where=Where.AFTER, count=LOST))
        sandbox.faults.add(Fault(kind=FaultKind.ERROR, action="add", text="Incorrect link", count=2))
        settings["ORDER_SYNC_PANELS__DEFAULT__URL"] = sandbox.url
        async with worker(settings, tmp_path / "log") as daemon:
            endpoints = await Endpoints.of(daemon)
            # The first snapshot is of the moment of the start.
            first = await endpoints.scraped(lambda scrape: bool(scrape("orders")))
            watching = asyncio.create_task(watch_health(endpoints))
            await tables.until(SETTLED % ORDERS)
            told = await endpoints.scraped(
                lambda scrape: (
                    requests(scrape, "status") == sandbox.journal.counts["status"]
                    and scrape("results_waiting") == {"": 0}
                )
            )
            watching.cancel()
            (ended,) = await asyncio.gather(watching, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended
            assert await daemon.stop() == 0

    assert first("orders", state="pending")["panel=(not configured)"] == 1
    assert first("oldest_pending_seconds")["panel=default"] > 0
    assert first.sum("orders", panel="default") == ORDERS

    assert requests(told, "add") == sandbox.journal.counts["add"]
    assert told("panel_requests_total", action="add", panel="default") == {
        "outcome=answered": ORDERS - LOST - 2,
        "outcome=unknown": LOST,
        "outcome=refused": 2,
        "outcome=not_sent": 0,
    }
    assert told.sum("panel_request_seconds_count", action="add") == ORDERS
    events = tables.rows(
        "SELECT state_after AS state, count(*) FROM order_events WHERE state_before <> state_after GROUP BY 1"
    )
    counted = told("transitions_total", panel="default")
    assert {label: value for label, value in counted.items() if value} == {
        f"state={row['state']}": row["count"] for row in events
    }
    assert told("order_errors_total", panel="default") == {"code=no_answer": LOST, "code=link_refused": 2}
    rose, fell = rises_and_falls(tables)
    assert told("charged_total") == {"currency=USD,panel=default": pytest.approx(float(rose))}
    assert told("refunded_total") == {"currency=USD,panel=default": pytest.approx(float(fell))}
    charges = tables.value("SELECT sum(charge) FROM orders")
    assert told.sum("charged_total") - told.sum("refunded_total") == pytest.approx(float(charges))
    assert told("job_failures_total") == dict.fromkeys(told("job_last_success_timestamp_seconds"), 0)
    assert min(told("job_last_success_timestamp_seconds").values()) > 0
    for name in ("ready", "lease_held", "notifications_listening"):
        assert told(name) == {"": 1}
    assert prometheus.metrics() <= told.metrics
    for secret in ("sandbox-key", sandbox.url, "hush"):
        assert secret not in first.text + told.text


def requests(scrape: Scrape, action: str) -> float:
    return scrape.sum("panel_requests_total", action=action)


async def watch_health(endpoints: Endpoints) -> None:
    """It is well all the time."""
    while True:
        assert (await endpoints.asked("/healthz"))[0] == 200
        await endpoints.scrape()
        await asyncio.sleep(0.05)


def rises_and_falls(tables: Tables) -> tuple[Decimal, Decimal]:
    """By how much all charges rose, and fell, by the events."""
    last: Counter[int] = Counter()
    sums = [Decimal(0), Decimal(0)]
    for event in tables.rows("SELECT order_id, charge FROM order_events WHERE charge IS NOT NULL ORDER BY id"):
        difference = event["charge"] - last[event["order_id"]]
        sums[difference < 0] += abs(difference)
        last[event["order_id"]] = event["charge"]
    return sums[0], sums[1]


async def test_without_its_database_it_lives_and_on_its_way_out_it_is_not_ready(
    postgres_directory: Path, tmp_path: Path
) -> None:
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(kind=FaultKind.LATE, action="add", seconds=3))
        with embedded_postgres(postgres_directory) as url:
            migrate(url)
            async with worker(settings_for(url, sandbox.url, **ANY_PORT), tmp_path / "log") as daemon:
                endpoints = await Endpoints.of(daemon)
                await endpoints.ready(why=None)

                postmaster = int((postgres_directory / "data" / "postmaster.pid").read_text().splitlines()[0])
                os.kill(postmaster, signal.SIGQUIT)
                await endpoints.ready(why="the database can't be reached")
                assert (await endpoints.scrape())("ready") == {"": 0}
                with embedded_postgres(postgres_directory):  # starts it; the outer one keeps it
                    pass
                await endpoints.ready(why=None)

                insert(url, [order(1)])
                await asyncio.wait_for(sandbox.journal.reached("add", 1), timeout=20)
                daemon.process.terminate()
                await endpoints.ready(why="the worker is stopping")
                assert (await endpoints.asked("/healthz"))[0] == 200
                assert (await endpoints.scrape())("calls_in_flight") == {"": 1}
                assert await daemon.process.wait() == 0
