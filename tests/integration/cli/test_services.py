"""Tests `order-sync services`: the catalogue, its changes, and the orders of changed services."""

import csv
import io
import json
import time

import pytest

from tests.integration.cli.conftest import OrderSync
from tests.integration.store.plain_sql import Database

MANY = 5000


@pytest.fixture
def catalogue(database: Database) -> None:
    database.execute(
        """
        INSERT INTO services (panel, service, name, type, category, rate, min, max, raw, removed_at) VALUES
        ('default', '9', 'Likes', 'Default', 'Instagram', 0.50, 10, 1000, '{}', NULL),
        ('default', '10', 'Custom likes', 'custom_comments', 'Instagram', 1.25, 5, 500, '{}', NULL),
        ('default', '11', 'Views', 'Default', 'YouTube', 0.10, 100, 9000, '{}', NULL),
        ('default', '12', 'Old likes', 'Default', 'Instagram', 1, 1, 1, '{}', now())
        """
    )
    changes = [
        (40, "9", "rate", "0.10", "0.20"),
        (5, "9", "rate", "0.20", "0.40"),
        (3, "11", "rate", "0.20", "0.10"),
        (2, "10", "name", "Likes", "Custom likes"),
        (1, "9", "rate", "0.40", "0.50"),
        (1, "12", "removed", None, None),
    ]
    for days, service, kind, before, after in changes:
        database.execute(
            "INSERT INTO service_changes (panel, service, at, kind, value_before, value_after) "
            "VALUES ('default', %s, now() - make_interval(days => %s), %s, %s, %s)",
            [service, days, kind, before, after],
        )
    for state in ("pending", "submitted", "unconfirmed", "completed"):
        database.add_order(service="9", state=state, panel_order_id=state)
    database.add_order(service="9", state="completed", panel_order_id="old", created_at="2020-01-01")


def lines(order_sync: OrderSync, *arguments: object) -> list[list[str]]:
    ended = order_sync("services", *arguments)
    assert (ended.code, ended.err) == (0, "")
    assert max(map(len, ended.out.splitlines())) <= 80
    return [line.split() for line in ended.out.splitlines()]


#: Arguments, and the services that they find.
SEARCHES = [
    ([], ["9", "10", "11"]),
    (["likes"], ["9", "10"]),
    (["LIKES", "insta"], ["9", "10"]),
    (["youtube", "likes"], []),
    (["--type", "Custom Comments"], ["10"]),
    (["--panel", "other"], []),
    (["11"], ["11"]),
]


@pytest.mark.usefixtures("catalogue")
def test_services_are_found(order_sync: OrderSync) -> None:
    for arguments, found in SEARCHES:
        shown = json.loads(order_sync("services", *arguments, "--json").out)
        assert ([one["service"] for one in shown["found"]], shown["total"]) == (found, len(found))
        if found:
            assert [line[0] for line in lines(order_sync, *arguments)] == ["SERVICE", *found]
        else:
            assert "No such services. Try" in order_sync("services", *arguments).out
    assert lines(order_sync, "custom")[1] == ["10", "1.25", "5", "500", "custom_com…", "Custom", "likes"]


@pytest.mark.usefixtures("catalogue")
def test_what_changed_with_the_orders_that_it_touches(order_sync: OrderSync) -> None:
    shown = lines(order_sync, "--changed-since", "7d")
    assert shown[0] == ["SERVICE", "AGO", "WHAT", "BEFORE", "AFTER", "OPEN", "RECENT", "NAME"]
    assert [line[0] for line in shown[1:]] == ["12", "9", "10", "11", "9"]
    assert shown[2][-6:] == ["rate", "0.40", "0.50", "3", "4", "Likes"]
    assert [line[0] for line in lines(order_sync, "likes", "--changed-since", "36h")][1:] == ["12", "9"]
    assert "Go farther back" in order_sync("services", "--changed-since", "1h").out


@pytest.mark.usefixtures("catalogue")
def test_what_became_dearer(order_sync: OrderSync) -> None:
    (head, row) = lines(order_sync, "--dearer")
    assert head == ["SERVICE", "AGO", "BEFORE", "NOW", "RISE", "OPEN", "RECENT", "NAME"]
    assert row == ["9", "1", "d", "0", "h", "0.2", "0.5", "+150.0%", "3", "4", "Likes"]
    (found,) = json.loads(order_sync("services", "--dearer", "--changed-since", "60d", "--json").out)["found"]
    assert (found["before"], found["after"], found["open_orders"]) == ("0.10", "0.50", 3)


@pytest.mark.usefixtures("catalogue")
def test_for_a_spreadsheet(order_sync: OrderSync) -> None:
    database_rows = list(csv.DictReader(io.StringIO(order_sync("services", "--csv").out)))
    assert [(row["service"], row["rate"], row["name"]) for row in database_rows][1] == ("10", "1.25", "Custom likes")
    changed = list(csv.DictReader(io.StringIO(order_sync("services", "--changed-since", "36h", "--csv").out)))
    assert [(row["kind"], row["before"]) for row in changed] == [("removed", ""), ("rate", "0.40")]
    ended = order_sync("services", "--csv", "--json")
    assert (ended.code, "Give one of" in ended.err) == (2, True)


def test_thousands_are_shown_at_once(order_sync: OrderSync, database: Database) -> None:
    database.execute(
        "INSERT INTO services (panel, service, name, type, category, rate, min, max, raw) "
        "SELECT 'default', n, 'Service ' || n, 'Default', 'Category', n / 100.0, 1, n, '{}' "
        "FROM generate_series(1, %s) n",
        [MANY],
    )
    assert f"These are 50 of {MANY}: narrow them down, or show all with --limit {MANY}" in order_sync("services").out
    began = time.process_time()  # processor time: a busy machine doesn't matter
    ended = order_sync("services", "--limit", MANY)
    assert time.process_time() - began < 1
    assert len(ended.out.splitlines()) == MANY + 1


def test_a_panel_s_words_are_harmless(order_sync: OrderSync, database: Database) -> None:
    database.execute("INSERT INTO services (panel, service, name, raw) VALUES ('a', E'\\x1b[1m', E'x\\ny', '{}')")
    database.execute("INSERT INTO services (panel, service, name, raw) VALUES ('b', '1', 'other', '{}')")
    assert [line.split()[0] for line in order_sync("services").out.splitlines()] == ["PANEL", "a", "b"]
    assert "\x1b" not in order_sync("services").out
