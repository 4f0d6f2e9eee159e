"""Sends spans of the calls that jobs start to OpenTelemetry (docs/reference/metrics.md).

The daemon imports it only if tracing is switched on, since the packages are an extra. OpenTelemetry's own variables,
OTEL_..., say where spans go and how many. A thread sends them, and drops those that it can't send.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

from worker.domain.orders.outcomes import AddOutcome, Refused
from worker.domain.orders.submission import Claimed, outcome_detail

PREFIX = "order_sync."

#: Outcomes without an answer, which make a span an error.
UNANSWERED = ("not_sent", "unknown")

#: Most seconds for which unsent spans hold up the end of the worker.
PATIENCE = 3.0


class Spans:
    """Makes a span for each call that a job starts, without any words of panels or producers: no link, no text."""

    def __init__(self, version: str) -> None:
        """Raises ValueError or RuntimeError for variables OTEL_... that OpenTelemetry can't use."""
        ours = Resource.create({SERVICE_NAME: "order-sync", SERVICE_VERSION: version})
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("order-sync", version)

    def followed(
        self, work: Coroutine[Any, Any, None], *, panel: str, job: str, items: int
    ) -> Coroutine[Any, Any, None]:
        attributes: dict[str, str | int] = {f"{PREFIX}panel": panel, f"{PREFIX}items": items}
        return self._follow(work, f"{PREFIX}{job}", attributes, time.time_ns())

    async def _follow(
        self, work: Coroutine[Any, Any, None], name: str, attributes: dict[str, str | int], began: int
    ) -> None:
        # The text of an exception stays out: it may hold values of a row.
        with self._tracer.start_as_current_span(
            name, attributes=attributes, start_time=began, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                await work
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def request(self, action: str, outcome: str, seconds: float) -> None:
        about: dict[str, str | float] = {f"{PREFIX}action": action, f"{PREFIX}outcome": outcome}
        span = trace.get_current_span()
        span.set_attributes(about)
        span.add_event("request", about | {f"{PREFIX}seconds": seconds})
        if outcome in UNANSWERED:
            span.set_status(StatusCode.ERROR, outcome)

    def sent(self, claimed: Claimed, outcome: AddOutcome) -> None:
        word = outcome_detail(outcome)["outcome"]
        about = {"order_id": claimed.order_id, "attempt": claimed.attempt, "outcome": word}
        if isinstance(outcome, Refused):
            about["error_code"] = outcome.reason.value
        span = trace.get_current_span()
        span.set_attributes({PREFIX + name: value for name, value in about.items()})
        if word in UNANSWERED:
            span.set_status(StatusCode.ERROR, word)

    async def aclose(self) -> None:
        """Sends the remaining spans, as far as that takes a few seconds."""
        closed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def close() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # it took longer, and the event loop is closed
                loop.call_soon_threadsafe(closed.set)

        # A daemon thread: asyncio would wait for a thread of its own when the loop closes.
        threading.Thread(target=close, name="spans", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await closed.wait()
