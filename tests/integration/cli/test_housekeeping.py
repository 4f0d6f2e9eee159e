"""Tests what `order-sync housekeeping` counts, moves and prints."""

import json

import pytest

from tests.integration.cli.conftest import OrderSync, add_submission
from tests.integration.store.plain_sql import Database
from worker.store.records import archive


@pytest.fixture(autouse=True)
def closed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds orders 1 to 3, closed a hundred days ago. The last stays, as the known order for evidence."""
    monkeypatch.setattr(archive, "NEIGHBOURS", 1)
    monkeypatch.setattr(archive, "SLICE", 2)
    for n in range(1, 4):
        order_id = database.add_order(state="completed", panel_order_id=n)
        add_submission(database, order_id, "accepted", panel_order_id=n)
        database.insert("order_events", order_id=order_id, kind="status", state_after="completed")
    database.execute("UPDATE orders SET finished_at = now() - interval '100 days'")
    database.execute("UPDATE order_events SET at = now() - interval '100 days' + id * interval '1 minute'")
    database.execute(
        "UPDATE submissions SET began_at = now() - interval '100 days' + id * interval '1 minute', "
        "ended_at = now() - interval '100 days' + id * interval '1 minute'"
    )


def told(order_sync: OrderSync, *arguments: str) -> dict[str, object]:
    ended = order_sync("housekeeping", "--json", *arguments)
    assert (ended.code, ended.err) == (0, "")
    said: dict[str, object] = json.loads(ended.out)
    return said


def test_counted_then_moved(order_sync: OrderSync, database: Database) -> None:
    counts = {"orders": 2, "events": 2, "submissions": 2, "workers": 0, "examinations": 0}
    about = {"retention_days": 90}
    assert told(order_sync, "--dry-run") == {"dry_run": True, **about, **counts}
    assert database.scalar("SELECT count(*) FROM order_events_archive") == 0
    assert told(order_sync) == {"dry_run": False, **about, **counts}
    assert database.all("SELECT order_id FROM order_events_archive ORDER BY id") == [(1,), (2,)]
    assert told(order_sync) == {"dry_run": False, **about, **dict.fromkeys(counts, 0)}


def test_for_people(order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = order_sync("housekeeping", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "would be moved to the archive: 2 events and 2 submissions of 2 orders that closed more than 90 days ago\n"
        "would be deleted: 0 workers that ended long ago, 0 examinations\n"
        "nothing was changed; to do it: order-sync housekeeping\n"
    )
    assert order_sync("housekeeping").out.startswith("moved to the archive: 2 events")
    monkeypatch.setenv("ORDER_SYNC_RETENTION__DAYS", "0")
    assert order_sync("housekeeping").out.startswith("ORDER_SYNC_RETENTION__DAYS is 0: all history stays where it is\n")


def test_what_was_moved_is_shown(order_sync: OrderSync) -> None:
    before = json.loads(order_sync("orders", "show", "1", "--json").out)
    assert told(order_sync)["orders"] == 2
    assert json.loads(order_sync("orders", "show", "1", "--json").out) == before
    assert len(before["events"]) == len(before["submissions"]) == 1


@pytest.mark.parametrize("days", ["-1", "90.5", "soon", "36526"])
def test_a_wrong_retention(order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    monkeypatch.setenv("ORDER_SYNC_RETENTION__DAYS", days)
    ended = order_sync("housekeeping")
    assert (ended.code, ended.out) == (2, "")
    assert "ORDER_SYNC_RETENTION__DAYS: must be a whole number of days, like 90, or 0 to keep all" in ended.err
