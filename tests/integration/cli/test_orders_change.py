"""Tests `order-sync orders cancel` and `refill`, and changes of many orders, with the events that they leave."""

import pytest

from tests.integration.cli.conftest import OrderSync, add_submission
from tests.integration.cli.terminal import on_a_terminal
from tests.integration.store.plain_sql import Database
from worker.cli.orders import bulk
from worker.domain.orders.states import OrderState

#: The states in which each may be requested, and the message in other states.
ASKED = {
    "cancel": ({"pending", "submitting", "unconfirmed", "submitted"}, "there is nothing left to cancel"),
    "refill": ({"submitted", "completed", "partial", "canceled"}, "there is nothing to refill"),
}


@pytest.mark.parametrize("command", ASKED)
@pytest.mark.parametrize("state", OrderState)
def test_what_is_asked_for_by_hand(order_sync: OrderSync, database: Database, state: str, command: str) -> None:
    states, why_not = ASKED[command]
    on_panel = state not in {"pending", "submitting", "unconfirmed", "rejected"}
    order_id = database.add_order(state=str(state), panel_order_id="5" if on_panel else None)
    before = database.order(order_id)
    ended = order_sync("orders", command, order_id, "--why", "asked by phone", "--who", "bob")
    assert database.order(order_id) == before
    requests = database.all(f"SELECT id, order_id, state FROM {command}s")  # noqa: S608 - a table of ours
    if state in states:
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.startswith(f"order {order_id} is to be {command}")
        assert [(row.order_id, row.state) for row in requests] == [(order_id, "pending")]
        (event,) = database.events(order_id)
        assert (event.kind, event.state_before, event.state_after) == (f"{command}_asked", state, state)
        assert event.detail == {"who": "bob", "why": "asked by phone", f"{command}_id": requests[0].id}
        again = order_sync("orders", command, order_id)
        assert (again.code, again.out) == (1, "")
        assert again.err == f"order-sync: order {order_id} has a {command} that is under way already\n"
    else:
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith(f"order-sync: order {order_id} is {state}")
        assert why_not in ended.err
        assert (requests, database.events(order_id)) == ([], [])


def test_an_order_whose_last_refill_has_ended_may_have_another(order_sync: OrderSync, database: Database) -> None:
    order_id = database.add_order(state="completed", panel_order_id="5")
    database.insert("refills", order_id=order_id, state="rejected")
    assert order_sync("orders", "refill", order_id).code == 0
    database.execute("UPDATE refills SET state = 'submitted'")
    assert order_sync("orders", "refill", order_id).code == 1


@pytest.fixture
def rejected(database: Database) -> list[int]:
    """Adds seven rejected orders: five for their link, of which the panel may have taken one; two for other reasons."""
    ids = [database.add_order(state="rejected", error_code="link_refused") for _ in range(5)]
    add_submission(database, ids[0], "unknown")
    database.add_order(state="rejected", error_code="refused")
    database.add_order(state="completed", error_code="link_refused", panel_order_id="1")
    return ids


def states(database: Database) -> list[str]:
    return [row.state for row in database.all("SELECT state FROM orders ORDER BY id")]


def test_a_dry_run_counts(order_sync: OrderSync, database: Database, rejected: list[int]) -> None:
    before = states(database)
    ended = order_sync("orders", "retry", "--error-code", "link_refused", "--since", "1h", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    head, row, _, last = ended.out.splitlines()
    assert head.split() == ["ORDERS", "PANEL", "STATE", "ERROR"]
    assert row.split() == ["5", "default", "rejected", "link_refused"]
    assert last == "Nothing was changed. Without --dry-run, it asks and changes them."
    assert states(database) == before


def test_all_that_are_found_are_changed(
    order_sync: OrderSync, database: Database, rejected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_BATCH", 2)
    monkeypatch.setattr(bulk, "_PAGE", 3)
    ended = order_sync("orders", "retry", "--error-code", "link_refused", "--yes", "--why", "mended")
    assert ended.code == 1
    assert "4 orders changed: each is pending again" in ended.out
    assert "1 order not changed: each was rejected by hand, and the panel may have taken it" in ended.out
    assert states(database) == ["rejected", *["pending"] * 4, "rejected", "completed"]
    assert [database.events(order_id)[0].detail for order_id in rejected[1:]] == [{"who": "ann", "why": "mended"}] * 4


def test_none_are_found(order_sync: OrderSync) -> None:
    ended = order_sync("orders", "cancel", "--panel", "nowhere", "--yes")
    assert (ended.code, ended.out) == (0, "No such orders.\nNothing was changed.\n")


@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, 0), (b"n\n", 1, 2), (b"\x04", 130, 2)])
async def test_a_person_is_asked(database: Database, answer: bytes, code: int, left: int) -> None:
    for _ in range(2):
        database.add_order(state="rejected")
    command = ["orders", "retry", "--state", "rejected"]
    ended = await on_a_terminal(command, {"DATABASE_URL": database.url}, (b"Put 2 orders back? [y/N]", answer))
    assert ended.code == code
    assert states(database).count("rejected") == left
    assert "Traceback" not in ended.said
    assert ("100%" in ended.said) is (code == 0)


async def test_an_interrupt_leaves_whole_batches(database: Database) -> None:
    """Keeps the first two batches, and says so, while the third waits for another session's lock."""
    database.execute("INSERT INTO orders (service, state) SELECT 1, 'rejected' FROM generate_series(1, 1100)")
    with Database(database.url).connection as other, other.transaction():
        other.execute("SELECT FROM orders WHERE id = 1 FOR UPDATE")  # the last: the newest come first
        command = ["orders", "retry", "--state", "rejected", "--yes"]
        ended = await on_a_terminal(command, {"DATABASE_URL": database.url}, (b"90%", b"\x03"))
    assert ended.code == 130
    assert "1,000 orders changed: each is pending again" in ended.said
    assert "100 orders not reached: the same command goes on with them" in ended.said
    assert states(database).count("pending") == 1000


def test_without_a_terminal_to_ask_on(
    order_sync: OrderSync, database: Database, rejected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    ended = order_sync("orders", "retry", "--state", "rejected")
    assert (ended.code, ended.out) == (2, "")
    assert "--yes" in ended.err
    assert "pending" not in states(database)


@pytest.mark.parametrize(
    "arguments",
    [[], ["1", "--state", "rejected"], ["1", "--dry-run"], ["--state", "completed", "--yes"], ["x"], ["--yes"]],
)
def test_wrong_usage(order_sync: OrderSync, arguments: list[str]) -> None:
    ended = order_sync("orders", "retry", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Try 'order-sync orders retry --help'" in ended.err
