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
from worker.sandbox.http.spoil import spoil, too_many
from worker.sandbox.misbehaviour.faults import Fault, FaultKind, Faults, Where, read_fault
from worker.sandbox.misbehaviour.quirks import Call, Quirks, Reply
from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel.clock import Clock
from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.validate import INCORRECT_REQUEST, INVALID_KEY, ParsedRequest, RefusedError, Violation

_FORM = "application/x-www-form-urlencoded"
_LONGEST_BODY = 8 * 1024 * 1024
_QUEUE = 1024

#: What a banned caller gets, with HTTP 403.
BANNED = "Your IP is blocked"


class Sandbox:
    """A panel that listens from `__aenter__` to `__aexit__`. Raises OSError if it can't, as on a used port.

    Raises ValueError if the options name a quirk, cheat or fault that doesn't exist.

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
        self._later: set[asyncio.Task[None]] = set()
        self.reset()

    def reset(self) -> None:
        """Forgets orders, money and requests, and has the faults, quirks and cheats of the start. Keeps the address."""
        self.panel = Panel(self.options)
        self.faults = Faults(self.options.seed)
        for fault in self.options.faults:
            self.faults.add(read_fault(fault))
        self.quirks = Quirks(self.panel)
        self.quirks.on(*self.options.quirks)
        self.journal = Journal(self.options.keep_requests, self.options.key)

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
        await asyncio.gather(*self._later)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self._begin()
        try:
            return await self._answer(request)
        finally:
            self._end()

    def _begin(self) -> None:
        self._in_flight += 1
        self._idle.clear()

    def _end(self) -> None:
        self._in_flight -= 1
        if self._in_flight == 0:
            self._idle.set()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form, violations = await _read_form(request)
        parsed = self.panel.validator.read(self.quirks.incoming(form))
        if request.method != "POST":
            parsed.refused = INCORRECT_REQUEST
        self.journal.record(form, parsed, [*violations, *parsed.violations])
        if (kept_out := self._keep_out(request, parsed)) is not None:
            return kept_out
        fault = self.faults.pick(parsed.action, form)
        if fault and fault.kind is FaultKind.LATE:
            await self._hold(1.0 if fault.seconds is None else fault.seconds)
            if self._closing.is_set():
                return web.Response(status=503)
        elif fault and fault.where is not Where.AFTER:
            response = await self._spoil(fault, request, Reply({"error": INCORRECT_REQUEST}))
            if fault.where is Where.LATER:
                self._carry_out_later(parsed, form, self.faults.delay(fault))
            return response
        reply = self._carry_out(parsed, form)
        if self.options.latency:
            await self._hold(self.options.latency)
        return await self._spoil(fault, request, reply) if fault else _response(reply)

    def _keep_out(self, request: web.Request, parsed: ParsedRequest) -> web.Response | None:
        """Returns the reply to a caller that is banned or asks too often, otherwise None."""
        limits = self.panel.limits
        if limits.bans:
            caller = request.remote or ""
            if limits.bans.holds(caller):
                return web.json_response({"error": BANNED}, status=403)
            if parsed.refused == INVALID_KEY:
                limits.bans.note_bad_key(caller)
        if (wait := limits.take(parsed.action)) is None:
            return None
        self.journal.limited += 1
        return too_many(None if limits.is_silent else ceil(wait), dated=limits.is_dated)

    def _carry_out(self, parsed: ParsedRequest, form: Mapping[str, str]) -> Reply:
        try:
            reply = Reply(self.panel.answer(parsed))
        except RefusedError as refused:
            reply = Reply({"error": refused.text})
        self.quirks.apply(reply, Call(parsed, self.panel, form.get("key", "")))
        return reply

    def _carry_out_later(self, parsed: ParsedRequest, form: Mapping[str, str], delay: float) -> None:
        panel = self.panel

        async def carry_out() -> None:
            try:
                await self._hold(delay)
                if self.panel is panel and not self._closing.is_set():
                    self._carry_out(parsed, form)
            finally:
                self._end()

        self._begin()
        task = asyncio.create_task(carry_out())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

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
