"""Tests every way in which a call can fail: a real socket plays each against the real client, for all eleven calls.

The client must know on which side of the line a failure falls: a caller may repeat `NotSent`, but not `Unknown`.
"""

import asyncio
import gzip
import socket
import ssl
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted, Answered, NotSent, Refused, Unknown
from worker.domain.orders.statuses import Balance
from worker.panel import PanelClient, transport

from .conftest import CALLS, KEY
from .panel_server import Connection, serve

HERE = Path(__file__).parent
BALANCE = b'{"balance": "5", "currency": "USD"}'
LIMIT = 10_000
BOMB = gzip.compress(b" " * 30_000_000)

#: Seconds. On a busy machine, a connection takes less; and tests that wait for a deadline wait no longer.
TIMEOUT = 1.0


async def every_call(url: str, **options):
    """Makes the eleven calls at once, and returns their outcomes."""
    async with PanelClient(url, KEY, **{"timeout": 20.0, "reply_limit": LIMIT} | options) as client:
        outcomes = await asyncio.gather(*(call(client) for call in CALLS.values()))
    return dict(zip(CALLS, outcomes, strict=True))


def tls_server() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(HERE / "tls-cert.pem", HERE / "tls-key.pem")
    return context


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


class TestNotSent:
    async def test_a_refused_port(self):
        outcomes = await every_call(f"http://127.0.0.1:{free_port()}/api/v2")

        assert outcomes == dict.fromkeys(CALLS, NotSent("connection refused"))

    async def test_a_name_that_does_not_resolve(self, monkeypatch):
        async def resolve(*_, **__):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
        monkeypatch.setattr(aiohttp.connector.DefaultResolver, "resolve", resolve)
        outcomes = await every_call("http://panel.invalid/api/v2")

        assert outcomes == dict.fromkeys(CALLS, NotSent("the host's name could not be resolved"))

    async def test_a_certificate_of_nobody_known_also_if_the_environment_knows_it(self, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(HERE / "tls-cert.pem"))
        async with serve(Connection.gone, tls_server()) as panel:
            outcomes = await every_call(panel.url)

        assert outcomes == dict.fromkeys(CALLS, NotSent("the TLS certificate is not to be trusted"))
        assert panel.asked == []

    async def test_a_server_that_speaks_no_tls(self):
        async def script(connection: Connection) -> None:
            await connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        async with serve(script) as panel:
            outcomes = await every_call(panel.url.replace("http:", "https:"))

        assert {type(outcome) for outcome in outcomes.values()} == {NotSent}

    async def test_a_tls_handshake_that_stalls(self):
        async with serve(Connection.gone) as panel:
            outcomes = await every_call(panel.url.replace("http:", "https:"), timeout=TIMEOUT)

        assert outcomes == dict.fromkeys(CALLS, NotSent("no connection within 1 s"))

    async def test_waiting_for_a_connection_in_vain(self, call):
        taken = asyncio.Event()

        async def script(connection: Connection) -> None:
            await connection.request()
            taken.set()
            await connection.gone()

        async with serve(script) as panel, PanelClient(panel.url, KEY, connections=1, timeout=20.0) as client:
            first = asyncio.create_task(client.balance())
            await taken.wait()
            client._transport._timeout = 0.05  # of the second alone: the first has begun
            second = await call(client)
            first.cancel()

        assert second == NotSent("no connection within 0.05 s")
        assert len(panel.asked) == 1

    async def test_a_client_that_is_closed(self, call):
        client = PanelClient("http://127.0.0.1:9/", KEY)
        await client.aclose()

        assert isinstance(await call(client), NotSent)

    async def test_a_form_that_cannot_be_encoded(self):
        async with PanelClient("http://127.0.0.1:9/", KEY) as client:
            assert isinstance(await client.add(AddRequest("1", {"link": "\ud800"})), NotSent)

    async def test_an_order_whose_time_is_over_once_there_is_a_connection(self, monkeypatch):
        received = bytearray()
        over = asyncio.Event()

        async def script(connection: Connection) -> None:
            received.extend(await connection._reader.read())

        async with serve(script) as panel, PanelClient(panel.url.replace("127.0.0.1", "panel.invalid"), KEY) as client:
            port = int(panel.url.split(":")[2].split("/")[0])

            async def resolve(*_, **__):
                over.set()  # as for a worker that was frozen while it waited for the name
                about = {"hostname": "panel.invalid", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
                return [{"host": "127.0.0.1", **about}]

            monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
            monkeypatch.setattr(aiohttp.connector.DefaultResolver, "resolve", resolve)
            outcome = await client.add(AddRequest("7"), may_send=lambda: not over.is_set())

            assert outcome == NotSent("withdrawn before its first byte")
            assert panel.connections == 1
        assert received == b""

    async def test_one_whose_time_is_over_takes_no_connection_from_the_next(self):
        async def script(connection: Connection) -> None:
            while True:
                await connection.request()
                await connection.reply(b'{"order": 1}')

        async with serve(script) as panel, PanelClient(panel.url, KEY, connections=1) as client:
            outcomes = [
                await client.add(AddRequest("7"), may_send=may.pop) for may in [[True], [False], [True], [False]]
            ]

        assert [type(outcome) for outcome in outcomes] == [Accepted, NotSent, Accepted, NotSent]
        assert len(panel.asked) == 2


async def reset_before_the_request_is_read(connection: Connection) -> None:
    await connection._reader.read(1)
    connection.reset()


async def reset_after_the_headers(connection: Connection) -> None:
    await connection.head()
    connection.reset()


async def reset_after_the_body(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def closed_after_the_headers(connection: Connection) -> None:
    await connection.head()


async def closed_after_the_body(connection: Connection) -> None:
    await connection.request()


async def half_a_status_line(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 20")


async def half_the_headers(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")


async def headers_alone(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n")


async def short_of_its_length(connection: Connection) -> None:
    await connection.request()
    await connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 350\r\n\r\n{"order": 23501}')


async def a_cut_chunk(connection: Connection) -> None:
    await connection.request()
    await connection.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"order": 23501}')


async def no_last_chunk(connection: Connection) -> None:
    await connection.request()
    await connection.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"order": 23501}\r\n')


async def cut_json(connection: Connection) -> None:
    await connection.request()
    await connection.reply(b'{"order": 2350')


async def something_that_is_not_http(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"220 smtp.example ESMTP\r\n\r\n")


async def a_gateways_page(connection: Connection) -> None:
    await connection.request()
    await connection.reply(b"<html>502 Bad Gateway</html>", "502 Bad Gateway", "Content-Type: text/html")


async def an_empty_reply(connection: Connection) -> None:
    await connection.request()
    await connection.reply(b"")


async def no_content(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")


async def null(connection: Connection) -> None:
    await connection.request()
    await connection.reply(b"null")


async def a_redirect(connection: Connection) -> None:
    await connection.request()
    await connection.reply(b"<html>moved</html>", "307 Temporary Redirect", "Location: /elsewhere")


async def a_larger_reply(connection: Connection) -> None:
    await connection.request()
    await connection.reply(b" " * LIMIT + b'{"order": 23501}')


async def a_reply_without_end(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1_000):
        await connection.send(b" " * 10_000)


async def a_gzip_bomb(connection: Connection) -> None:
    await connection.request()
    await connection.reply(BOMB, "200 OK", "Content-Encoding: gzip")


async def cut_gzip(connection: Connection) -> None:
    await connection.request()
    await connection.reply(gzip.compress(b'{"order": 23501}')[:-4], "200 OK", "Content-Encoding: gzip")


async def gzip_that_is_none(connection: Connection) -> None:
    await connection.request()
    await connection.reply(b'{"order": 23501}', "200 OK", "Content-Encoding: gzip")


async def bytes_after_the_gzip(connection: Connection) -> None:
    await connection.request()
    bomb = gzip.compress(b'{"order": 23501}') + b"\0" * LIMIT
    await connection.reply(bomb, "200 OK", "Content-Encoding: gzip")


async def a_compression_not_asked_for(connection: Connection) -> None:
    await connection.request()
    await connection.reply(b"\x0b\x07\x80{}\x03", "200 OK", "Content-Encoding: br")


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (reset_before_the_request_is_read, "the connection was lost before a reply came"),
        (reset_after_the_headers, "the connection was lost before a reply came"),
        (reset_after_the_body, "the connection was lost before a reply came"),
        (closed_after_the_headers, "the connection was lost before a reply came"),
        (closed_after_the_body, "the connection was lost before a reply came"),
        (half_a_status_line, "the connection was lost before a reply came"),
        (half_the_headers, "the connection was lost before a reply came"),
        (headers_alone, "the reply broke off"),
        (short_of_its_length, "the reply broke off"),
        (a_cut_chunk, "the reply broke off"),
        (no_last_chunk, "the reply broke off"),
        (cut_json, "HTTP 200 with broken JSON"),
        (something_that_is_not_http, "the connection was lost before a reply came"),
        (a_gateways_page, "HTTP 502 with a page instead of JSON"),
        (an_empty_reply, "HTTP 200 with an empty reply"),
        (no_content, "HTTP 204 with an empty reply"),
        (null, "HTTP 200 with JSON that "),
        (a_redirect, "HTTP 307 with a page instead of JSON"),
        (a_larger_reply, "the reply is larger than 10000 bytes"),
        (a_reply_without_end, "the reply is larger than 10000 bytes"),
        (a_gzip_bomb, "the reply is larger than 10000 bytes"),
        (cut_gzip, "the reply broke off"),
        (gzip_that_is_none, "the reply's compression is broken"),
        (bytes_after_the_gzip, "the reply is larger than 10000 bytes"),
        (a_compression_not_asked_for, "HTTP 200 with text instead of JSON"),
    ],
)
async def test_what_fails_after_a_connection_was_had_is_unknown_and_not_repeated(script, text):
    async with serve(script) as panel:
        outcomes = await every_call(panel.url)

    assert {name: type(outcome) for name, outcome in outcomes.items()} == dict.fromkeys(CALLS, Unknown)
    assert all(outcome.text.startswith(text) for outcome in outcomes.values())
    assert panel.connections <= len(CALLS)
    assert max(Counter((ask.form["action"], *sorted(ask.form)) for ask in panel.asked).values(), default=0) <= 1
    assert {ask.target for ask in panel.asked} <= {"/api/v2"}


async def test_a_gzip_bomb_is_not_unpacked_in_memory():
    async with serve(a_gzip_bomb) as panel, PanelClient(panel.url, KEY, reply_limit=LIMIT) as client:
        tracemalloc.start()
        try:
            await client.balance()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < len(gzip.decompress(BOMB)) / 10


async def stalled(connection: Connection) -> None:
    await connection.request()
    await connection.gone()


async def stalled_with_the_body_unread(connection: Connection) -> None:
    await connection.head()
    connection._reader._transport.pause_reading()
    await asyncio.Event().wait()


async def stalled_after_the_headers(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{")
    await connection.gone()


async def a_byte_now_and_then(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await connection.send(b"1\r\n \r\n")
        await asyncio.sleep(0.05)


async def a_header_now_and_then(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await connection.send(b"X: y\r\n")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (stalled, "no reply within 1 s"),
        (stalled_with_the_body_unread, "no reply within 1 s"),
        (stalled_after_the_headers, "no whole reply within 1 s"),
        (a_byte_now_and_then, "no whole reply within 1 s"),
        (a_header_now_and_then, "no reply within 1 s"),
    ],
)
async def test_a_call_ends_at_its_deadline_whatever_trickles_in(script, text):
    async with serve(script) as panel:
        outcomes = await every_call(panel.url, timeout=TIMEOUT)

    assert outcomes == dict.fromkeys(CALLS, Unknown(text))


async def test_a_connection_lost_after_a_tls_handshake_is_unknown(monkeypatch):
    trusting = ssl.create_default_context(cafile=HERE / "tls-cert.pem")
    monkeypatch.setattr(transport, "tls_context", lambda: trusting)
    async with serve(closed_after_the_body, tls_server()) as panel:
        outcomes = await every_call(panel.url)

    assert {type(outcome) for outcome in outcomes.values()} == {Unknown}
    assert len(panel.asked) == len(CALLS)


async def test_a_reply_that_came_while_the_process_was_frozen_is_read(call):
    """The deadline is over by then too."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.reply(b'{"error": "Incorrect request"}')
        time.sleep(TIMEOUT + 0.1)  # noqa: ASYNC251 - client and panel share this process

    async with serve(script) as panel, PanelClient(panel.url, KEY, timeout=TIMEOUT) as client:
        assert isinstance(await call(client), Refused | Answered)


class TestKeptAliveConnections:
    async def test_one_that_closes_as_the_next_request_arrives(self, call):
        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.reply(BALANCE)
            await connection.request()

        async with serve(script) as panel, PanelClient(panel.url, KEY) as client:
            assert isinstance(await client.balance(), Answered)
            assert await call(client) == Unknown("the connection was lost before a reply came")

        assert panel.connections == 1
        assert len(panel.asked) == 2

    async def test_one_that_was_closed_while_idle_is_not_used(self, call):
        closed = asyncio.Event()

        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.reply(BALANCE)
            connection._writer.write_eof()
            await connection.gone()
            closed.set()

        async with serve(script) as panel, PanelClient(panel.url, KEY) as client:
            assert isinstance(await client.balance(), Answered)
            await closed.wait()
            await call(client)

        assert panel.connections == 2
        assert len(panel.asked) == 2

    async def test_one_is_used_again(self):
        async def script(connection: Connection) -> None:
            while True:
                await connection.request()
                await connection.reply(BALANCE)

        async with serve(script) as panel, PanelClient(panel.url, KEY) as client:
            for _ in range(5):
                assert isinstance(await client.balance(), Answered)

        assert panel.connections == 1


class TestTheBodyIsReadBeforeTheStatus:
    @pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Not Found", "429 Slow", "500 Oops", "502 Bad"])
    async def test_an_order_id_is_acceptance(self, status):
        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.reply(b'{"order": 23501}', status, "Location: /elsewhere")

        async with serve(script) as panel, PanelClient(panel.url, KEY) as client:
            assert await client.add(AddRequest("7")) == Accepted("23501")

        assert len(panel.asked) == 1

    @pytest.mark.parametrize("status", ["200 OK", "302 Found", "400 Bad", "401 No", "500 Oops", "502 Bad"])
    async def test_an_error_is_refusal(self, status):
        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.reply(b'{"error": "Bad Link"}', status)

        async with serve(script) as panel:
            outcomes = await every_call(panel.url)

        singles = {"status", "refill", "refill_status", "cancel"}
        assert all(isinstance(outcome, Refused) for name, outcome in outcomes.items() if name not in singles)

    async def test_http_429_is_a_rate_limit_with_its_wait(self, call):
        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.reply(b"<html>", "429 Too Many Requests", "Retry-After: 12")

        async with serve(script) as panel, PanelClient(panel.url, KEY) as client:
            outcome = await call(client)

        assert isinstance(outcome, Refused)
        assert (outcome.reason, outcome.retry_after) == ("rate_limited", 12.0)

    @pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
    async def test_gzip_is_understood(self, encoding):
        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.reply(gzip.compress(BALANCE), "200 OK", f"Content-Encoding: {encoding}")

        async with serve(script) as panel, PanelClient(panel.url, KEY) as client:
            assert await client.balance() == Answered(Balance(5, "USD"))


class TestNothingLeaks:
    async def test_after_many_timeouts_every_connection_can_be_used(self):
        willing = False
        both = asyncio.Barrier(2)

        async def script(connection: Connection) -> None:
            await connection.request()
            if willing:
                await both.wait()
                await connection.reply(BALANCE)
            await connection.gone()

        async with serve(script) as panel, PanelClient(panel.url, KEY, connections=2, timeout=0.1) as client:
            for _ in range(5):
                failed = await asyncio.gather(*(client.balance() for _ in range(6)))
                assert {type(outcome) for outcome in failed} <= {NotSent, Unknown}
            assert panel.asked
            willing = True
            client._transport._timeout = 20.0

            # Neither is answered before both are there: it takes both connections.
            assert [type(outcome) for outcome in await asyncio.gather(client.balance(), client.balance())] == [
                Answered
            ] * 2

    async def test_after_cancellation_too_and_it_propagates(self, call):
        asked = asyncio.Event()
        willing = False

        async def script(connection: Connection) -> None:
            await connection.request()
            asked.set()
            if willing:
                await connection.reply(BALANCE)
            await connection.gone()

        seen: list[str] = []

        def observe(action: str, outcome: str, seconds: float) -> None:
            seen.append(outcome)

        async with serve(script) as panel, PanelClient(panel.url, KEY, connections=1, on_request=observe) as client:
            for _ in range(5):
                task = asyncio.create_task(call(client))
                await asked.wait()
                asked.clear()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            willing = True

            assert isinstance(await client.balance(), Answered)
        assert seen == ["unknown"] * 5 + ["answered"]
