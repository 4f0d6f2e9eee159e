"""Spans of a real worker, as a collector receives them; and what becomes of a worker without one, or without spans."""

import asyncio
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.collector import Collector, Told, collector
from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import launched, settings_for, worker
from tests.acceptance.panel_side import all_settled, order
from tests.acceptance.samples import insert
from worker import __version__
from worker.sandbox import Fault, FaultKind, Sandbox
from worker.sandbox.misbehaviour.faults import Where

ORDERS = 40
REFUSED = 3
LOST = 2

#: By what is written of an order: what its call came to.
CAME_TO = {"submitted": "accepted", "rejected": "refused", "unconfirmed": "unknown"}

CLAIMED_AND_WRITTEN = """
    SELECT written.order_id, written.kind, extract(epoch FROM claimed.at) AS claimed_at,
        extract(epoch FROM written.at) AS written_at
    FROM order_events written
    JOIN order_events claimed ON claimed.order_id = written.order_id AND claimed.kind = 'submitting'
    WHERE written.kind = ANY(%s)
"""

ANSWERED = """
    SELECT NOT EXISTS (SELECT FROM refills WHERE state = 'pending')
        AND NOT EXISTS (SELECT FROM cancels WHERE state = 'pending')
"""


def traced(tables: Tables, sandbox: Sandbox, endpoint: str) -> dict[str, str]:
    settings = settings_for(tables.url, sandbox.url, TRACING="otlp", RECONCILE__MODE="off")
    return {**settings, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}


async def test_each_order_and_each_batch_is_a_span(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox() as sandbox, collector() as spans:
        sandbox.faults.add(Fault(kind=FaultKind.CLOSE, action="add", where=Where.AFTER, count=LOST))
        sandbox.faults.add(Fault(kind=FaultKind.ERROR, action="add", text="Incorrect link", count=REFUSED))
        insert(tables.url, [order(number) for number in range(ORDERS)])
        async with worker(traced(tables, sandbox, spans.url), tmp_path / "log") as daemon:
            await all_settled(tables)
            tables.rows("INSERT INTO cancels (order_id) SELECT id FROM orders WHERE state = 'submitted' LIMIT 5")
            await tables.until(ANSWERED)
            sandbox.clock.advance(24 * 3600)
            await tables.until("SELECT bool_and(finished_at IS NOT NULL) FROM orders WHERE state <> 'unconfirmed'")
            tables.rows("INSERT INTO refills (order_id) SELECT id FROM orders WHERE state = 'completed' LIMIT 5")
            await tables.until(ANSWERED)
            sandbox.clock.advance(24 * 3600)
            await tables.until("SELECT bool_and(finished_at IS NOT NULL) FROM refills")
            assert await daemon.stop() == 0

        orders_are_told(tables, spans)
        batches_are_told(spans, sandbox)
        assert {told.about["panel"] for told in spans.told} == {"default"}
        assert {(told.resource["service.name"], told.resource["service.version"]) for told in spans.told} == {
            ("order-sync", __version__)
        }
        assert not any(told.span.parent_span_id for told in spans.told)
        for hidden in (b"sandbox-key", sandbox.url.encode(), b"example.com", b"Incorrect link"):
            assert hidden not in b"".join(spans.bodies)


def orders_are_told(tables: Tables, spans: Collector) -> None:
    """Each call once, with what came of it, from the claim until that was written."""
    written = {row["order_id"]: row for row in tables.rows(CLAIMED_AND_WRITTEN, [*CAME_TO])}
    told = spans.named("submit")
    assert len(told) == len(written) == ORDERS
    for one in told:
        row = written.pop(one.about["order_id"])
        assert one.about["attempt"] == 1
        assert one.about["outcome"] == CAME_TO[row["kind"]]
        assert one.about.get("error_code") == ("link_refused" if row["kind"] == "rejected" else None)
        assert is_error(one) == (row["kind"] == "unconfirmed")
        (answer,) = one.span.events
        assert one.requests[0]["action"] == "add"
        claimed_at, written_at = (round(row[name] * 10**9) for name in ("claimed_at", "written_at"))
        instants = [claimed_at, one.span.start_time_unix_nano, answer.time_unix_nano, written_at]
        assert [*instants, one.span.end_time_unix_nano] == sorted([*instants, one.span.end_time_unix_nano])
    assert Counter(one.about["outcome"] for one in told) == {
        "accepted": ORDERS - REFUSED - LOST,
        "refused": REFUSED,
        "unknown": LOST,
    }


def batches_are_told(spans: Collector, sandbox: Sandbox) -> None:
    """As many requests as arrived."""
    for name, actions in {
        "statuses": {"status"},
        "refills": {"refill", "refill_status"},
        "cancels": {"cancel"},
    }.items():
        told = spans.named(name)
        requests = Counter(request["action"] for one in told for request in one.requests)
        assert requests == {action: sandbox.journal.counts[action] for action in actions}
        assert {one.about["outcome"] for one in told} == {"answered"}
        assert all(1 <= one.about["items"] <= 100 for one in told)
    assert sum(one.about["items"] for one in spans.named("cancels")) == 5


def is_error(told: Told) -> bool:
    return told.span.status.code == told.span.status.STATUS_CODE_ERROR


async def test_without_a_collector_the_work_is_done_all_the_same(
    tables: Tables, tmp_path: Path, closed_port: int
) -> None:
    async with Sandbox() as sandbox:
        insert(tables.url, [order(number) for number in range(ORDERS)])
        settings = traced(tables, sandbox, f"http://127.0.0.1:{closed_port}")
        async with worker(settings, tmp_path / "log") as daemon:
            await tables.until("SELECT bool_and(state = 'submitted') FROM orders")
            assert await daemon.stop() == 0
        assert daemon.events("worker_stopped")


def in_place_of_opentelemetry(directory: Path, text: str) -> dict[str, str]:
    """The environment of a process in which the package is this text."""
    (package := directory / "shadow" / "opentelemetry").mkdir(parents=True)
    (package / "__init__.py").write_text(text)
    paths = [str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


async def test_switched_off_nothing_of_it_is_imported(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        shadow = in_place_of_opentelemetry(tmp_path, "raise AssertionError('it was imported')")
        insert(tables.url, [order(1)])
        async with worker(settings_for(tables.url, sandbox.url) | shadow, tmp_path / "log") as daemon:
            await tables.until("SELECT state = 'submitted' FROM orders")
            assert await daemon.stop() == 0


@pytest.mark.parametrize("command", ["run", "check"])
async def test_without_the_extra_it_is_said_how_to_install_it(tables: Tables, tmp_path: Path, command: str) -> None:
    settings = settings_for(tables.url, "http://127.0.0.1/api", TRACING="otlp") | in_place_of_opentelemetry(
        tmp_path, ""
    )
    async with launched(settings, tmp_path / "log", "-m", "worker", command) as ended:
        assert await asyncio.wait_for(ended.process.wait(), 60) == 2
    assert ended.text == ("order-sync: ORDER_SYNC_TRACING: otlp needs the extra: pip install 'order-sync[tracing]'\n")


@pytest.mark.parametrize("variable", ["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"])
async def test_variables_of_opentelemetry_that_make_no_sense(tables: Tables, tmp_path: Path, variable: str) -> None:
    async with Sandbox() as sandbox:
        settings = traced(tables, sandbox, "http://127.0.0.1") | {variable: "-1"}
        async with launched(settings, tmp_path / "log") as ended:
            assert await asyncio.wait_for(ended.process.wait(), 60) == 2
    assert ended.text.startswith("order-sync: OTEL_...: OpenTelemetry can't be set up with these variables: ")
    assert ended.text.count("\n") == 1
