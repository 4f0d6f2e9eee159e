"""Tests orders that no row has, orders that are hidden, and panels that know less."""

from decimal import Decimal

import pytest

from worker.sandbox.panel import ledger

ORDER = {"service": 1, "link": "https://example.com/me", "quantity": 1000}
ERROR = {"error": "Incorrect order ID"}
REFUSED = {"error": "Incorrect request"}


def origins(it):
    return [(entry["id"], entry["origin"]) for entry in ledger.orders(it.panel)]


def test_an_add_buys_twice(quirky):
    it = quirky("bought_twice")

    assert it.ask("add", **ORDER) == {"order": 23501}
    assert origins(it) == [("23501", "add"), ("23502", "twice")]
    assert ledger.balance(it.panel)["charges"] == "1.80000"
    assert it.ask("status", order=23502)["status"] == "Pending"


def test_an_add_buys_once_where_the_money_is_for_one(quirky):
    it = quirky("bought_twice", balance=Decimal(1))
    assert it.ask("add", **ORDER) == {"order": 23501}
    assert origins(it) == [("23501", "add")]


def test_some_orders_are_placed_by_hand(quirky):
    it = quirky("orders_by_hand=0.5")
    for _ in range(100):
        it.ask("add", **ORDER)

    by_hand = [entry for entry in ledger.orders(it.panel) if entry["origin"] == "hand"]
    assert 30 < len(by_hand) < 70
    assert {entry["link"] for entry in by_hand} == {"https://example.com/me#by-hand"}
    assert len({entry["quantity"] for entry in by_hand}) > 10
    assert all(50 <= entry["quantity"] <= 2000 for entry in by_hand)


def test_a_child_order_is_told_apart(quirky):
    it = quirky("bought_twice=0")
    it.ask("add", **ORDER, runs=1, interval=1)
    it.ask("balance")
    assert origins(it) == [("23501", "add"), ("23502", "parent")]


def test_an_order_is_hidden_for_its_time(quirky):
    it = quirky("unknown_at_first=60")
    it.ask("add", **ORDER)
    it.panel.clock.advance(59)
    assert it.ask("status", order=23501) == ERROR
    assert it.ask("status", orders="23501,7") == {"23501": ERROR, "7": ERROR}
    it.panel.clock.advance(1)
    assert "status" in it.ask("status", order=23501)


def test_each_order_is_hidden_for_a_time_of_its_own(quirky):
    it = quirky("unknown_at_first=0-60")
    orders = ",".join(str(it.ask("add", **ORDER)["order"]) for _ in range(90))
    seen = []
    for _ in range(3):
        it.panel.clock.advance(20)
        seen.append(sum("status" in item for item in it.ask("status", orders=orders).values()))

    assert 15 < seen[0] < 45 < seen[1] < 75
    assert seen[2] == 90


def test_a_parent_lists_its_children_late(quirky):
    it = quirky("children_listed_late=20")
    it.ask("add", **ORDER, runs=2, interval=1)
    listed = []
    for _ in range(5):
        listed.append(it.ask("status", order=23501)["orders"])
        it.panel.clock.advance(19.5)

    assert listed == [[], [], ["23502"], ["23502"], ["23502"]]
    assert "status" in it.ask("status", order=23503)


def test_a_stranger_is_answered_up_to_the_last_id(quirky):
    it = quirky("strangers_answered", others=1)
    own = it.ask("add", **ORDER)["order"]
    it.panel.clock.advance(100)
    last = it.panel.book.numbering.given_out()

    told = it.ask("status", orders=f"{own},{own + 1},{last},{last + 1},23500,x")

    assert [number for number, item in told.items() if item == ERROR] == [str(last + 1), "23500", "x"]
    assert told[str(own)]["charge"] == "0.90000"
    assert it.ask("status", order=own + 1) == told[str(own + 1)]


@pytest.mark.parametrize(
    ("quirk", "action", "one", "many"),
    [
        ("single_status", "status", "order", "orders"),
        ("single_refill", "refill", "order", "orders"),
        ("single_refill_status", "refill_status", "refill", "refills"),
        ("single_cancel", "cancel", "order", "orders"),
    ],
)
def test_a_panel_knows_one_id_alone(quirky, quirk, action, one, many):
    it = quirky(quirk)
    it.ask("add", **ORDER)
    it.ask("add", **ORDER)
    it.panel.book.amend(it.panel.book.orders[23501], status="Completed")
    it.ask("refill", order=23501)
    number = "1" if one == "refill" else "23501" if action == "refill" else "23502"

    assert it.ask(action, **{many: number}) == REFUSED
    assert (
        it.ask(action, **{one: number}).keys()
        == {
            "status": {"charge", "start_count", "status", "remains", "currency"},
            "refill": {"refill"},
            "refill_status": {"status"},
            "cancel": {"cancel"},
        }[action]
    )
    it.quirks.clear()
    assert it.ask(action, **{many: number}) != REFUSED


def test_one_id_alone_is_no_violation_where_the_panel_wants_it(quirky):
    it = quirky("single_cancel")
    form = {"key": "sandbox-key", "action": "cancel"}
    assert it.panel.validator.read(form | {"order": "7"}).violations == []
    assert it.panel.validator.read(form | {"orders": "7"}).violations == []
    it.quirks.clear()
    assert it.panel.validator.read(form | {"order": "7"}).violations != []


def test_some_ids_are_never_told(quirky):
    it = quirky("batch_silent_ids=0.3")
    asked = ",".join(map(str, range(1, 101)))
    told = it.ask("status", orders=asked)

    assert 55 < len(told) < 85
    assert it.ask("status", orders=asked) == told


def test_a_panel_takes_smaller_batches(quirky):
    it = quirky("batch_limit=3")
    assert it.ask("status", orders="1,2,3").keys() == {"1", "2", "3"}
    assert it.ask("status", orders="1,2,3,4") == REFUSED
    it.quirks.on("batch_first_hundred")
    assert it.ask("status", orders="1,2,3,4").keys() == {"1", "2", "3"}
    it.quirks.clear()
    assert len(it.ask("status", orders=",".join(map(str, range(1, 101))))) == 100
