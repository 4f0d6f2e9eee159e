"""Tests every action in every form, over real HTTP."""

import asyncio

import httpx
import pytest

from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions, Where
from worker.sandbox.panel.catalogue import SERVICES

ORDER = {"service": 1, "link": "https://example.com/me", "quantity": 100}
LONG_ENOUGH = 3 * 3600


async def test_services_have_the_documented_shape(client):
    services = await client.ask("services")

    assert services[0] == {
        "service": 1,
        "name": "Followers",
        "type": "Default",
        "category": "Instagram",
        "rate": "0.90",
        "min": "50",
        "max": "10000",
        "refill": True,
        "cancel": True,
    }
    assert len(services) == len(SERVICES)
    assert all(service.keys() == services[0].keys() for service in services)


async def test_add_status_and_balance(client, sandbox):
    assert await client.ask("add", **ORDER) == {"order": 23501}
    assert await client.ask("balance") == {"balance": "999.91000", "currency": "USD"}
    sandbox.clock.advance(LONG_ENOUGH)

    status = await client.ask("status", order=23501)

    assert status == {
        "charge": "0.09000",
        "start_count": status["start_count"],
        "status": "Completed",
        "remains": "0",
        "currency": "USD",
    }
    assert await client.ask("status", order=23502) == {"error": "Incorrect order ID"}
    assert await client.ask("status", orders="23501,7") == {"23501": status, "7": {"error": "Incorrect order ID"}}
    assert await client.ask("status", orders="23501") == {"23501": status}


async def test_refill_and_its_status(client, sandbox):
    await client.ask("add", **ORDER)
    await client.ask("add", **ORDER)
    sandbox.clock.advance(LONG_ENOUGH)

    assert await client.ask("refill", order=23501) == {"refill": "1"}
    assert await client.ask("refill", order=3) == {"error": "Incorrect order ID"}
    assert await client.ask("refill", orders="23501,23502,3") == [
        {"order": 23501, "refill": 1},
        {"order": 23502, "refill": 2},
        {"order": 3, "refill": {"error": "Incorrect order ID"}},
    ]
    assert await client.ask("refill_status", refill=1) == {"status": "Pending"}
    sandbox.clock.advance(LONG_ENOUGH)
    assert await client.ask("refill_status", refill=1) == {"status": "Completed"}
    assert await client.ask("refill_status", refill=9) == {"error": "Refill not found"}
    assert await client.ask("refill_status", refills="1,9") == [
        {"refill": 1, "status": "Completed"},
        {"refill": 9, "status": {"error": "Refill not found"}},
    ]


async def test_cancel(client, sandbox):
    await client.ask("add", **ORDER)

    assert await client.ask("cancel", orders="23501,9") == [
        {"order": 23501, "cancel": 1},
        {"order": 9, "cancel": {"error": "Incorrect order ID"}},
    ]
    sandbox.clock.advance(LONG_ENOUGH)
    assert (await client.ask("status", order=23501))["status"] in {"Canceled", "Partial"}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"key": "wrong", "action": "balance"}, "Invalid API key"),
        ({"action": "balance"}, "Invalid API key"),
        ({"action": "dance"}, "Incorrect request"),
        ({"action": "add", **ORDER, "service": 999}, "Incorrect service ID"),
        ({"action": "add", **ORDER, "quantity": 49}, "Quantity less than minimal 50"),
        ({"action": "add", **ORDER, "quantity": 10001}, "Quantity more than maximum 10000"),
        ({"action": "add", "service": 5, "link": "two words"}, "neworder.error.invalid_link"),
        ({"action": "status", "orders": ",".join(map(str, range(101)))}, "Incorrect request"),
    ],
)
async def test_refusals_come_with_http_200(client, sandbox, fields, text):
    key = {} if fields == {"action": "balance"} else {"key": "sandbox-key"}

    answer = await client.send("POST", sandbox.url, data={**key, **fields})

    assert (answer.http, answer.json) == (200, {"error": text})
    assert sandbox.panel.book.orders == {}


@pytest.mark.parametrize(
    ("method", "more", "violations"),
    [
        ("GET", {}, {"method", "content_type"}),
        ("GET", {"params": {"key": "sandbox-key", "action": "balance"}}, {"method", "key_in_query", "content_type"}),
        ("POST", {"params": {"key": "sandbox-key"}, "data": {"action": "balance"}}, {"key_in_query"}),
        ("POST", {"params": {"page": "1"}, "data": {"key": "sandbox-key", "action": "balance"}}, {"query"}),
        ("POST", {"json": {"key": "sandbox-key", "action": "balance"}}, {"content_type", "not_a_form"}),
        ("POST", {"data": [("key", "sandbox-key"), ("action", "balance"), ("action", "balance")]}, {"repeated_field"}),
        ("POST", {"data": {"key": "sandbox-key", "action": "balance", "odd": "1"}}, {"unknown_field"}),
        ("POST", {"data": {"key": "sandbox-key", "action": "balance"}}, set()),
    ],
)
async def test_what_the_document_does_not_allow_is_recorded(client, sandbox, method, more, violations):
    await client.send(method, sandbox.url, **more)

    requests = await client.admin("GET", "requests?last=1")
    assert set(requests["violation_counts"]) == violations
    assert "sandbox-key" not in str(requests)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("spoilt", [True, False])
async def test_only_a_post_is_carried_out(client, sandbox, method, spoilt):
    if spoilt:
        sandbox.faults.add(Fault(kind=FaultKind.SLOW, where=Where.AFTER, seconds=0))
    form = {"key": "sandbox-key", "action": "add", **{name: str(value) for name, value in ORDER.items()}}

    answer = await client.send(method, sandbox.url, data=form)

    assert answer.json == {"error": "Incorrect request"}
    assert sandbox.panel.book.orders == {}


async def test_latency_lies_between_the_order_and_its_answer(client_of, monkeypatch):
    async with Sandbox(SandboxOptions(latency=7)) as sandbox:
        held = []

        async def hold(seconds):
            held.append((seconds, len(sandbox.panel.book.orders)))

        monkeypatch.setattr(sandbox, "_hold", hold)
        await client_of(sandbox).ask("add", **ORDER)

    assert held == [(7, 1)]


async def test_past_its_limit_it_answers_429(client_of):
    async with Sandbox(SandboxOptions(rate_limit=0.001)) as sandbox:
        client = client_of(sandbox)
        first, second = await client.call("balance"), await client.call("balance")

    assert (first.http, sandbox.journal.limited) == (200, 1)
    assert (second.http, second.json) == (429, {"error": "Too many requests"})
    assert 990 <= int(second.headers["Retry-After"]) <= 1000


async def test_a_limit_by_action_and_its_words(client, sandbox):
    sandbox.quirks.on("limits_by_action=status:0", "retry_after_date")
    refused = await client.call("status", order=1)
    assert refused.http == 429
    assert refused.headers["Retry-After"].endswith("GMT")
    assert await client.ask("add", **ORDER) == {"order": 23501}
    sandbox.quirks.on("retry_after_absent")
    assert "Retry-After" not in (await client.call("status", order=1)).headers
    sandbox.quirks.clear()
    assert (await client.call("status", order=1)).http == 200


async def test_who_keeps_sending_a_bad_key_is_banned(client, sandbox):
    sandbox.quirks.on("ban_after_bad_keys=2:600")
    for _ in range(2):
        answer = await client.send("POST", sandbox.url, data={"key": "wrong", "action": "balance"})
        assert answer.json == {"error": "Invalid API key"}

    banned = await client.call("balance")

    assert (banned.http, banned.json) == (403, {"error": "Your IP is blocked"})
    sandbox.quirks.off("ban_after_bad_keys")
    assert (await client.call("balance")).http == 200


async def test_lists_arrive_with_their_line_feeds(sandbox):
    async with httpx.AsyncClient(trust_env=False) as client:
        form = {"key": "sandbox-key", "action": "add", "service": "6", "link": "x", "comments": "süß\nÜber & über"}
        reply = await client.post(sandbox.url, data=form)

    (order,) = sandbox.panel.book.orders.values()
    assert reply.json() == {"order": order.id}
    assert (order.quantity, order.params["comments"]) == (2, form["comments"])


async def test_many_at_once_each_get_an_id_of_their_own(client, sandbox):
    replies = await asyncio.gather(*(client.ask("add", **ORDER) for _ in range(300)))

    ids = [reply["order"] for reply in replies]
    assert len(set(ids)) == 300
    assert sorted(ids) == list(sandbox.panel.book.orders)


async def test_two_sandboxes_can_run_side_by_side(client, client_of, sandbox):
    async with Sandbox() as other:
        await client.ask("add", **ORDER)
        assert other.url != sandbox.url
        assert await client_of(other).ask("balance") == {"balance": "1000.00000", "currency": "USD"}


async def test_a_port_in_use_is_an_os_error(sandbox):
    port = int(sandbox.url.rsplit(":", 1)[1].split("/", 1)[0])

    with pytest.raises(OSError, match="address already in use"):
        await Sandbox(SandboxOptions(port=port)).__aenter__()
