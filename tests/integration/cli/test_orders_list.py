"""Tests which orders `order-sync orders list` finds, in which order, page by page, and what it prints."""

import json
import shlex
from typing import Any

import pytest

from tests.integration.cli.conftest import OrderSync
from tests.integration.store.plain_sql import Database
from worker.domain.orders.states import OrderState


@pytest.fixture
def rows(database: Database) -> dict[str, int]:
    """Adds one order of each state, the oldest first, with its state as reference; and last, one of another panel."""
    ids = {}
    for days, state in enumerate(reversed(OrderState)):
        ids[str(state)] = database.add_order(state=str(state), panel_order_id=f"p-{state}", reference=str(state))
        database.execute("UPDATE orders SET created_at = now() - make_interval(days => %s)", [days])
    ids["other"] = database.add_order(panel="other", service="77", link="https://example.com/Some/Where", reference="o")
    return ids


def found(ended: Any) -> list[int]:
    assert (ended.code, ended.err) == (0, "")
    return [order["id"] for order in json.loads(ended.out)["orders"]]


def test_all_the_newest_first(order_sync: OrderSync, rows: dict[str, int]) -> None:
    assert found(order_sync("orders", "list", "--json")) == sorted(rows.values(), reverse=True)


@pytest.mark.parametrize("state", OrderState)
def test_by_state(order_sync: OrderSync, rows: dict[str, int], state: OrderState) -> None:
    expected = {rows[state], rows["other"]} if state is OrderState.PENDING else {rows[state]}
    assert set(found(order_sync("orders", "list", "--json", "--state", state))) == expected


def test_by_several_states_given_twice(order_sync: OrderSync, rows: dict[str, int]) -> None:
    states = ["--state", "completed", "--state", "rejected", "--state", "completed"]
    expected = sorted([rows["completed"], rows["rejected"]], reverse=True)
    assert found(order_sync("orders", "list", "--json", *states)) == expected


@pytest.mark.parametrize(
    "options",
    [
        ["--panel", "other"],
        ["--service", "77"],
        ["--reference", "o"],
        ["--link", "some/WHERE"],
        ["--panel", "other", "--state", "pending", "--since", "1h"],
    ],
)
def test_by_what_it_is(order_sync: OrderSync, rows: dict[str, int], options: list[str]) -> None:
    assert found(order_sync("orders", "list", "--json", *options)) == [rows["other"]]


@pytest.mark.parametrize("part", ["%", "_", "' OR 1=1 --", "\\"])
def test_a_part_of_a_link_is_no_pattern(order_sync: OrderSync, rows: dict[str, int], part: str) -> None:
    assert found(order_sync("orders", "list", "--json", "--link", part)) == []


def test_since(order_sync: OrderSync, database: Database) -> None:
    old, new = database.add_order(), database.add_order()
    database.execute("UPDATE orders SET created_at = '2026-01-01 23:00+00' WHERE id = %s", [old])
    assert found(order_sync("orders", "list", "--json", "--since", "90m")) == [new]
    assert found(order_sync("orders", "list", "--json", "--since", "2026-01-02")) == [new]
    assert found(order_sync("orders", "list", "--json", "--since", "2026-01-01T22:59")) == [new, old]
    assert found(order_sync("orders", "list", "--json", "--since", "2026-01-01T23:30+01:00")) == [new, old]


def test_pages_follow_one_another_by_the_command_that_is_told(order_sync: OrderSync, database: Database) -> None:
    for n in range(5):
        database.add_order(link=f"https://example.com/it's {n}", state="rejected")
    seen = []
    words = shlex.split('order-sync orders list --state rejected --since 2h --limit 2 --link "it\'s"')
    for _ in range(3):
        ended = order_sync(*words[1:])
        head, *lines = ended.out.splitlines()
        assert head.startswith("ID")
        seen += [int(line.split()[0]) for line in lines if line and line[0].isdigit()]
        more = [line for line in lines if line.startswith("There are more: ")]
        words = shlex.split(more[0].removeprefix("There are more: ")) if more else []
    assert (seen, words) == ([5, 4, 3, 2, 1], [])


def test_pages_for_a_script(order_sync: OrderSync, database: Database) -> None:
    for _ in range(3):
        database.add_order()
    page = json.loads(order_sync("orders", "list", "--json", "--limit", "2").out)
    assert page["next_after"] == 2
    last = json.loads(order_sync("orders", "list", "--json", "--limit", "2", "--after", "2").out)
    assert ([order["id"] for order in last["orders"]], last["next_after"]) == ([1], None)


def test_columns_for_a_script(order_sync: OrderSync, database: Database) -> None:
    database.add_order(
        state="completed", panel_order_id="7", charge="0.10000000", max_charge="1.5", created_at="2026-01-01 12:00+02"
    )
    (order,) = json.loads(order_sync("orders", "list", "--json").out)["orders"]
    assert (order["id"], order["panel_order_id"], order["quantity"]) == (1, "7", 100)
    assert (order["charge"], order["max_charge"]) == ("0.10000000", "1.5")
    assert order["created_at"] == "2026-01-01T10:00:00+00:00"


@pytest.mark.parametrize("columns", ["80", "132"])
def test_lines_fit(order_sync: OrderSync, database: Database, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for text in ("x" * 100_000, "\u4e2d" * 300, "\x1b[2J\x07\r\n\u202e", "💥" * 50):
        database.add_order(panel=text[:400], service=text, link=text, state="unconfirmed", error_code=text)
    ended = order_sync("orders", "list")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 7
    cells = [sum(2 if ord(c) > 0x2FFF else 1 for c in line) for line in ended.out.splitlines()]
    assert max(cells) <= int(columns)
    assert all(c.isprintable() for line in ended.out.split("\n") for c in line)


def test_nothing_is_found(order_sync: OrderSync) -> None:
    assert order_sync("orders", "list").out.startswith("There is no order yet: insert rows into the table `orders`")


def test_what_takes_too_long_is_told(
    order_sync: OrderSync, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", f"{database_url}&options=-c%20statement_timeout%3D50")
    with database.connection.transaction():
        database.execute("LOCK TABLE orders")
        ended = order_sync("orders", "list", "--link", "x")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "order-sync: the database took too long for this: narrow it down, or try again later\n"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--state", "open"], "--state"),
        (["--since", "yesterday"], "--since"),
        (["--since", "999999999d"], "--since"),
        (["--since", "999999999w"], "--since"),
        (["--limit", "0"], "--limit"),
        (["--after", "9223372036854775808"], "--after"),
        (["--panel", " "], "--panel"),
        (["--link", "\udc80"], "--link"),
    ],
)
def test_wrong_options(order_sync: OrderSync, options: list[str], named: str) -> None:
    ended = order_sync("orders", "list", *options)
    assert (ended.code, ended.out) == (2, "")
    assert f"Invalid value for '{named}'" in ended.err
