"""Tests what the eleven calls put on the wire, and what they keep off it."""

import json
import logging

import pytest

from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Answered, Reason, Refused, Unknown
from worker.domain.orders.statuses import ItemError
from worker.panel import PanelClient

from .conftest import CALLS, KEY
from .panel_server import Connection, serve

FORMS = {
    "add": {"action": "add", "service": "7", "link": "https://example.com/ü?a=b&c", "comments": "one\ntwo"},
    "status": {"action": "status", "order": "1"},
    "statuses": {"action": "status", "orders": "1,2"},
    "refill": {"action": "refill", "order": "1"},
    "refills": {"action": "refill", "orders": "1,2"},
    "refill_status": {"action": "refill_status", "refill": "5"},
    "refill_statuses": {"action": "refill_status", "refills": "5,6"},
    "cancel": {"action": "cancel", "order": "1"},
    "cancels": {"action": "cancel", "orders": "1,2"},
    "services": {"action": "services"},
    "balance": {"action": "balance"},
}


async def refusing(connection: Connection) -> None:
    while True:
        await connection.request()
        await connection.reply(b'{"error": "Invalid API key"}', "200 OK", "Set-Cookie: session=1; Path=/")


@pytest.mark.parametrize("name", CALLS)
async def test_a_form_holds_key_action_and_what_the_call_needs(name):
    async with serve(refusing) as panel, PanelClient(panel.url, KEY) as client:
        outcome = await CALLS[name](client)

    assert outcome == Refused(Reason.BAD_KEY, "Invalid API key")
    assert [ask.form for ask in panel.asked] == [{"key": KEY, **FORMS[name]}]


async def test_key_and_action_are_in_the_body_alone_and_no_cookie_comes_back(call):
    async with serve(refusing) as panel, PanelClient(panel.url, KEY, user_agent="Mozilla/5.0") as client:
        await call(client)
        await call(client)

    assert len(panel.asked) == 2
    for ask in panel.asked:
        assert ask.target == "/api/v2"
        assert KEY not in str(ask.headers)
        assert ask.headers["user-agent"] == "Mozilla/5.0"
        assert ask.headers["content-type"] == "application/x-www-form-urlencoded"
        assert not {"cookie", "authorization", "transfer-encoding"} & set(ask.headers)


async def test_parameters_never_take_the_place_of_key_action_or_service():
    async with serve(refusing) as panel, PanelClient(panel.url, KEY) as client:
        await client.add(AddRequest("7", {"key": "x", "action": "balance", "service": "8", "custom": "kept"}))

    assert panel.asked[0].form == {"key": KEY, "action": "add", "service": "7", "custom": "kept"}


async def test_the_environments_proxy_is_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serve(refusing) as panel, PanelClient(panel.url, KEY) as client:
        assert isinstance(await client.balance(), Refused)


async def test_no_log_line_names_the_address_or_the_key(caplog, call):
    caplog.set_level(logging.DEBUG)
    async with serve(refusing) as panel, PanelClient(panel.url, KEY) as client:
        await call(client)

    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert KEY not in logged
    assert "/api/v2" not in logged


async def answering_for_all(connection: Connection) -> None:
    """`Incorrect order ID` for each id, and an error for a batch that holds the id `bad-1`."""
    while True:
        form = (await connection.request()).form
        ids = (form.get("orders") or form["refills"]).split(",")
        items = {one: {"error": "Incorrect order ID"} for one in ids}
        await connection.reply(b"<html>" if "bad-1" in ids else json.dumps(items).encode())


@pytest.mark.parametrize("name", ["statuses", "refills", "refill_statuses", "cancels"])
class TestBatches:
    async def test_ids_go_a_hundred_to_a_request_each_once(self, name):
        ids = [str(n) for n in range(1, 251)]
        async with serve(answering_for_all) as panel, PanelClient(panel.url, KEY) as client:
            reply = await getattr(client, name)(ids + ids[:50])

        sent = [(ask.form.get("orders") or ask.form["refills"]).split(",") for ask in panel.asked]
        assert sent == [ids[:100], ids[100:200], ids[200:]]
        assert reply == Answered(dict.fromkeys(ids, ItemError(Reason.NOT_FOUND, "Incorrect order ID")))

    async def test_no_ids_no_request(self, name):
        async with serve(answering_for_all) as panel, PanelClient(panel.url, KEY) as client:
            assert await getattr(client, name)([]) == Answered({})

        assert panel.connections == 0

    async def test_a_later_failure_ends_the_call_and_keeps_what_was_read(self, name):
        ids = [*map(str, range(1, 101)), "bad-1", *map(str, range(101, 300))]
        async with serve(answering_for_all) as panel, PanelClient(panel.url, KEY) as client:
            reply = await getattr(client, name)(ids)

        assert isinstance(reply, Answered)
        assert list(reply.value) == ids[:100]
        assert len(panel.asked) == 2

    async def test_a_failure_of_the_first_request_is_the_outcome(self, name):
        ids = ["bad-1", *map(str, range(1, 150))]
        async with serve(answering_for_all) as panel, PanelClient(panel.url, KEY) as client:
            reply = await getattr(client, name)(ids)

        assert reply == Unknown("HTTP 200 with a page instead of JSON")
        assert len(panel.asked) == 1


async def test_the_observer_hears_of_each_request():
    heard: list[tuple[str, str]] = []

    def observe(action: str, outcome: str, seconds: float) -> None:
        assert 0 <= seconds < 60
        heard.append((action, outcome))

    async with serve(answering_for_all) as panel, PanelClient(panel.url, KEY, on_request=observe) as client:
        await client.statuses([str(n) for n in range(1, 150)])
        await client.refills(["bad-1"])
        await client.cancels([])
    async with serve(refusing) as panel, PanelClient(panel.url, KEY, on_request=observe) as client:
        await client.balance()
    async with PanelClient(panel.url, KEY, on_request=observe) as client:
        await client.services()

    expected = [("status", "answered")] * 2 + [("refill", "unknown"), ("balance", "refused"), ("services", "not_sent")]
    assert heard == expected


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>Just a moment</html>", "HTTP 200 with a page instead of JSON"),
        (b'{"you are": "wrong"}', None),
        (b"[]", "a reply that says nothing of the ids that were asked about"),
    ],
)
async def test_a_reply_of_which_nothing_can_be_read_is_shown(body, error):
    async def answering(connection: Connection) -> None:
        await connection.request()
        await connection.reply(body, "200 OK")

    seen = []
    async with (
        serve(answering) as panel,
        PanelClient(panel.url, KEY, on_unread=lambda *unread: seen.append(unread)) as client,
    ):
        await client.statuses(["1", "2"])

    ((action, text, sample),) = seen
    assert (action, sample()) == ("status", body.decode())
    assert error in {None, text}


async def test_a_reply_that_was_read_and_a_call_without_one_are_not_shown():
    async def answering(connection: Connection) -> None:
        await connection.request()
        await connection.reply(b'{"1": "Incorrect order ID"}', "200 OK")

    seen = []
    async with (
        serve(answering) as panel,
        PanelClient(panel.url, KEY, on_unread=lambda *unread: seen.append(unread)) as client,
    ):
        await client.statuses(["1", "2"])
        await client.aclose()
        await client.statuses(["1", "2"])

    assert seen == []
