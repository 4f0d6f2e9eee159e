"""What receives spans: OpenTelemetry's protocol over HTTP, as a collector speaks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PREFIX = "order_sync."


def values(attributes: Any) -> dict[str, Any]:
    """The values by name, without the prefix of ours."""
    return {one.key.removeprefix(PREFIX): _value(one) for one in attributes}


def _value(attribute: KeyValue) -> Any:
    kind = attribute.value.WhichOneof("value")
    assert kind is not None, attribute
    return getattr(attribute.value, kind)


@dataclass(frozen=True)
class Told:
    """One span, and what is told of who sent it."""

    span: Span
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        return self.span.name.removeprefix(PREFIX)

    @property
    def about(self) -> dict[str, Any]:
        return values(self.span.attributes)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Those to the panel that it tells of."""
        return [values(event.attributes) for event in self.span.events if event.name == "request"]


class Collector:
    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []

    @property
    def told(self) -> list[Told]:
        return [
            Told(span, values(of_one.resource.attributes))
            for body in self.bodies
            for of_one in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in of_one.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[Told]:
        return [told for told in self.told if told.name == name]

    async def _receive(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-protobuf"
        self.bodies.append(await request.read())
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    it = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", it._receive)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        it.url = f"http://{host}:{port}"
        yield it
    finally:
        await runner.cleanup()
