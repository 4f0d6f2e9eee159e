"""Spans of what jobs begin, for OpenTelemetry (README, "Tracing"). Imported only where it is switched on: its packages
are an extra.

Where spans go, how many, and what else there is to set is OpenTelemetry's own: the variables OTEL_... . They are sent
by a thread of its own; what can't be sent is dropped, and holds up nothing.
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

#: What a call came to that was no answer: such a span is an error.
UNANSWERED = ("not_sent", "unknown")

#: Seconds for which the end of the worker is held up by spans that are still to be sent.
PATIENCE = 3.0


class Spans:
    """One for each call that a job begins. Nothing of what a panel or a producer says is in them: no link, no text."""

    def __init__(self, version: str) -> None:
        """Raises ValueError or RuntimeError for variables OTEL_... that make no sense."""
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
        # What an exception says isn't ours to tell: it may have a row's values in it.
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
        """Send what there is left, as far as it can be done in a few seconds."""
        closed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def close() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # it took longer, and the loop is closed
                loop.call_soon_threadsafe(closed.set)

        # A thread that nobody waits for: one of the loop's own would be waited for when that is closed.
        threading.Thread(target=close, name="spans", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await closed.wait()
