"""Sends one POST, reads its reply, and knows whether the request may have left this machine.

It uses httpx over aiohttp's connections. Whether a request may have left is noted on the wire: aiohttp's trace hooks
tell when it has its connection, be it new (TLS included) or kept alive. A request that fails before was not sent. One
that fails afterwards may have been, whatever the exception. aiohttp repeats no POST by itself on a stale connection
(`IDEMPOTENT_METHODS` in its client.py); a test holds it to that.
"""

import asyncio
import errno
import logging
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from worker.domain.orders.outcomes import NotSent, Unknown

#: Seconds for which we keep an idle connection. Web servers keep it longer (nginx 75, Apache 5), so we close it first.
KEEP_ALIVE = 4.0

#: Seconds after a deadline in which we still read a reply that has arrived by then.
GRACE = 0.1

#: Bounds of `Retry-After`, in seconds. A panel can cause neither a busy loop nor a pause of a week.
SHORTEST_WAIT = 1.0
LONGEST_WAIT = 3600.0

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A whole reply. `body` is decoded from gzip; `retry_after` is in seconds; `charset` is what Content-Type says."""

    status: int
    body: bytes
    retry_after: float | None = None
    charset: str | None = None


@dataclass(slots=True)
class _Wire:
    """The progress of one request."""

    may_send: Callable[[], bool]
    connected: bool = False
    withdrawn: bool = False
    status: int | None = None  #: the HTTP status, once the head of the reply has come


_wire: ContextVar[_Wire] = ContextVar("wire")


class _WithdrawnError(Exception):
    """The request was withdrawn after it had its connection and before its first byte."""


class _Request(aiohttp.ClientRequest):
    """Asks `may_send` at the last instant at which a request can be withdrawn: its head and body go next.

    From Python 3.12 on, nothing waits between the question and the first byte; in 3.11, one turn of the event loop.
    """

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        wire = _wire.get()
        if not wire.may_send():
            wire.withdrawn = True
            raise _WithdrawnError
        return await super().send(conn)


class _UnusableReplyError(Exception):
    """The reply is too large, or its compression is broken. The message may be shown to people."""


class Transport:
    """Keeps connections to one panel. It needs a running event loop from the first `post` on, not before."""

    def __init__(self, url: httpx.URL, *, timeout: float, connections: int, user_agent: str, reply_limit: int) -> None:
        # httpx logs the address of every request, at a level that is usually on.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._url = url
        self._timeout = timeout
        self._reply_limit = reply_limit
        tls = tls_context()
        self._closed = False
        # We don't use httpx's own client: it adds redirects, cookies, authentication and proxies, which we don't want,
        # and it would take a quarter of the processor time of a call.
        self._http = AiohttpTransport(verify=tls, client=lambda: _session(tls, connections))
        self._headers = httpx.Headers(
            {
                # A gateway that is asked for JSON writes its own failures as JSON errors, like a panel's refusals.
                "Accept": "*/*",
                "Accept-Encoding": "gzip",
                "Connection": "keep-alive",
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": user_agent,
            }
        )

    async def aclose(self) -> None:
        self._closed = True
        await self._http.aclose()

    async def post(
        self, form: Mapping[str, str], may_send: Callable[[], bool] = lambda: True
    ) -> HttpReply | NotSent | Unknown:
        """Sends one form and reads the whole reply, within the timeout. Raises nothing but CancelledError.

        It calls `may_send` once it has a connection, right before the first byte.
        """
        if self._closed:
            return NotSent("the client is closed")
        wire = _Wire(may_send)
        token = _wire.set(wire)
        try:
            async with _deadline(self._timeout):
                content = urlencode(form).encode()
                request = httpx.Request("POST", self._url, headers=self._headers, content=content)
                async with aclosing(await self._http.handle_async_request(request)) as response:
                    wire.status = response.status_code
                    body = await self._body(response)
                    wait = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
                    return HttpReply(response.status_code, body, wait, response.charset_encoding)
        except Exception as failure:  # noqa: BLE001  # the wire tells what it means, whatever it is
            return self._failed(wire, failure)
        finally:
            _wire.reset(token)

    async def _body(self, response: httpx.Response) -> bytes:
        """Returns the unpacked body. Neither the bytes that arrive nor the unpacked ones may exceed the limit."""
        packed = response.headers.get("Content-Encoding", "").strip().lower() in {"gzip", "x-gzip", "deflate"}
        unpacker = zlib.decompressobj(_GZIP_OR_ZLIB) if packed else None
        arrived = 0
        body = bytearray()
        async for chunk in response.aiter_raw():
            arrived += len(chunk)
            try:
                body += unpacker.decompress(chunk, self._reply_limit + 1 - len(body)) if unpacker else chunk
            except zlib.error:
                raise _UnusableReplyError("the reply's compression is broken") from None
            if max(arrived, len(body)) > self._reply_limit:
                raise _UnusableReplyError(f"the reply is larger than {self._reply_limit} bytes")
        if unpacker and not unpacker.eof:
            raise _UnusableReplyError("the reply broke off")
        return bytes(body)

    def _failed(self, wire: _Wire, failure: Exception) -> NotSent | Unknown:
        if not wire.connected:
            return NotSent(_why_not_sent(failure, self._timeout))
        if wire.withdrawn:
            return NotSent("withdrawn before its first byte")
        match failure:
            case _UnusableReplyError():
                return Unknown(str(failure))
            case TimeoutError():
                what = "reply" if wire.status is None else "whole reply"
                return Unknown(f"no {what} within {self._timeout:g} s")
            case _ if wire.status is None:
                return Unknown("the connection was lost before a reply came")
            case _:
                return Unknown("the reply broke off")


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    """Works like `asyncio.timeout`, but still reads a reply that has arrived by the deadline.

    When a frozen process goes on, its deadline and the reply in its socket come at once, and the deadline first.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        deadline = loop.call_later(seconds, lambda: timeout.reschedule(loop.time() + GRACE))
        try:
            yield
        finally:
            deadline.cancel()


def tls_context() -> ssl.SSLContext:
    """Returns a context that verifies host and chain against certifi's authorities, whatever the environment says."""
    return httpx.create_ssl_context(trust_env=False)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Returns the seconds that `Retry-After` asks us to wait, within our bounds; None where it can't be read.

    RFC 9110, 10.2.3, has seconds or a date. Fractions of a second are fine, too.
    """
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            until = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, SHORTEST_WAIT), LONGEST_WAIT)


def _session(tls: ssl.SSLContext, connections: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE, ssl=tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        request_class=_Request,
        trace_configs=[_trace()],
    )


def _trace() -> aiohttp.TraceConfig:
    async def connected(*_: Any) -> None:
        _wire.get().connected = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace


def _why_not_sent(failure: BaseException, timeout: float) -> str:
    """Says why a request wasn't sent, in words of our own: aiohttp's words name the address."""
    for cause in _causes(failure):
        match cause:
            case aiohttp.ClientConnectorDNSError():
                return "the host's name could not be resolved"
            case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
                return "the TLS certificate is not to be trusted"
            case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
                return "the TLS handshake failed"
            case OSError(errno=errno.ECONNREFUSED):
                return "connection refused"
            case TimeoutError():
                return f"no connection within {timeout:g} s"
            case _:
                pass
    return f"no connection could be had ({type(failure).__name__})"


def _causes(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__
