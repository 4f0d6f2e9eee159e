"""Tests `order-sync status`, for people and for scripts."""

import json
from typing import Any

import pytest

from tests.integration.cli.conftest import OrderSync, add_unconfirmed
from tests.integration.store.plain_sql import Database
from tests.tables_of import Page
from worker.store.views import recent
from worker.store.views.overview import MOST_UNCONFIRMED


def stands(order_sync: OrderSync) -> Any:
    ended = order_sync("status", "--json")
    assert (ended.code, ended.err) == (0, "")
    return json.loads(ended.out)


@pytest.fixture
def busy(database: Database) -> None:
    database.add_order(created_at="now", not_before="-infinity")
    database.add_order()
    database.execute("UPDATE orders SET created_at = now() - interval '1 h', not_before = now() - interval '1 min'")
    database.add_order(not_before="infinity")
    database.add_order(state="submitting", panel="other")
    database.add_submitted("5")
    database.execute("UPDATE polls SET due_at = now() - interval '1 min', seen_at = now() - interval '2 min'")
    database.execute("INSERT INTO periodic_jobs VALUES ('default', 'services', now(), '2026-01-02')")
    for state in ("completed", "partial", "canceled", "rejected"):
        database.add_order(state=state, panel="closed", panel_order_id=state)
    add_unconfirmed(
        database, '{"verdict": "undecided", "doubt": "ambiguous", "candidates": ["5", "6"]}', {"until": 4_000_000_000}
    )
    database.execute(
        "INSERT INTO guards (panel, shared_since) VALUES ('other', now() - interval '2 h'), ('third', NULL)"
    )
    database.execute("UPDATE orders SET updated_at = now() - interval '10 min' WHERE state = 'unconfirmed'")
    for balance in ("7", "5.50"):
        database.insert("balances", panel="default", balance=balance, currency="USD", at=f"2026-01-0{balance[0]}")
    database.insert("balances", panel="default", balance="3.25", currency="USD")
    database.insert("balances", panel="third", balance="1")
    for panel, missing, ago in (("default", 7, "30 h"), ("default", "0.45", "5 h"), ("third", 0, "25 h")):
        database.insert(
            "audits",
            panel=panel,
            currency="USD",
            missing=missing,
            opened_at="2026-01-01 00:00+00",
            closed_at="2026-01-02 00:00+00",
            **dict.fromkeys(("opening", "charges", "refunds", "top_ups", "unexplained", "closing"), 0),
        )
        database.execute(
            "UPDATE audits SET closed_at = now() - %s::interval, opened_at = now() - interval '2 d' "
            "WHERE id = (SELECT max(id) FROM audits)",
            [ago],
        )
    for kind, before, after, ago, detail in (
        ("status", "submitted", "completed", "90 min", "{}"),
        ("status", "submitted", "completed", "30 min", "{}"),
        ("status", "completed", "partial", "20 min", "{}"),
        (
            "rejected",
            "submitting",
            "rejected",
            "10 min",
            '{"error_code": "link_refused", "error": "Bad \\u001b[31mlink"}',
        ),
        ("submitted", "submitting", "submitted", "10 s", "{}"),
        ("evidence", "unconfirmed", "unconfirmed", "5 s", "{}"),
    ):
        database.execute(
            "INSERT INTO order_events (order_id, at, kind, state_before, state_after, detail) "
            "VALUES (5, now() - %s::interval, %s, %s, %s, %s)",
            [ago, kind, before, after, detail],
        )
    database.execute(
        "INSERT INTO pauses (panel, scope, reason, detail, until) VALUES "
        "('default', 'add', 'low_balance', 'below 5', now() + interval '30 years'),"
        "('other', 'all', 'outage', E'\\x1b[31mgone', '2026-01-01')"
    )
    database.execute(
        "INSERT INTO panel_abilities (panel, action, most_ids, found_at) VALUES "
        "('default', 'cancel', 13, '2026-01-01'), ('default', 'status', 0, '2026-01-01')"
    )
    database.execute(
        "INSERT INTO workers (id, name, lease_until, ended_at) VALUES "
        "(gen_random_uuid(), 'alive:1', now() + interval '1 h', NULL),"
        "(gen_random_uuid(), 'dead:1', now() - interval '1 s', NULL),"
        "(gen_random_uuid(), 'gone:1', now() + interval '1 h', now())"
    )


@pytest.mark.usefixtures("busy")
def test_for_a_script(order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SYNC_PANELS__DEFAULT__URL", "https://panel.example/api/v2")
    monkeypatch.setenv("ORDER_SYNC_PANELS__DEFAULT__KEY", "k3y-hush")
    shown = stands(order_sync)
    assert list(shown) == ["at", "panels", "unconfirmed", "errors", "workers"]
    default, other, third = shown["panels"]
    assert 60 <= default.pop("oldest_pending_seconds") < 120
    assert 600 <= default.pop("oldest_unconfirmed_seconds") < 660
    assert 120 <= default.pop("status_age_seconds") < 180
    assert 60 <= default.pop("status_overdue_seconds") < 120
    balance, (pause,), audit = default.pop("balance"), default.pop("pauses"), default.pop("audit")
    assert default == {
        "panel": "default",
        "configured": True,
        "pending": 3,
        "submitting": 0,
        "unconfirmed": 1,
        "submitted": 1,
        "services_at": "2026-01-02T00:00:00+00:00",
        "shared_since": None,
        "batch_limits": [
            {"action": "cancel", "most_ids": 13, "found_at": "2026-01-01T00:00:00+00:00"},
            {"action": "status", "most_ids": 0, "found_at": "2026-01-01T00:00:00+00:00"},
        ],
        "last_minute": {"sent": 1.0, "finished": 0.0, "rejected": 0.0, "unconfirmed": 0.0},
        "last_hour": {"sent": 1.0, "finished": 1.0, "rejected": 1.0, "unconfirmed": 0.0},
    }
    assert (balance["amount"], balance["currency"], balance["hours_left"]) == ("3.25", "USD", None)
    assert (pause["scope"], pause["reason"], pause["detail"], pause["until"]) == ("add", "low_balance", "below 5", None)
    assert (audit["currency"], audit["missing"]) == ("USD", "0.45")
    assert audit["opened_at"] < audit["closed_at"] < shown["at"]
    assert other["audit"] is None
    assert other["shared_since"] < shown["at"]
    assert (other["panel"], other["configured"], other["submitting"], other["balance"]) == ("other", False, 1, None)
    assert other["pauses"][0]["until"] == "2026-01-01T00:00:00+00:00"
    assert (third["panel"], third["pending"], third["balance"]["amount"]) == ("third", 0, "1")
    (unconfirmed,) = shown["unconfirmed"]
    assert unconfirmed.pop("age_seconds") >= 600
    assert unconfirmed.pop("since") > "2026"
    assert unconfirmed == {
        "order_id": 10,
        "panel": "default",
        "verdict": "undecided",
        "doubt": "ambiguous",
        "known_from": "2096-10-02T07:06:40+00:00",
        "candidates": ["5", "6"],
    }
    (error,) = shown["errors"]
    assert error.pop("at") > "2026"
    assert error == {
        "order_id": 5,
        "panel": "default",
        "kind": "rejected",
        "error_code": "link_refused",
        "error": "Bad \x1b[31mlink",
    }
    assert [worker["name"] for worker in shown["workers"]] == ["alive:1"]


def keys(value: Any) -> Any:
    """Yields the names of all members of a value, at any depth."""
    match value:
        case dict():
            return {name: keys(one) for name, one in value.items()}
        case list():
            return [keys(value[0])]
        case _:
            return None


@pytest.mark.usefixtures("busy")
def test_the_shape_is_the_one_in_the_reference(order_sync: OrderSync) -> None:
    assert keys(stands(order_sync)) == keys(json.loads(Page("docs/reference/commands.md").block("json")))


@pytest.mark.usefixtures("busy")
def test_for_people(order_sync: OrderSync) -> None:
    ended = order_sync("status")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert max(map(len, lines[:4])) <= 80
    assert lines[1].split() == ["default", "3", "1", "min", "0", "1", "1", "3.25", "USD"]
    assert lines[2].split() == ["other", "0", "1", "0", "0", "not", "known"]
    said = "\n".join(lines[4:])
    assert "panel other isn't configured here" in said
    assert "panel default is paused for 0 s (orders only): low_balance: below 5" in said
    assert "outage, tries again now: \\x1b[31mgone" in said
    assert "order 10 (default) is unconfirmed for 10 min: 5 or 6 may be it, or another order's" in said
    assert "panel default, last minute: 1 sent, 0 finished" in said
    assert "panel default, last hour: 1 sent, 1 finished, 1 rejected" in said
    assert "10 min ago: order 5 (default) rejected: link_refused: Bad \\x1b[31mlink" in said
    assert "panel default, audited until 5 h 0 min ago: 0.45 USD is missing: order-sync audit --since 3d" in said
    assert "panel third, audited until 1 d 1 h ago: all is explained" in said
    assert "panel other, audited" not in said
    assert (
        "panel other: somebody else orders on this account, known for 2 h 0 min; nothing is settled: "
        "order-sync orders disown --panel other"
    ) in said
    assert "panel third: " not in said
    assert "worker alive:1 is alive" in said
    assert "dead" not in said
    assert "panel default takes at most 13 ids in calls of cancel" in said
    assert "panel default takes one id at a time in calls of status" in said


def test_nothing_at_all(order_sync: OrderSync) -> None:
    shown = stands(order_sync)
    assert (shown["panels"], shown["unconfirmed"], shown["workers"]) == ([], [], [])
    assert "no worker is alive" in order_sync("status").out


def test_of_many_unconfirmed_the_oldest_are_told(order_sync: OrderSync, database: Database) -> None:
    ids = [add_unconfirmed(database) for _ in range(MOST_UNCONFIRMED + 3)]
    database.execute("UPDATE orders SET updated_at = now() + make_interval(secs => id)")
    assert [order["order_id"] for order in stands(order_sync)["unconfirmed"]] == ids[:MOST_UNCONFIRMED]
    assert f"and {MOST_UNCONFIRMED - 2} more: order-sync orders list --state unconfirmed" in order_sync("status").out


@pytest.mark.usefixtures("busy")
def test_rates_are_projected_where_the_events_that_are_read_do_not_reach_back(
    order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "NEWEST_EVENTS", 2)  # the older of them happened ten seconds ago
    default = stands(order_sync)["panels"][0]
    assert 5.0 <= default["last_minute"]["sent"] <= 6.0
    assert 300.0 <= default["last_hour"]["sent"] <= 360.0
    assert default["last_hour"]["finished"] == 0.0


def test_events_of_an_order_that_was_deleted(order_sync: OrderSync, database: Database) -> None:
    database.execute(
        "INSERT INTO order_events (order_id, kind, state_before, state_after, detail) "
        """VALUES (7, 'rejected', 'submitting', 'rejected', '{"error_code": "refused"}')"""
    )
    assert stands(order_sync)["panels"] == []


def test_how_long_a_balance_lasts(order_sync: OrderSync, database: Database) -> None:
    for hours, balance in ((2, "10"), (1, "8"), (0, "6")):
        database.execute(
            "INSERT INTO balances (panel, balance, at) VALUES ('default', %s, now() - make_interval(hours => %s))",
            [balance, hours],
        )
    assert 2.9 < stands(order_sync)["panels"][0]["balance"]["hours_left"] < 3.1
    said = order_sync("status").out
    assert "panel default, balance: lasts 3 h 0 min" in said or "panel default, balance: lasts 2 h 59 min" in said
