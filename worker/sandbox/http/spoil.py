"""Spoils replies: each fault's effect on the connection or the body."""

import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from typing import TypeAlias

from aiohttp import web

from worker.sandbox.misbehaviour.faults import Fault, FaultKind

_PAGE = "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
_TITLES = {
    200: "Just a moment...",
    403: "Just a moment...",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
    520: "Web server is returning an unknown error",
    521: "Web server is down",
    522: "Connection timed out",
    523: "Origin is unreachable",
    524: "A timeout occurred",
}
_BAD_GATEWAY = 502
_FOUND = 302
_GARBAGE = b"\x00\xff\xfe{]<order>\x80\x81=;"
_BLANKS = b" " * 65_536

#: SO_LINGER with a time of 0: closing the socket sends a reset.
_NO_LINGER = struct.pack("ii", 1, 0)

#: Waits for this many real seconds, or until the sandbox ends.
Hold: TypeAlias = Callable[[float], Awaitable[None]]

#: Real seconds after which it is checked anew whether a client still waits.
_CHECKED_AFTER = 0.05


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request and its fault. `body` is the unspoilt reply in JSON."""

    fault: Fault
    request: web.Request
    body: bytes
    hold: Hold


_Spoiler: TypeAlias = Callable[[_Exchange], Awaitable[web.StreamResponse]]


async def spoil(fault: Fault, request: web.Request, body: bytes, hold: Hold) -> web.StreamResponse:
    """Answers `request` as `fault` demands. `body` is the unspoilt reply in JSON."""
    return await _SPOILERS[fault.kind](_Exchange(fault, request, body, hold))


def too_many(retry_after: float | None, *, dated: bool = False) -> web.Response:
    """Returns HTTP 429. `retry_after` is in seconds; None omits the header. `dated`: the header has a date."""
    headers = {}
    if retry_after is not None:
        date = datetime.now(UTC) + timedelta(seconds=ceil(retry_after))
        headers["Retry-After"] = format_datetime(date, usegmt=True) if dated else f"{retry_after:g}"
    return web.json_response({"error": "Too many requests"}, status=429, headers=headers)


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


async def _reset(exchange: _Exchange) -> web.Response:
    if exchange.request.transport is not None:
        connection = exchange.request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        exchange.request.transport.abort()
    return web.Response()  # nobody receives it


async def _close(exchange: _Exchange) -> web.Response:
    if exchange.request.transport is not None:
        exchange.request.transport.close()
    return web.Response()  # nobody receives it


async def _timeout(exchange: _Exchange) -> web.Response:
    await _hold_while_awaited(exchange, 60.0)
    return await _close(exchange)


async def _hold_while_awaited(exchange: _Exchange, default: float) -> None:
    """Waits for the fault's seconds, or the default, or until the client has gone or the sandbox ends."""
    left = default if exchange.fault.seconds is None else exchange.fault.seconds
    while left > 0 and exchange.request.transport is not None:
        await exchange.hold(min(left, _CHECKED_AFTER))
        left -= _CHECKED_AFTER


async def _late(exchange: _Exchange) -> web.Response:
    return _json(exchange.body)


async def _http(exchange: _Exchange) -> web.Response:
    status = exchange.fault.status or _BAD_GATEWAY
    page = _PAGE.format(title=_TITLES.get(status, f"Error {status}"))
    return web.Response(text=page, status=status, content_type="text/html")


async def _empty(_: _Exchange) -> web.Response:
    return _json(b"")


async def _null(_: _Exchange) -> web.Response:
    return _json(b"null")


async def _cut(exchange: _Exchange) -> web.Response:
    return _json(exchange.body[: len(exchange.body) // 2])


async def _head(exchange: _Exchange) -> web.StreamResponse:
    response = await _begin(exchange, len(exchange.body))
    await _hold_while_awaited(exchange, 60.0)
    await _close(exchange)
    return response


async def _short(exchange: _Exchange) -> web.StreamResponse:
    response = await _begin(exchange, len(exchange.body))
    await response.write(exchange.body[: len(exchange.body) // 2])
    await _hold_while_awaited(exchange, 0.0)
    await _close(exchange)
    return response


async def _garbage(_: _Exchange) -> web.Response:
    return _json(_GARBAGE)


async def _error(exchange: _Exchange) -> web.Response:
    return web.json_response({"error": exchange.fault.text}, status=exchange.fault.status or 200)


async def _reply(exchange: _Exchange) -> web.Response:
    return web.Response(
        text=exchange.fault.body, status=exchange.fault.status or 200, content_type="application/json", charset="utf-8"
    )


async def _rate_limit(exchange: _Exchange) -> web.Response:
    return too_many(exchange.fault.seconds, dated=exchange.fault.dated)


async def _redirect(exchange: _Exchange) -> web.Response:
    return web.Response(status=exchange.fault.status or _FOUND, headers={"Location": "/elsewhere/api/v2"})


async def _oversize(exchange: _Exchange) -> web.StreamResponse:
    left = exchange.fault.size
    response = await _begin(exchange, left + len(exchange.body))
    while left > 0:
        blanks = _BLANKS[:left]
        await response.write(blanks)
        left -= len(blanks)
    await response.write(exchange.body)
    return response


async def _slow(exchange: _Exchange) -> web.StreamResponse:
    seconds = 5.0 if exchange.fault.seconds is None else exchange.fault.seconds
    response = await _begin(exchange, len(exchange.body))
    for byte in exchange.body:
        await response.write(bytes([byte]))
        await exchange.hold(seconds / len(exchange.body))
    return response


async def _begin(exchange: _Exchange, length: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = length
    await response.prepare(exchange.request)
    return response


_SPOILERS: Mapping[FaultKind, _Spoiler] = {
    FaultKind.RESET: _reset,
    FaultKind.CLOSE: _close,
    FaultKind.TIMEOUT: _timeout,
    FaultKind.LATE: _late,
    FaultKind.HEAD: _head,
    FaultKind.HTTP: _http,
    FaultKind.EMPTY: _empty,
    FaultKind.NULL: _null,
    FaultKind.CUT: _cut,
    FaultKind.SHORT: _short,
    FaultKind.GARBAGE: _garbage,
    FaultKind.ERROR: _error,
    FaultKind.REPLY: _reply,
    FaultKind.RATE_LIMIT: _rate_limit,
    FaultKind.REDIRECT: _redirect,
    FaultKind.OVERSIZE: _oversize,
    FaultKind.SLOW: _slow,
}
