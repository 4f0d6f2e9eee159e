"""What a span tells, and what it never does."""

import asyncio
import threading

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from worker.observe import tracing
from worker.observe.tracing import Spans

LINK = "https://example.com/hush"


class Hanging(SpanExporter):
    """A collector that never answers."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def export(self, spans: object) -> SpanExportResult:
        self.answers.wait()
        return SpanExportResult.SUCCESS


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What takes the spans, in place of a collector."""
    memory = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "OTLPSpanExporter", lambda: memory)
    return memory


async def test_a_call_that_throws_is_an_error_and_its_words_are_not_told(memory: InMemorySpanExporter) -> None:
    async def work() -> None:
        raise LookupError(LINK)

    spans = Spans("1")
    with pytest.raises(LookupError, match=LINK):
        await spans.followed(work(), panel="shop", job="statuses", items=2)
    await spans.aclose()
    (span,) = memory.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "LookupError")
    assert LINK not in span.to_json()


async def test_calls_at_once_are_told_apart(memory: InMemorySpanExporter) -> None:
    spans = Spans("1")
    all_asked = asyncio.Barrier(3)

    async def ask(outcome: str) -> None:
        await all_asked.wait()
        spans.request("status", outcome, 0.1)

    outcomes = ("answered", "refused", "unknown")
    async with asyncio.TaskGroup() as group:
        for number, outcome in enumerate(outcomes):
            group.create_task(spans.followed(ask(outcome), panel="shop", job="statuses", items=number))
    await spans.aclose()
    told = [about(span) for span in memory.get_finished_spans()]
    assert sorted(told, key=str) == [
        ("order_sync.statuses", number, outcome, [outcome], outcome == "unknown")
        for number, outcome in enumerate(outcomes)
    ]


def about(span: ReadableSpan) -> tuple[object, ...]:
    attributes = span.attributes or {}
    requests = [(event.attributes or {})["order_sync.outcome"] for event in span.events]
    is_error = span.status.status_code is StatusCode.ERROR
    return span.name, attributes["order_sync.items"], attributes["order_sync.outcome"], requests, is_error


async def test_its_end_does_not_wait_for_a_collector_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        pass

    hanging = Hanging()
    monkeypatch.setattr(tracing, "OTLPSpanExporter", lambda: hanging)
    monkeypatch.setattr(tracing, "PATIENCE", 0.05)
    spans = Spans("1")
    await spans.followed(work(), panel="shop", job="statuses", items=1)
    async with asyncio.timeout(10):
        await spans.aclose()
    hanging.answers.set()
