"""Tests `order-sync balance`: the balance over time, the spending, and how long the money lasts."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.integration.cli.conftest import OrderSync, add_submission
from tests.integration.store.plain_sql import Database
from worker.cli import balance as command

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def read(database: Database, at: datetime, balance: str) -> None:
    database.insert("balances", panel="default", at=at, balance=balance, currency="USD")


def bought(database: Database, at: datetime, service: str, charge: str | None, **columns: object) -> None:
    order_id = database.add_order(
        service=service, state=columns.pop("state", "completed"), charge=charge, panel_order_id=str(at) + service
    )
    add_submission(database, order_id, "accepted", expected_charge=columns.pop("expected", charge), began_at=at)
    for before, after in (("submitting", "submitted"), ("submitted", "completed")):
        database.insert("order_events", order_id=order_id, at=at, kind="x", state_before=before, state_after=after)


@pytest.fixture
def two_days(database: Database) -> None:
    """Adds readings and orders of yesterday, and of the first second of today."""
    database.execute("INSERT INTO services (panel, service, name, raw) VALUES ('default', '1', 'Followers', '{}')")
    yesterday = TODAY - timedelta(days=1)
    for hour, balance in ((1, "10"), (5, "8"), (9, "20"), (23, "17.5")):
        read(database, yesterday + timedelta(hours=hour), balance)
    read(database, TODAY, "17")
    bought(database, yesterday + timedelta(hours=2), "1", "2.00")
    bought(database, yesterday + timedelta(hours=10), "1", "2.50")
    bought(database, yesterday + timedelta(hours=10), "2", "9.00", state="canceled")
    bought(database, TODAY, "2", None, expected="0.50")
    bought(database, TODAY - timedelta(days=40), "1", "99")


@pytest.mark.usefixtures("two_days")
def test_for_people(order_sync: OrderSync) -> None:
    ended = order_sync("balance", "--days", 2)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("panel default: 17 USD, read at ")
    assert "spent within 24 h" in lines[1]
    table = [line.split() for line in lines[3:]]
    yesterday = (TODAY - timedelta(days=1)).date().isoformat()
    assert table[:3] == [
        ["DAY", "ORDERS", "SPENT", "LOWEST", "CLOSING"],
        [yesterday, "3", "4.5", "8", "17.5"],
        [TODAY.date().isoformat(), "1", "0.5", "17", "17"],
    ]
    assert table[4:] == [
        ["SERVICE", "ORDERS", "SPENT", "NAME"],
        ["1", "2", "4.5", "Followers"],
        ["2", "2", "0.5"],
    ]


@pytest.mark.usefixtures("two_days")
def test_for_a_script_and_a_spreadsheet(order_sync: OrderSync) -> None:
    (panel,) = json.loads(order_sync("balance", "--json", "--days", 3).out)["panels"]
    assert (panel["panel"], panel["balance"], panel["currency"]) == ("default", "17", "USD")
    assert [day["orders"] for day in panel["days"]] == [0, 3, 1]
    assert panel["days"][0]["closing"] is None
    assert [(one["service"], one["orders"]) for one in panel["services"]] == [("1", 2), ("2", 2)]
    rows = list(csv.DictReader(io.StringIO(order_sync("balance", "--csv", "--days", 3).out)))
    assert [(row["day"], Decimal(row["spent"])) for row in rows] == [
        (day["day"], Decimal(day["spent"])) for day in panel["days"]
    ]


@pytest.mark.usefixtures("two_days")
def test_the_curve_is_for_terminals_alone(order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "█" not in order_sync("balance", "--days", 2).out
    monkeypatch.setattr(command, "can_plot", lambda _: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    drawn = order_sync("balance", "--days", 2).out
    assert "█" in drawn
    assert max(map(len, drawn.splitlines())) <= 80
    assert "█" not in order_sync("balance", "--days", 2, "--csv").out


def test_how_long_it_lasts(order_sync: OrderSync, database: Database) -> None:
    now = datetime.now(UTC)
    for hours, balance in ((20, "30"), (10, "25"), (0, "20")):
        read(database, now - timedelta(hours=hours), balance)
    assert "10 USD spent within 24 h: at that rate it lasts 40 h" in order_sync("balance").out


def test_nothing_is_known(order_sync: OrderSync) -> None:
    assert "No worker has read a balance yet: start `order-sync run`" in order_sync("balance").out
    assert "No worker has read a balance of panel x yet" in order_sync("balance", "--panel", "x").out
    assert json.loads(order_sync("balance", "--json").out) == {"panels": []}
