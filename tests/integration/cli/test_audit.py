"""Tests the output of `order-sync audit`: what explains a balance, and what nothing explains."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.cli.conftest import OrderSync, add_submission
from tests.integration.store.plain_sql import Database

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PERIOD = ["--since", "2026-11-01", "--until", "2026-11-02"]


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def read(database: Database, minutes: float, balance: str, **columns: Any) -> None:
    database.insert(
        "balances", **{"panel": "default", "at": at(minutes), "balance": balance, "currency": "USD"} | columns
    )


def bought(database: Database, number: str, charge: str, *told: tuple[float, str, str], **columns: Any) -> int:
    """Adds an order of 100 units that was sent at noon, and later polls: minutes, the state and the charge."""
    order_id = database.add_order(**{"state": "submitted", "panel_order_id": number} | columns)
    add_submission(database, order_id, "accepted", panel_order_id=number, expected_charge=charge, units=100)
    polls = [(1.0, "submitted", charge), *told]
    for (before, _, _), (minutes, state, costs) in zip([(0.9, "", ""), *polls], polls, strict=False):
        database.execute(
            "INSERT INTO order_events (order_id, at, kind, state_after, charge, remains, detail) "
            "VALUES (%s, %s, 'status', %s, %s, 50, jsonb_build_object('looked_before', %s::timestamptz))",
            [order_id, at(minutes), state, costs, at(before)],
        )
    return order_id


@pytest.fixture
def wrong(database: Database) -> list[int]:
    """Adds two orders, one with a missing refund of 0.45; a spending of 1.10 by somebody else; and a top-up."""
    ids = [
        bought(database, "a", "0.90", (20, "partial", "0.45")),
        bought(database, "b", "0.30"),
    ]
    for minutes, balance in ((-10, "10.00"), (10, "8.80"), (30, "8.80"), (50, "7.70"), (70, "57.70")):
        read(database, minutes, balance)
    return ids


def test_for_people(order_sync: OrderSync, wrong: list[int]) -> None:
    ended = order_sync("audit", *PERIOD)
    assert (ended.code, ended.err) == (0, "")
    assert max(map(len, ended.out.splitlines())) <= 80
    assert (
        ended.out
        == f"""\
panel default, 5 readings of its balance (times are UTC)

  opening balance                 10  2026-11-01 11:50:00
  charges                       -1.2  2 orders
  refunds                       0.45  1 order
  top-ups                         50  1 rise that no refund explains
  unexplained                  -1.55  2 falls
  closing balance               57.7  2026-11-01 13:10:00

1.55 USD or more is gone, and nothing explains it.

Unexplained:
  -0.45 USD, between 2026-11-01 11:50:00 and 2026-11-01 12:30:00
    order {wrong[0]} should have been given back 0.45, just that much
    1 other moved then: --json names them
  -1.1 USD, between 2026-11-01 12:30:00 and 2026-11-01 12:50:00
    no order here moved then: search the panel for one that isn't in the table
  the history of one: order-sync orders show {wrong[0]}

Top-ups, or refunds that no poll has seen yet:
  50 USD, between 2026-11-01 12:50:00 and 2026-11-01 13:10:00
"""
    )


@pytest.mark.usefixtures("wrong")
def test_for_a_script(order_sync: OrderSync) -> None:
    ended = order_sync("audit", *PERIOD, "--json", "--panel", "default")
    (panel,) = json.loads(ended.out)["panels"]
    assert (panel["panel"], Decimal(panel["missing"])) == ("default", Decimal("1.55"))
    report = panel["report"]
    assert {Decimal(bound) for bound in report["unexplained"].values()} == {Decimal("-1.55")}
    assert [fall["suspects"] for fall in report["falls"]][1] == []


def test_two_orders_that_make_up_the_amount_together(order_sync: OrderSync, database: Database) -> None:
    """Finds a missing refund and a charge after the close."""
    first = bought(database, "a", "0.90", (20, "partial", "0.45"))
    second = bought(database, "b", "0.30", (20, "completed", "0.30"))
    for minutes, balance in ((-10, "10.00"), (10, "8.80"), (30, "8.50")):
        read(database, minutes, balance)
    lines = order_sync("audit", *PERIOD).out.splitlines()
    first_line = lines.index("Unexplained:") + 1
    assert lines[first_line : first_line + 3] == [
        "  -0.75 USD, between 2026-11-01 12:10:00 and 2026-11-01 12:30:00",
        f"    order {first} should have been given back 0.45, with order {second} just that much",
        f"    order {second} had ended, and had cost 0.3, with order {first} just that much: maybe charged again",
    ]


def test_all_is_explained(order_sync: OrderSync, database: Database) -> None:
    bought(database, "a", "0.90", (20, "partial", "0.45"))
    for minutes, balance in ((-10, "10.00"), (10, "9.10"), (30, "9.55")):
        read(database, minutes, balance)
    assert "\nAll is explained, to the last digit.\n" in order_sync("audit", *PERIOD).out
    database.execute("UPDATE submissions SET outcome = 'unknown'")
    database.execute("UPDATE orders SET state = 'unconfirmed', panel_order_id = NULL")
    shown = order_sync("audit", *PERIOD).out
    assert "\nAll is explained, within ±0.45 USD.\n" in shown
    assert "\nMaybe taken by the panel: 1.\n" in shown


def test_what_every_outcome_of_a_call_counts_for(order_sync: OrderSync, database: Database) -> None:
    """Counts the orders that the panel took, may have taken, and certainly didn't take."""
    for number, (outcome, state) in enumerate(
        [
            ("accepted", "submitted"),
            ("unknown", "submitted"),  # linked by evidence
            ("accepted_late", "pending"),
            ("unknown", "unconfirmed"),
            ("lease_ended", "rejected"),  # given up by hand
            (None, "submitting"),
            ("refused", "rejected"),
            ("not_sent", "pending"),
            ("refuted", "pending"),
        ]
    ):
        known_as = str(number) if state == "submitted" else None
        order_id = database.add_order(state=state, panel_order_id=known_as)
        told = known_as if outcome == "accepted" else "late" if outcome == "accepted_late" else None
        add_submission(
            database, order_id, outcome, expected_charge=Decimal("0.01") * 2**number, panel_order_id=told, units=100
        )
        kind = {"order_id": order_id, "at": at(0.1), "kind": "x", "state_after": state}
        database.insert("order_events", **kind)
    read(database, -10, "10")
    read(database, 20, "10")
    (panel,) = json.loads(order_sync("audit", *PERIOD, "--json").out)["panels"]
    assert panel["report"]["charges"] == {"low": "0.07", "high": f"{Decimal('0.01') * (7 + 8 + 16 + 32)}"}
    assert panel["report"]["doubtful"] == [4, 5, 6]


def test_a_reading_took_some_time_and_what_was_seen_late_counts(order_sync: OrderSync, database: Database) -> None:
    read(database, -10, "10.00")
    read(database, 10, "9.10", asked_at=at(-0.1))  # asked for before the order was sent
    read(database, 30, "9.10")
    bought(database, "a", "0.90", (24 * 60, "canceled", "0"))
    report = json.loads(order_sync("audit", *PERIOD, "--json").out)["panels"][0]["report"]
    assert (report["falls"], report["rises"]) == ([], [])
    assert report["refunds"] == {"low": "0", "high": "0.90000000"}


def test_nothing_is_known(order_sync: OrderSync, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No worker has read a balance yet" in order_sync("audit").out
    read(database, 0, "1")
    shown = order_sync("audit").out
    assert "panel default: no worker read its balance twice in this time.\nA worker reads it every 300 s" in shown
    ended = order_sync("audit", "--since", "1d", "--until", "2d")
    assert (ended.code, ended.out) == (2, "")
    assert "Invalid value for '--since': it isn't before --until" in ended.err
