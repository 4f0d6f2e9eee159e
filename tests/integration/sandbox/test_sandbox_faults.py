"""Tests what a client receives for every fault."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest

from worker.sandbox import Fault, FaultKind, Sandbox, Where

ORDER = {"service": 1, "link": "https://example.com/me", "quantity": 100}
REFUSAL = b'{"error": "Incorrect request"}'
AT_ONCE = [Where.BEFORE, Where.AFTER]
ACCEPTED = b'{"order": 23501}'


def taken(sandbox):
    return len(sandbox.panel.book.orders)


async def raw_add(sandbox):
    """Sends an `add` on a bare socket, and returns all bytes until the other side closes it."""
    address = urlsplit(sandbox.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    body = urlencode({"key": "sandbox-key", "action": "add", **ORDER}).encode()
    head = f"POST /api/v2 HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + body)
    try:
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("where", AT_ONCE)
async def test_a_reset_is_a_reset(sandbox, where):
    sandbox.faults.add(Fault(kind=FaultKind.RESET, where=where))

    with pytest.raises(ConnectionResetError):
        await raw_add(sandbox)

    assert taken(sandbox) == (where is Where.AFTER)


@pytest.mark.parametrize("where", AT_ONCE)
async def test_a_close_is_an_end_without_a_byte(sandbox, where):
    sandbox.faults.add(Fault(kind=FaultKind.CLOSE, where=where))

    assert await raw_add(sandbox) == b""
    assert taken(sandbox) == (where is Where.AFTER)


@pytest.mark.parametrize("where", AT_ONCE)
async def test_a_timeout_holds_and_then_says_nothing(sandbox, where):
    sandbox.faults.add(Fault(kind=FaultKind.TIMEOUT, where=where, seconds=0.05))
    begun = time.monotonic()

    assert await raw_add(sandbox) == b""

    assert time.monotonic() - begun >= 0.05
    assert taken(sandbox) == (where is Where.AFTER)


async def test_a_late_order_is_taken_after_the_client_has_gone(client, sandbox, monkeypatch):
    let_go = asyncio.Event()

    async def hold(_seconds):
        await let_go.wait()

    monkeypatch.setattr(sandbox, "_hold", hold)
    sandbox.faults.add(Fault(kind=FaultKind.LATE, action="add", seconds=1))
    call = asyncio.create_task(client.ask("add", **ORDER))
    await sandbox.journal.reached("add", 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (taken(sandbox), sandbox.in_flight) == (0, 1)
    assert (await client.admin("GET", "requests"))["in_flight"] == 1

    let_go.set()
    await sandbox.idle()

    assert taken(sandbox) == 1


async def test_a_late_order_is_answered_to_a_client_that_waits(client, sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.LATE, seconds=0.01))

    assert await client.ask("add", **ORDER) == {"order": 23501}


@pytest.mark.parametrize("where", AT_ONCE)
@pytest.mark.parametrize(
    ("fault", "http", "before", "after"),
    [
        ({"kind": "empty"}, 200, b"", b""),
        ({"kind": "null"}, 200, b"null", b"null"),
        ({"kind": "cut"}, 200, REFUSAL[: len(REFUSAL) // 2], ACCEPTED[: len(ACCEPTED) // 2]),
        ({"kind": "error", "text": "Bad Link"}, 200, b'{"error": "Bad Link"}', b'{"error": "Bad Link"}'),
        ({"kind": "error", "status": 500}, 500, REFUSAL, REFUSAL),
        ({"kind": "rate_limit"}, 429, b'{"error": "Too many requests"}', b'{"error": "Too many requests"}'),
        ({"kind": "slow", "seconds": 0.01}, 200, REFUSAL, ACCEPTED),
        ({"kind": "oversize", "size": 300_000}, 200, b" " * 300_000 + REFUSAL, b" " * 300_000 + ACCEPTED),
    ],
)
async def test_a_reply_is_spoilt_in_its_way(*, client, sandbox, fault, where, http, before, after):
    sandbox.faults.add(Fault(**fault, where=where))

    answer = await client.call("add", **ORDER)

    assert (answer.http, answer.raw) == (http, before if where is Where.BEFORE else after)
    assert taken(sandbox) == (where is Where.AFTER)


@pytest.mark.parametrize(
    ("status", "title"), [(None, b"502 Bad Gateway"), (403, b"Just a moment..."), (520, b"unknown error")]
)
async def test_a_page_of_the_gateway(client, sandbox, status, title):
    sandbox.faults.add(Fault(kind=FaultKind.HTTP, status=status))

    answer = await client.call("add", **ORDER)

    assert answer.http == (status or 502)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert title in answer.raw
    assert taken(sandbox) == 0


async def test_garbage_is_no_json(client, sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.GARBAGE))

    answer = await client.call("balance")

    assert answer.json is None
    with pytest.raises(UnicodeDecodeError):
        answer.raw.decode()


async def test_a_short_reply_breaks_off(client, sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.SHORT, where=Where.AFTER))

    with pytest.raises(aiohttp.ClientPayloadError):
        await client.call("add", **ORDER)

    assert (await raw_add(sandbox)).endswith(b'\r\n\r\n{"order"')
    assert taken(sandbox) == 2


@pytest.mark.parametrize("where", Where)
async def test_a_head_comes_without_its_body(sandbox, where):
    sandbox.faults.add(Fault(kind=FaultKind.HEAD, where=where, seconds=0.05, within=0))
    begun = time.monotonic()

    told = await raw_add(sandbox)

    assert time.monotonic() - begun >= 0.05
    assert told.startswith(b"HTTP/1.1 200 OK\r\n")
    assert told.endswith(b"\r\n\r\n")
    await sandbox.idle()
    assert taken(sandbox) == (where is not Where.BEFORE)


async def test_a_short_reply_may_keep_its_connection(sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.SHORT, where=Where.AFTER, seconds=0.05))
    begun = time.monotonic()

    assert (await raw_add(sandbox)).endswith(b'\r\n\r\n{"order"')

    assert time.monotonic() - begun >= 0.05


async def test_a_client_that_has_gone_is_not_waited_for(client, sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.TIMEOUT, where=Where.LATER, seconds=600, within=0))
    call = asyncio.create_task(client.ask("add", **ORDER))
    await sandbox.journal.reached("add", 1)
    assert taken(sandbox) == 0

    call.cancel()
    async with asyncio.timeout(30):
        await sandbox.idle()

    assert taken(sandbox) == 1


@pytest.mark.parametrize("kind", ["close", "reset", "http", "empty", "error"])
async def test_an_order_is_taken_after_the_end_of_its_call(client, sandbox, monkeypatch, kind):
    let_go = asyncio.Event()
    held = []

    async def hold(seconds):
        held.append(seconds)
        await let_go.wait()

    monkeypatch.setattr(sandbox, "_hold", hold)
    sandbox.faults.add(Fault(kind=kind, action="add", where=Where.LATER, within=60))
    with suppress(aiohttp.ClientConnectionError):
        await client.call("add", **ORDER)
    state = (taken(sandbox), sandbox.in_flight)
    let_go.set()
    assert state == (0, 1)
    assert 0 <= held[0] <= 60

    await sandbox.idle()

    assert taken(sandbox) == 1


async def test_an_end_does_not_take_what_would_be_taken_later(client_of):
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(kind=FaultKind.NULL, where=Where.LATER))
        await client_of(sandbox).ask("add", **ORDER)
        assert sandbox.in_flight == 1

    assert (taken(sandbox), sandbox.in_flight) == (0, 0)


async def test_every_third_order_is_taken_and_told_a_failure(client, sandbox):
    text = "Internal server error"
    sandbox.faults.add(Fault(kind=FaultKind.ERROR, action="add", where=Where.AFTER, status=500, every=3, text=text))

    answers = [await client.call("add", **ORDER) for _ in range(6)]

    assert [answer.http for answer in answers] == [200, 200, 500] * 2
    assert answers[2].json == {"error": text}
    assert taken(sandbox) == 6


async def test_any_reply_can_be_given(client, sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.REPLY, body='{"status": 500, "error": "Ошибка"}', status=503))

    answer = await client.call("add", **ORDER)

    assert (answer.http, answer.json) == (503, {"status": 500, "error": "Ошибка"})
    assert taken(sandbox) == 0


async def test_a_challenge_comes_with_http_200(client, sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.HTTP, status=200))
    answer = await client.call("add", **ORDER)
    assert answer.http == 200
    assert b"Just a moment..." in answer.raw


async def test_a_rate_limit_may_be_a_date(client, sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.RATE_LIMIT, seconds=90, dated=True))
    until = parsedate_to_datetime((await client.call("balance")).headers["Retry-After"])
    assert 60 < (until - datetime.now(UTC)).total_seconds() <= 91


async def test_a_rate_limit_may_say_how_long(client, sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.RATE_LIMIT, count=1))
    sandbox.faults.add(Fault(kind=FaultKind.RATE_LIMIT, seconds=2))

    assert "Retry-After" not in (await client.call("balance")).headers
    assert (await client.call("balance")).headers["Retry-After"] == "2"


async def test_who_follows_a_redirect_is_caught(client, sandbox, session):
    sandbox.faults.add(Fault(kind=FaultKind.REDIRECT, count=2, status=307))

    answer = await client.call("balance")
    assert (answer.http, sandbox.journal.violation_counts) == (307, {})
    async with session.post(sandbox.url, data={"key": "sandbox-key", "action": "balance"}) as followed:
        assert followed.url.path == answer.headers["Location"]

    assert sandbox.journal.violation_counts["redirect_followed"] == 1


async def test_a_fault_is_for_its_action_alone_and_for_so_many(client, sandbox):
    sandbox.faults.add(Fault(kind=FaultKind.NULL, action="balance", count=1))

    assert await client.ask("add", **ORDER) == {"order": 23501}
    assert (await client.call("balance")).raw == b"null"
    assert (await client.ask("balance"))["currency"] == "USD"


async def test_an_end_does_not_wait_for_what_is_held(client_of):
    begun = time.monotonic()
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(kind=FaultKind.TIMEOUT, seconds=60))
        call = asyncio.create_task(client_of(sandbox).ask("balance"))
        await sandbox.journal.reached("balance", 1)

    with pytest.raises(aiohttp.ClientConnectionError):
        await call
    assert time.monotonic() - begun < 30
