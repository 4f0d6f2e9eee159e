"""What each fault does to the wire."""

import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from worker.sandbox.misbehaviour.faults import Fault, FaultKind

_PAGE = "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
_TITLES = {
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

#: SO_LINGER on, with no time: closing sends a reset instead of an orderly end.
_LINGER_NOT = struct.pack("ii", 1, 0)

#: Waits for so many real seconds, or until the sandbox ends.
Hold: TypeAlias = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Spoiling:
    """`body` is the JSON of the reply as it would have been."""

    fault: Fault
    request: web.Request
    body: bytes
    hold: Hold


_Way: TypeAlias = Callable[[_Spoiling], Awaitable[web.StreamResponse]]


async def spoil(fault: Fault, request: web.Request, body: bytes, hold: Hold) -> web.StreamResponse:
    """Answers with the spoilt form of a reply whose JSON is `body`."""
    return await _WAYS[fault.kind](_Spoiling(fault, request, body, hold))


def too_many(retry_after: float | None) -> web.Response:
    """HTTP 429. `retry_after` is in seconds; None: the header is left out."""
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return web.json_response({"error": "Too many requests"}, status=429, headers=headers)


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


async def _reset(it: _Spoiling) -> web.Response:
    if it.request.transport is not None:
        connection = it.request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        it.request.transport.abort()
    return web.Response()  # goes nowhere


async def _close(it: _Spoiling) -> web.Response:
    if it.request.transport is not None:
        it.request.transport.close()
    return web.Response()  # goes nowhere


async def _timeout(it: _Spoiling) -> web.Response:
    await it.hold(60.0 if it.fault.seconds is None else it.fault.seconds)
    return await _close(it)


async def _late(it: _Spoiling) -> web.Response:
    return _json(it.body)


async def _http(it: _Spoiling) -> web.Response:
    status = it.fault.status or _BAD_GATEWAY
    page = _PAGE.format(title=_TITLES.get(status, f"Error {status}"))
    return web.Response(text=page, status=status, content_type="text/html")


async def _empty(_: _Spoiling) -> web.Response:
    return _json(b"")


async def _null(_: _Spoiling) -> web.Response:
    return _json(b"null")


async def _cut(it: _Spoiling) -> web.Response:
    return _json(it.body[: len(it.body) // 2])


async def _short(it: _Spoiling) -> web.StreamResponse:
    response = await _begin(it, len(it.body))
    await response.write(it.body[: len(it.body) // 2])
    await _close(it)
    return response


async def _garbage(_: _Spoiling) -> web.Response:
    return _json(_GARBAGE)


async def _error(it: _Spoiling) -> web.Response:
    return web.json_response({"error": it.fault.text}, status=it.fault.status or 200)


async def _rate_limit(it: _Spoiling) -> web.Response:
    return too_many(it.fault.seconds)


async def _redirect(it: _Spoiling) -> web.Response:
    return web.Response(status=it.fault.status or _FOUND, headers={"Location": "/elsewhere/api/v2"})


async def _oversize(it: _Spoiling) -> web.StreamResponse:
    left = it.fault.size
    response = await _begin(it, left + len(it.body))
    while left > 0:
        blanks = _BLANKS[:left]
        await response.write(blanks)
        left -= len(blanks)
    await response.write(it.body)
    return response


async def _slow(it: _Spoiling) -> web.StreamResponse:
    seconds = 5.0 if it.fault.seconds is None else it.fault.seconds
    response = await _begin(it, len(it.body))
    for byte in it.body:
        await response.write(bytes([byte]))
        await it.hold(seconds / len(it.body))
    return response


async def _begin(it: _Spoiling, length: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = length
    await response.prepare(it.request)
    return response


_WAYS: Mapping[FaultKind, _Way] = {
    FaultKind.RESET: _reset,
    FaultKind.CLOSE: _close,
    FaultKind.TIMEOUT: _timeout,
    FaultKind.LATE: _late,
    FaultKind.HTTP: _http,
    FaultKind.EMPTY: _empty,
    FaultKind.NULL: _null,
    FaultKind.CUT: _cut,
    FaultKind.SHORT: _short,
    FaultKind.GARBAGE: _garbage,
    FaultKind.ERROR: _error,
    FaultKind.RATE_LIMIT: _rate_limit,
    FaultKind.REDIRECT: _redirect,
    FaultKind.OVERSIZE: _oversize,
    FaultKind.SLOW: _slow,
}
