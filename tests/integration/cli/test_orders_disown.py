"""Says with `order-sync orders disown` which panel orders are somebody else's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.cli.conftest import OrderSync, add_submission, add_unconfirmed
from tests.integration.store.plain_sql import Database
from worker.domain.evidence.questions import Premises
from worker.domain.evidence.verdicts import Linked
from worker.store.db.engine import make_engine
from worker.store.evidence.disowning import Disowning
from worker.store.evidence.reading import Reading
from worker.store.evidence.settling import Settling

#: When order 1 was sent, whose id the panel told; the lost one was sent a minute later.
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def lost(database: Database) -> int:
    """An order that was lost between the known panel orders 23500 and 23600."""
    for panel_order_id, began in (("23500", BEGAN - timedelta(minutes=1)), ("23600", BEGAN + timedelta(hours=1))):
        known = database.add_submitted(panel_order_id)
        add_submission(
            database, known, "accepted", panel_order_id=panel_order_id, began_at=began, ended_at=began, units=100
        )
    order_id = add_unconfirmed(database)
    database.execute("UPDATE submissions SET units = 100")
    return order_id


def see(
    database: Database, number: int, seen_at: datetime = BEGAN + timedelta(minutes=2), charge: str = "0.09"
) -> None:
    database.execute(
        "INSERT INTO sightings (panel, number, seen_at, charge, uncut_charge, most_remains) "
        "VALUES ('default', %s, %s, %s, %s, 100)",
        [number, BEGAN + timedelta(hours=2), charge, charge],
    )


def share(database: Database) -> None:
    database.execute("INSERT INTO guards (panel, shared_since) VALUES ('default', '2026-11-01 12:02Z')")


def explained(database: Database) -> dict[int, str]:
    return dict(database.all("SELECT number, explained FROM sightings WHERE explained IS NOT NULL"))


def is_shared(database: Database) -> Any:
    return database.scalar("SELECT shared_since IS NOT NULL FROM guards")


@pytest.mark.usefixtures("lost")
def test_without_ids_it_is_all_that_is_nobodys(order_sync: OrderSync, database: Database, lost: int) -> None:
    share(database)
    see(database, 23_550)  # may be the lost order's
    see(database, 23_700, charge="1.8")
    ended = order_sync("orders", "disown", "--why", "ordered by hand", "--yes")
    assert (ended.code, ended.err) == (0, "")
    first, head, row, *_ = ended.out.splitlines()
    assert first == "panel default: somebody else orders on this account, known since 2026-11-01 12:02:00"
    assert head.split() == ["PANEL", "ID", "CHARGE", "STATUS", "SEEN", "AGO", "MAY", "BE"]
    assert (row.split()[:2], row.rpartition("  ")[2]) == (["23700", "1.8"], "nobody's")
    assert ended.out.endswith("1 panel order disowned: evidence settles orders on this panel again\n")
    assert explained(database) == {23_700: "disowned"}
    assert not is_shared(database)
    (event,) = database.events(lost)
    assert (event.kind, event.state_before, event.state_after) == ("disowned", "unconfirmed", "unconfirmed")
    assert event.detail == {"who": "ann", "why": "ordered by hand", "panel_order_ids": ["23700"]}


def test_an_id_that_may_be_an_orders_is_disowned_only_by_name_and_with_a_warning(
    order_sync: OrderSync, database: Database, lost: int
) -> None:
    see(database, 23_550)
    ended = order_sync("orders", "disown", "--why", "x", "--yes")
    assert (ended.code, ended.out) == (0, "panel default: the worker knows no panel order that is nobody's\n")
    assert explained(database) == {}
    ended = order_sync("orders", "disown", "23550", "--why", "x", "--who", "Bob", "--yes")
    assert ended.code == 0
    assert f"Panel order 23550 may be order {lost}. If it is, the worker may send that order again" in ended.out
    assert explained(database) == {23_550: "disowned"}
    assert database.events(lost)[0].detail["who"] == "Bob"


def test_a_guard_ends_although_nothing_is_left_to_disown(order_sync: OrderSync, database: Database) -> None:
    share(database)
    ended = order_sync("orders", "disown", "--why", "their orders have been linked by hand", "--yes")
    assert ended.code == 0
    assert ended.out.endswith("0 panel orders disowned: evidence settles orders on this panel again\n")
    assert not is_shared(database)


def test_a_dry_run_lists_all_and_changes_nothing(order_sync: OrderSync, database: Database, lost: int) -> None:
    share(database)
    see(database, 23_550)
    see(database, 23_700)
    ended = order_sync("orders", "disown", "--dry-run")
    rows = {row.split()[0]: row.rpartition("  ")[2] for row in ended.out.splitlines()[2:]}
    assert rows == {"23550": f"order {lost}", "23700": "nobody's"}
    assert explained(database) == {}
    assert is_shared(database)


def test_for_a_script(order_sync: OrderSync, database: Database, lost: int) -> None:
    share(database)
    see(database, 23_550)
    see(database, 23_700)
    shown = json.loads(order_sync("orders", "disown", "--dry-run", "--json").out)
    told = {"charge": "0.09", "status": None, "seen_at": "2026-11-01T14:00:00+00:00"}
    assert shown == {
        "panel": "default",
        "shared_since": "2026-11-01T12:02:00+00:00",
        "panel_orders": [
            {"id": "23550", **told, "may_be": [lost], "nobodys": False},
            {"id": "23700", **told, "may_be": [], "nobodys": True},
        ],
        "disowned": [],
    }
    shown = json.loads(order_sync("orders", "disown", "--why", "x", "--yes", "--json").out)
    assert shown["disowned"] == ["23700"]


async def test_an_id_that_is_disowned_while_it_is_weighed_links_nobody(database: Database, lost: int) -> None:
    see(database, 23_550)
    engine = make_engine(database.url, pool_size=1)
    try:
        (question,) = (await Reading(engine, "default", Premises(300, 300)).snapshot()).questions
        await Disowning(engine, "default", Premises(300, 300)).disown([23_550], who="ann", why="by hand")
        verdicts = [(question, Linked("23550"))]
        assert await Settling(engine, first_poll=30).settle(verdicts, {}, suggest_only=False) == []
        assert database.order(lost).state == "unconfirmed"
        database.execute("UPDATE sightings SET explained = NULL")
        assert len(await Settling(engine, first_poll=30).settle(verdicts, {}, suggest_only=False)) == 1
        assert database.order(lost).panel_order_id == "23550"
    finally:
        await engine.dispose()


def test_ids_that_are_not_without_an_owner(order_sync: OrderSync, database: Database) -> None:
    database.add_submitted("23550")
    see(database, 23_550)
    see(database, 23_551)
    database.execute("UPDATE sightings SET explained = 'spawned' WHERE number = 23551")
    ended = order_sync("orders", "disown", "23550", "23551", "23552", "--why", "x", "--yes")
    assert (ended.code, ended.out) == (1, "")
    assert "hasn't shown the worker 23550, 23551 or 23552 as a panel order without an owner" in ended.err


def test_another_panels_are_left_alone(order_sync: OrderSync, database: Database) -> None:
    share(database)
    see(database, 23_700)
    ended = order_sync("orders", "disown", "--panel", "other", "--why", "x", "--yes")
    assert (ended.code, ended.out) == (0, "panel other: the worker knows no panel order that is nobody's\n")
    assert (explained(database), is_shared(database)) == ({}, True)


@pytest.mark.parametrize("arguments", [[], ["--yes"], ["--why", " ", "--yes"], ["0", "--why", "x", "--yes"]])
def test_wrong_usage(order_sync: OrderSync, database: Database, arguments: list[str]) -> None:
    see(database, 23_700)
    ended = order_sync("orders", "disown", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert explained(database) == {}
