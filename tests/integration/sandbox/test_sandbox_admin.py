"""Tests the admin interface of the sandbox."""

import aiohttp
import pytest

from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.panel.catalogue import SERVICES

ORDER = {"service": 1, "link": "https://example.com/me", "quantity": 1000}


async def test_the_ledger_tells_what_was_taken(client, sandbox):
    await client.ask("add", **ORDER)
    await client.ask("add", **ORDER, runs=2, interval=1)
    await client.ask("add", **{**ORDER, "quantity": 1})
    await client.ask("status", order=23502)

    ledger = await client.admin("GET", "ledger")

    epoch = sandbox.clock.date(0).isoformat()
    assert ledger[0] == {
        "id": "23501",
        "service": "1",
        "link": "https://example.com/me",
        "quantity": 1000,
        "params": {name: str(value) for name, value in ORDER.items()},
        "status": "Pending",
        "price": "0.90000",
        "charge": "0.90000",
        "debited": "0.90000",
        "refunded": "0.00000",
        "currency": "USD",
        "remains": 1000,
        "start_count": ledger[0]["start_count"],
        "accepted_at": epoch,
        "origin": "add",
        "parent": None,
        "spawned": [],
        "refills": [],
        "cancel_requested_at": None,
    }
    assert [(entry["id"], entry["parent"], entry["spawned"]) for entry in ledger[1:]] == [
        ("23502", None, ["23503"]),
        ("23503", "23502", []),
    ]
    assert await client.admin("GET", "ledger?since_id=23501") == ledger[1:]
    assert "error" in await client.admin("GET", "ledger?since_id=x")


async def test_refills_and_cancels_are_listed_and_set(client):
    await client.ask("add", **ORDER)
    await client.ask("cancel", orders=23501)
    await client.admin("POST", "orders/23501", {"status": "Completed"})
    await client.ask("refill", order=23501)

    (refill,) = await client.admin("GET", "refills")
    assert (refill["id"], refill["order"], refill["status"]) == ("1", "23501", "Pending")
    (cancel,) = await client.admin("GET", "cancels")
    assert (cancel["order"], cancel["status"]) == ("23501", "Completed")
    (refill,) = await client.admin("POST", "refills/1", {"status": "Rejected"})
    assert refill["status"] == "Rejected"
    assert await client.ask("refill_status", refill=1) == {"status": "Rejected"}


async def test_orders_are_set_by_hand(client):
    await client.ask("add", **ORDER)

    entry = await client.admin("POST", "orders/23501", {"status": "Partial", "remains": 100, "start_count": 5})
    assert (entry["status"], entry["charge"], entry["refunded"]) == ("Partial", "0.81000", "0.09000")
    assert await client.ask("status", order=23501) == {
        "charge": "0.81000",
        "start_count": "5",
        "status": "Partial",
        "remains": "100",
        "currency": "USD",
    }
    await client.admin("POST", "orders/23501", {"charge": "0.8"})
    assert (await client.ask("balance"))["balance"] == "999.20000"


async def test_the_balance_is_explained_and_set(client):
    await client.ask("add", **ORDER)
    await client.admin("POST", "orders/23501", {"status": "Canceled"})

    assert await client.admin("POST", "balance", {"top_up": "5.5"}) == {
        "opening": "1000.00000",
        "charges": "0.90000",
        "refunds": "0.90000",
        "top_ups": "5.50000",
        "closing": "1005.50000",
        "currency": "USD",
    }
    await client.admin("POST", "balance", {"set": "0.5"})
    assert await client.ask("add", **ORDER) == {"error": "Not enough funds on balance"}
    assert (await client.admin("GET", "balance"))["top_ups"] == "-999.50000"


async def test_services_change_go_and_return(client):
    await client.admin("POST", "services", {"service": 1, "rate": "1.2345", "min": 10, "max": 99, "name": "New"})
    first = (await client.ask("services"))[0]
    assert (first["rate"], first["min"], first["max"], first["name"]) == ("1.2345", "10", "99", "New")
    assert await client.ask("add", **ORDER) == {"error": "Quantity more than maximum 99"}

    await client.admin("POST", "services", {"service": "1", "removed": True})
    assert (await client.ask("services"))[0]["service"] == 2
    assert await client.ask("add", **ORDER) == {"error": "Incorrect service ID"}
    await client.admin("POST", "services", {"service": "1", "removed": False})
    assert (await client.ask("services"))[0]["service"] == 1

    await client.admin("POST", "services", {"listing": "shrunken"})
    assert len(await client.ask("services")) == 3
    await client.admin("POST", "services", {"listing": "empty"})
    assert await client.ask("services") == []
    assert "order" in await client.ask("add", **{**ORDER, "quantity": 50})
    await client.admin("POST", "services", {"listing": "full"})
    assert len(await client.ask("services")) == len(SERVICES)


async def test_a_rate_changes_before_the_catalogue_shows_it(client, sandbox):
    await client.admin("POST", "services", {"service": 1, "rate": "1.10", "shown_after": 60})
    await client.admin("POST", "services", {"service": 2, "rate": "5", "shown_after": "never"})
    await client.ask("add", **ORDER)
    await client.ask("add", **{**ORDER, "service": 2})

    assert [entry["debited"] for entry in await client.admin("GET", "ledger")] == ["1.10000", "5.00000"]
    assert [entry["rate"] for entry in (await client.ask("services"))[:2]] == ["0.90", "0.0475"]
    sandbox.clock.advance(60)
    assert [entry["rate"] for entry in (await client.ask("services"))[:2]] == ["1.10", "0.0475"]


async def test_an_order_is_placed_by_hand(client):
    entry = await client.admin("POST", "orders", ORDER)

    assert (entry["id"], entry["origin"], entry["debited"]) == ("23501", "hand", "0.90000")
    assert (await client.ask("status", order=23501))["status"] == "Pending"
    assert (await client.admin("GET", "requests"))["counts"] == {"status": 1}
    assert await client.admin("POST", "orders", {**ORDER, "service": 999}) == {"error": "Incorrect service ID"}
    await client.admin("POST", "balance", {"set": "0"})
    assert await client.admin("POST", "orders", ORDER) == {"error": "Not enough funds on balance"}


async def test_ids_and_other_customers_are_set(client, sandbox):
    assert await client.admin("GET", "ids") == {
        "last": 23500,
        "others": {"rate": 0.0, "by_day": False, "quiet_nights": False},
    }
    told = await client.admin("POST", "others", {"rate": 5, "by_day": True})
    assert told["others"] == {"rate": 5.0, "by_day": True, "quiet_nights": False}
    sandbox.clock.advance(1000)
    assert 25_000 < (await client.admin("GET", "ids"))["last"] < 32_000
    await client.admin("POST", "ids", {"next": 7})
    assert await client.ask("add", **ORDER) == {"order": 7}


async def test_faults_are_set_and_lifted(client):
    assert await client.admin("POST", "faults", {"kind": "null", "action": "balance"}) == {"id": 1}
    assert (await client.admin("POST", "faults", {"kind": "empty", "action": "services", "count": 3}))["id"] == 2
    assert (await client.call("balance")).raw == b"null"

    first, second = await client.admin("GET", "faults")
    assert (first["kind"], first["seen"], first["struck"]) == ("null", 1, 1)
    assert (second["action"], second["count"], second["struck"]) == ("services", 3, 0)
    assert [rule["id"] for rule in await client.admin("DELETE", "faults/1")] == [2]
    assert (await client.ask("balance"))["currency"] == "USD"
    assert await client.admin("DELETE", "faults") == []


async def test_requests_are_counted(client):
    await client.ask("status", orders="1,2,3")
    await client.ask("status", orders="4,4,5")
    await client.ask("balance")

    requests = await client.admin("GET", "requests?last=2")

    assert requests["counts"] == {"status": 2, "balance": 1}
    assert requests["batches"] == {"status": {"3": 2}}
    assert requests["violations"] == [{"number": 2, "action": "status", "kind": "duplicate_ids", "detail": "4"}]
    assert [entry["form"] for entry in requests["requests"]] == [
        {"key": "***", "action": "status", "orders": "4,4,5"},
        {"key": "***", "action": "balance"},
    ]
    assert requests["in_flight"] == 0


async def test_the_clock_is_driven(client, sandbox):
    await client.admin("POST", "clock", {"advance": 90})
    assert sandbox.clock.now() == 90
    told = await client.admin("POST", "clock", {"speed": 60})
    assert told["speed"] == sandbox.clock.speed == 60
    assert told["now"] >= 90
    assert "error" in await client.admin("POST", "clock", {"advance": -1})


async def test_a_reset_forgets_everything(client, sandbox):
    await client.ask("add", **ORDER)
    sandbox.clock.advance(5)
    sandbox.quirks.on("php_notice")
    await client.admin("POST", "faults", {"kind": "null"})

    assert (await client.admin("POST", "reset"))["closing"] == "1000.00000"

    assert await client.admin("GET", "ledger") == []
    assert await client.admin("GET", "faults") == []
    assert (await client.admin("GET", "requests"))["counts"] == {}
    assert sandbox.clock.now() == 0
    assert await client.ask("add", **ORDER) == {"order": 23501}


@pytest.mark.parametrize(
    ("method", "path", "body", "http"),
    [
        ("POST", "orders/1", {"status": "Partial"}, 404),
        ("POST", "orders/1", {"odd": 1}, 400),
        ("POST", "refills/1", {"status": "Completed"}, 404),
        ("POST", "services", {"service": 999, "rate": "1"}, 404),
        ("POST", "services", {"listing": "odd"}, 400),
        ("POST", "balance", {"set": "much"}, 400),
        ("POST", "services", {"service": 1, "rate": "1", "shown_after": -1}, 400),
        ("POST", "faults", {"kind": "odd"}, 400),
        ("POST", "faults", {"kind": "cut", "where": "later"}, 400),
        ("POST", "quirks", {"on": ["php_notic"]}, 400),
        ("POST", "quirks", {"off": ["php_notic"]}, 400),
        ("POST", "quirks", {"on": ["price_factor=x"]}, 400),
        ("POST", "orders", {"service": None}, 400),
        ("POST", "orders", {"action": "balance"}, 400),
        ("POST", "ids", {"next": 0}, 400),
        ("POST", "others", {"rate": -1}, 400),
        ("POST", "faults", [], 400),
        ("DELETE", "faults/7", None, 404),
        ("DELETE", "faults/x", None, 400),
    ],
)
async def test_what_makes_no_sense_is_told_so(*, client, sandbox, method, path, body, http):
    answer = await client.send(method, sandbox.admin_url + path, json=body)

    assert answer.http == http
    assert answer.json.keys() == {"error"}


async def test_others_are_kept_out_unless_let_in(client, sandbox, monkeypatch):
    monkeypatch.setattr("worker.sandbox.http.admin._is_local", lambda _: False)
    assert (await client.send("GET", sandbox.admin_url + "ledger")).http == 403

    async with (
        Sandbox(SandboxOptions(admin_from_anywhere=True)) as open_one,
        aiohttp.request("GET", f"{open_one.admin_url}ledger") as reply,
    ):
        assert reply.status == 200


async def test_cheats_are_switched_by_name(client, sandbox):
    listing = await client.admin("POST", "cheats", {"on": ["overcharge"]})
    assert listing == sandbox.panel.cheats.listing()
    assert {name for name, entry in listing.items() if entry["on"]} == {"overcharge"}
    assert all(entry["about"] for entry in listing.values())
    await client.ask("add", **ORDER)
    assert (await client.ask("balance"))["balance"] == "999.01000"
    assert "no such cheat" in (await client.admin("POST", "cheats", {"on": ["odd"]}))["error"]
    await client.admin("POST", "reset")
    assert not any(entry["on"] for entry in (await client.admin("GET", "cheats")).values())
