"""Serves the sandbox over HTTP."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from math import ceil
from typing import Self
from urllib.parse import parse_qsl

from aiohttp import web

from worker.sandbox.http.admin import Admin
from worker.sandbox.http.journal import Journal
from worker.sandbox.http.limit import Limit
from worker.sandbox.http.spoil import spoil, too_many
from worker.sandbox.misbehaviour.faults import Fault, FaultKind, Faults, Where
from worker.sandbox.misbehaviour.quirks import Call, Quirks, Reply
from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel.clock import Clock
from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.validate import INCORRECT_REQUEST, RefusedError, Violation

_FORM = "application/x-www-form-urlencoded"
_LONGEST_BODY = 8 * 1024 * 1024
_QUEUE = 1024


class Sandbox:
    """A panel that listens from `__aenter__` to `__aexit__`. Raises OSError if it can't, as on a used port.

    Code in the same process can do all that `/admin/` can, through the attributes. `reset` replaces them, so keep a
    reference to the sandbox and not to one of its parts.
    """

    def __init__(self, options: SandboxOptions | None = None) -> None:
        self.options = options or SandboxOptions()
        self.url = ""
        self.admin_url = ""
        self._closing = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._in_flight = 0
        self._runner: web.AppRunner | None = None
        self.reset()

    def reset(self) -> None:
        """Forgets orders, money, faults, quirks, cheats and requests. Keeps the address."""
        self.panel = Panel(self.options)
        self.faults = Faults(self.options.seed)
        self.quirks = Quirks()
        self.journal = Journal(self.options.keep_requests, self.options.key)
        self._limit = Limit(self.options.rate_limit) if self.options.rate_limit else None

    @property
    def clock(self) -> Clock:
        return self.panel.clock

    @property
    def in_flight(self) -> int:
        """The number of requests that have arrived and aren't finished, whether or not their client still waits."""
        return self._in_flight

    async def idle(self) -> None:
        """Waits until no request is in flight."""
        await self._idle.wait()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LONGEST_BODY)
        app.router.add_route("*", "/api/v2", self._serve)
        app.router.add_route("*", "/elsewhere/api/v2", self._serve_elsewhere)
        Admin(self).add_routes(app.router)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=self.options.keep_alive
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.options.host, self.options.port, backlog=_QUEUE).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        host, port = self._runner.addresses[0][:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self.url, self.admin_url = f"{address}/api/v2", f"{address}/admin/"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self._in_flight += 1
        self._idle.clear()
        try:
            return await self._answer(request)
        finally:
            self._in_flight -= 1
            if self._in_flight == 0:
                self._idle.set()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form, violations = await _read_form(request)
        incoming = self.quirks.incoming(form)
        parsed = self.panel.validator.read(incoming, cut_batches="batch_first_hundred" in self.quirks)
        if request.method != "POST":
            parsed.refused = INCORRECT_REQUEST
        self.journal.record(form, parsed, [*violations, *parsed.violations])
        if self._limit and (wait := self._limit.take()) is not None:
            self.journal.limited += 1
            return too_many(ceil(wait))
        fault = self.faults.pick(parsed.action, form)
        if fault and fault.kind is FaultKind.LATE:
            await self._hold(1.0 if fault.seconds is None else fault.seconds)
            if self._closing.is_set():
                return web.Response(status=503)
        elif fault and fault.where is Where.BEFORE:
            return await self._spoil(fault, request, Reply({"error": INCORRECT_REQUEST}))
        try:
            reply = Reply(self.panel.answer(parsed))
        except RefusedError as refused:
            reply = Reply({"error": refused.text})
        self.quirks.apply(reply, Call(parsed, self.panel, form.get("key", "")))
        if self.options.latency:
            await self._hold(self.options.latency)
        return await self._spoil(fault, request, reply) if fault else _response(reply)

    async def _spoil(self, fault: Fault, request: web.Request, reply: Reply) -> web.StreamResponse:
        return await spoil(fault, request, reply.encode(), self._hold)

    async def _serve_elsewhere(self, request: web.Request) -> web.Response:
        """Answers at the address to which the fault `redirect` points. No client should follow it."""
        form, _ = await _read_form(request)
        parsed = self.panel.validator.read({})
        self.journal.record(form, parsed, [Violation("redirect_followed", request.method)])
        return _response(Reply({"error": INCORRECT_REQUEST}))

    async def _hold(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()


async def _read_form(request: web.Request) -> tuple[Mapping[str, str], list[Violation]]:
    """Returns the form's fields, and the violations in the way the client sent them."""
    violations: list[Violation] = []
    if request.method != "POST":
        violations.append(Violation("method", request.method))
    if request.query_string:
        kind = "key_in_query" if "key" in request.query else "query"
        violations.append(Violation(kind, ",".join(request.query)))
    if request.content_type != _FORM:
        violations.append(Violation("content_type", request.content_type))
    body = await request.read()
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), errors="strict")
    except ValueError:
        violations.append(Violation("not_a_form", f"{len(body)} bytes"))
        return {}, violations
    repeated = [name for name, times in Counter(name for name, _ in fields).items() if times > 1]
    violations.extend(Violation("repeated_field", name) for name in repeated)
    return dict(fields), violations


def _response(reply: Reply) -> web.Response:
    return web.Response(body=reply.encode(), status=reply.status, content_type="application/json", charset="utf-8")
