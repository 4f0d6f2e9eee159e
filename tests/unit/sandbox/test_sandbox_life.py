"""Tests the lives of orders as time passes."""

from decimal import Decimal
from itertools import pairwise

import pytest

LINK = "https://example.com/me"
HOUR = 3600
LONG_ENOUGH = 3 * HOUR  # the slowest order starts within 4 minutes and lasts an hour


def test_an_order_starts_progresses_and_completes(make_panel, ask):
    panel = make_panel(partial=0, canceled=0)
    order = str(ask(panel, "add", service=1, link=LINK, quantity=1000)["order"])

    at_first = ask(panel, "status", order=order)
    assert at_first == {
        "charge": "0.90000",
        "start_count": "0",
        "status": "Pending",
        "remains": "1000",
        "currency": "USD",
    }
    seen = []
    for _ in range(LONG_ENOUGH // 20):
        panel.clock.advance(20)
        seen.append(ask(panel, "status", order=order))

    words = [status["status"] for status in seen]
    assert list(dict.fromkeys(["Pending", *words])) == ["Pending", "In progress", "Completed"]
    remains = [int(status["remains"]) for status in seen]
    assert remains == sorted(remains, reverse=True)
    assert len(set(remains)) > 3
    assert seen[-1]["remains"] == "0"
    assert len({status["start_count"] for status in seen if status["status"] != "Pending"}) == 1


def test_orders_live_as_fast_as_they_are_told(make_panel, ask):
    panel = make_panel(starts_after=1, lasts=2)
    orders = ",".join(str(ask(panel, "add", service=2, link=LINK, quantity=100)["order"]) for _ in range(100))
    words = []
    for _ in range(2):
        panel.clock.advance(9)
        words.append({status["status"] for status in ask(panel, "status", orders=orders).values()})

    assert "In progress" in words[0]
    assert words[1] <= {"Completed", "Partial", "Canceled"}


def test_endings_come_in_the_shares_that_were_asked_for(make_panel, ask):
    panel = make_panel(partial=0.2, canceled=0.1)
    orders = [ask(panel, "add", service=2, link=LINK, quantity=100)["order"] for _ in range(1000)]
    panel.clock.advance(LONG_ENOUGH)

    statuses = [ask(panel, "status", order=order) for order in orders]

    words = [status["status"] for status in statuses]
    assert 150 < words.count("Partial") < 250
    assert 60 < words.count("Canceled") < 140
    assert words.count("Completed") == 1000 - words.count("Partial") - words.count("Canceled")
    for status in statuses:
        delivered = 100 - int(status["remains"])
        assert Decimal(status["charge"]) == (Decimal("0.00475") * delivered / 100).quantize(
            Decimal("0.00001"), "ROUND_HALF_UP"
        )
        assert (delivered == 100) == (status["status"] == "Completed")
        assert (delivered == 0) == (status["status"] == "Canceled")


def test_completed_orders_change_later_where_that_is_asked_for(make_panel, ask):
    panel = make_panel(partial=0, canceled=0, late_changes=0.5)
    orders = [ask(panel, "add", service=2, link=LINK, quantity=100)["order"] for _ in range(200)]

    panel.clock.advance(48 * HOUR + LONG_ENOUGH)

    words = [ask(panel, "status", order=order)["status"] for order in orders]
    assert {"Completed", "Partial", "Canceled"} == set(words)
    assert 70 < words.count("Completed") < 130


def test_a_late_change_is_late(make_panel, ask):
    panel = make_panel(partial=0, canceled=0, late_changes=1)
    order = ask(panel, "add", service=2, link=LINK, quantity=100)["order"]
    life = panel.book.orders[order].life

    panel.clock.advance(life.starts_after + life.lasts)
    assert ask(panel, "status", order=order)["status"] == "Completed"

    assert life.late is not None
    assert life.late[0] >= HOUR
    panel.clock.advance(life.late[0])
    assert ask(panel, "status", order=order)["status"] == life.late[1]


def test_an_order_canceled_halfway_gives_the_rest_of_the_money_back(make_panel, ask):
    panel = make_panel(partial=0, canceled=0)
    orders = [ask(panel, "add", service=1, link=LINK, quantity=1000)["order"] for _ in range(20)]
    order = max(orders, key=lambda number: panel.book.orders[number].life.lasts)
    life = panel.book.orders[order].life
    assert life.lasts > 1200  # a cancel takes 4 minutes at most
    panel.clock.advance(life.starts_after + life.lasts / 2)
    before = Decimal(ask(panel, "balance")["balance"])

    assert ask(panel, "cancel", orders=order) == [{"order": order, "cancel": 1}]
    assert ask(panel, "status", order=order)["status"] == "In progress"
    assert ask(panel, "cancel", orders=order) == [{"order": order, "cancel": 1}]
    panel.clock.advance(240)

    status = ask(panel, "status", order=order)
    assert status["status"] == "Partial"
    assert 0 < int(status["remains"]) <= 500
    assert Decimal(ask(panel, "balance")["balance"]) - before == Decimal("0.9") - Decimal(status["charge"])
    assert Decimal(status["charge"]) == Decimal("0.0009") * (1000 - int(status["remains"]))


def test_an_order_canceled_before_it_delivered_anything_costs_nothing(make_panel, ask):
    panel = make_panel(partial=0, canceled=0)
    orders = [ask(panel, "add", service=1, link=LINK, quantity=1000)["order"] for _ in range(50)]

    ask(panel, "cancel", orders=",".join(map(str, orders)))
    panel.clock.advance(LONG_ENOUGH)

    statuses = [ask(panel, "status", order=order) for order in orders]
    canceled = [status for status in statuses if status["status"] == "Canceled"]
    assert canceled
    assert {(status["charge"], status["remains"]) for status in canceled} == {("0.00000", "1000")}
    paid = Decimal(1000) - Decimal(ask(panel, "balance")["balance"])
    assert paid == sum(Decimal(status["charge"]) for status in statuses)


def test_cancel_is_refused_where_it_is_not_offered_or_comes_too_late(make_panel, ask):
    panel = make_panel(partial=0, canceled=0)
    fixed = ask(panel, "add", service=2, link=LINK, quantity=100)["order"]
    done = ask(panel, "add", service=1, link=LINK, quantity=100)["order"]
    panel.clock.advance(LONG_ENOUGH)
    too_late = ask(panel, "cancel", orders=done)
    another = ask(panel, "cancel", orders=f"{fixed},1")

    assert too_late == [{"order": done, "cancel": {"error": "Cancel is not available for this order"}}]
    assert another[0]["cancel"] == {"error": "Cancel is not available for this order"}
    assert another[1] == {"order": 1, "cancel": {"error": "Incorrect order ID"}}


def test_a_drip_feed_spawns_its_runs_and_answers_in_its_own_shape(make_panel, ask):
    panel = make_panel(partial=0, canceled=0)
    parent = ask(panel, "add", service=1, link=LINK, quantity=100, runs=3, interval=60)["order"]
    assert ask(panel, "balance")["balance"] == "999.73000"

    first = ask(panel, "status", order=parent)
    assert (first["status"], first["runs"], len(first["orders"])) == ("In progress", "3", 1)
    assert first.keys() == {"status", "runs", "orders"}
    panel.clock.advance(59 * 60)
    assert len(ask(panel, "status", order=parent)["orders"]) == 1
    panel.clock.advance(60)
    assert len(ask(panel, "status", order=parent)["orders"]) == 2
    panel.clock.advance(HOUR + LONG_ENOUGH)

    last = ask(panel, "status", order=parent)
    assert (last["status"], len(last["orders"])) == ("Completed", 3)
    runs = ask(panel, "status", orders=",".join(last["orders"]))
    assert [run["charge"] for run in runs.values()] == ["0.09000"] * 3
    assert ask(panel, "balance")["balance"] == "999.73000"


@pytest.mark.parametrize(
    ("rate", "shares"),
    [("0.00025", ["0.00003", "0.00003", "0.00002"]), ("0.000233", ["0.00002", "0.00002", "0.00003"])],
)
def test_the_last_run_takes_what_rounding_left(make_panel, ask, rate, shares):
    panel = make_panel(partial=0, canceled=0)
    panel.catalogue.change("2", rate=Decimal(rate))
    parent = ask(panel, "add", service=2, link=LINK, quantity=100, runs=3, interval=1)["order"]
    assert panel.book.orders[parent].charge == sum(map(Decimal, shares))
    panel.clock.advance(LONG_ENOUGH)

    spawned = ask(panel, "status", order=parent)["orders"]

    charges = [ask(panel, "status", order=order)["charge"] for order in spawned]
    assert charges == shares
    assert panel.book.orders[parent].charge == 0


def test_a_canceled_drip_feed_gives_back_the_runs_that_were_not_begun(make_panel, ask):
    panel = make_panel(partial=0, canceled=0)
    parent = ask(panel, "add", service=1, link=LINK, quantity=100, runs=5, interval=600)["order"]
    ask(panel, "cancel", orders=parent)
    panel.clock.advance(50 * HOUR)

    status = ask(panel, "status", order=parent)

    assert (status["status"], len(status["orders"])) == ("Canceled", 1)
    assert ask(panel, "balance")["balance"] == "999.91000"


def test_a_subscription_pays_for_each_post_by_itself(make_panel, ask):
    panel = make_panel(partial=0, canceled=0)
    parent = ask(panel, "add", service=20, username="ann", min=100, max=200, posts=3, old_posts=2)["order"]
    assert ask(panel, "status", order=parent) == {
        "status": "Active",
        "posts": "2",
        "expiry": None,
        "orders": [str(parent + 1), str(parent + 2)],
    }
    panel.clock.advance(24 * HOUR)

    status = ask(panel, "status", order=parent)

    assert (status["status"], status["posts"]) == ("Completed", "5")
    spawned = [ask(panel, "status", order=order) for order in status["orders"]]
    paid = Decimal(1000) - Decimal(ask(panel, "balance")["balance"])
    assert paid == sum(Decimal(order["charge"]) for order in spawned)
    assert Decimal("0.055") * 5 <= paid <= Decimal("0.11") * 5


def test_a_subscription_that_cannot_be_paid_is_paused_and_goes_on_once_it_can(make_panel, ask):
    panel = make_panel(balance=Decimal("0.01"), partial=0, canceled=0)
    parent = ask(panel, "add", service=20, username="ann", min=100, max=200, posts=1, old_posts=1)["order"]
    assert ask(panel, "status", order=parent)["status"] == "Paused"

    panel.account.top_up(Decimal(5))
    panel.clock.advance(HOUR)
    assert ask(panel, "status", order=parent)["status"] == "Active"
    panel.clock.advance(24 * HOUR)
    assert ask(panel, "status", order=parent)["status"] == "Completed"


def test_a_subscription_expires_on_its_last_day(make_panel, ask):
    panel = make_panel(partial=0, canceled=0)
    fields = {"username": "ann", "min": 10, "max": 20, "posts": 500, "expiry": "02/01/2026"}
    parent = ask(panel, "add", service=20, **fields)["order"]

    panel.clock.advance(47 * HOUR)
    assert ask(panel, "status", order=parent)["status"] == "Active"
    panel.clock.advance(10 * HOUR)

    status = ask(panel, "status", order=parent)
    assert (status["status"], status["expiry"]) == ("Expired", "02/01/2026")
    assert 0 < int(status["posts"]) < 500


def test_a_refill_is_taken_for_closed_orders_and_runs_its_course(make_panel, ask):
    panel = make_panel(partial=0, canceled=0, refills_rejected=0)
    order = ask(panel, "add", service=1, link=LINK, quantity=100)["order"]
    assert ask(panel, "refill", order=order) == {"error": "Refill is not available for this order"}
    panel.clock.advance(LONG_ENOUGH)

    assert ask(panel, "refill", order=order) == {"refill": "1"}
    assert ask(panel, "refill", order=order) == {"refill": "1"}
    words = []
    for _ in range(LONG_ENOUGH // 20):
        words.append(ask(panel, "refill_status", refill=1)["status"])
        panel.clock.advance(20)

    assert list(dict.fromkeys(words)) == ["Pending", "In progress", "Completed"]
    assert ask(panel, "refill", order=order) == {"refill": "2"}


@pytest.mark.parametrize("service", [2, 20])
def test_a_refill_is_refused_where_it_is_not_offered(make_panel, ask, service):
    panel = make_panel(partial=0, canceled=0)
    fields = {2: {"link": LINK, "quantity": 100}, 20: {"username": "ann", "min": 10, "max": 20}}[service]
    order = ask(panel, "add", service=service, **fields)["order"]
    panel.clock.advance(48 * HOUR)

    assert ask(panel, "refill", order=order) == {"error": "Refill is not available for this order"}


def test_some_refills_are_rejected(make_panel, ask):
    panel = make_panel(partial=0, canceled=0, refills_rejected=0.5)
    orders = [ask(panel, "add", service=1, link=LINK, quantity=50)["order"] for _ in range(100)]
    panel.clock.advance(LONG_ENOUGH)
    refills = [ask(panel, "refill", order=order)["refill"] for order in orders]
    panel.clock.advance(LONG_ENOUGH)

    words = [ask(panel, "refill_status", refill=refill)["status"] for refill in refills]

    assert 30 < words.count("Rejected") < 70
    assert words.count("Completed") == 100 - words.count("Rejected")


def test_a_busy_link_is_refused_until_its_order_is_closed(make_panel, ask):
    panel = make_panel(refuse_busy_links=True)
    assert "order" in ask(panel, "add", service=1, link=LINK, quantity=100)

    assert ask(panel, "add", service=1, link=LINK, quantity=100) == {"error": "neworder.error.link_duplicate"}
    assert "order" in ask(panel, "add", service=1, link=f"{LINK}2", quantity=100)
    assert "order" in ask(panel, "add", service=2, link=LINK, quantity=100)
    panel.clock.advance(LONG_ENOUGH)
    assert "order" in ask(panel, "add", service=1, link=LINK, quantity=100)


def test_strangers_take_ids_between_ours(make_panel, ask):
    panel = make_panel(foreign=4)
    ids = [ask(panel, "add", service=2, link=LINK, quantity=10)["order"] for _ in range(1000)]

    gaps = [later - earlier - 1 for earlier, later in pairwise(ids)]

    assert 3.2 < sum(gaps) / len(gaps) < 4.8
    assert min(gaps) == 0
    stranger = next(number for number in range(ids[0], ids[-1]) if number not in set(ids))
    assert ask(panel, "status", order=stranger) == {"error": "Incorrect order ID"}


def test_a_hand_set_order_stays_as_it_was_put(make_panel, ask):
    panel = make_panel()
    order = ask(panel, "add", service=1, link=LINK, quantity=1000)["order"]
    panel.book.amend(panel.book.orders[order], status="Partial", remains=250, start_count=7)
    panel.clock.advance(48 * HOUR)

    assert ask(panel, "status", order=order) == {
        "charge": "0.67500",
        "start_count": "7",
        "status": "Partial",
        "remains": "250",
        "currency": "USD",
    }
    assert ask(panel, "balance")["balance"] == "999.32500"
    panel.book.amend(panel.book.orders[order], status="Completed")
    assert ask(panel, "balance")["balance"] == "999.10000"
    panel.book.amend(panel.book.orders[order], status="Refunded")
    assert ask(panel, "balance")["balance"] == "1000.00000"
    panel.book.amend(panel.book.orders[order], charge=Decimal("0.5"), remains=-3)
    assert ask(panel, "status", order=order)["remains"] == "-3"
    assert ask(panel, "balance")["balance"] == "999.50000"


def test_a_hand_keeps_a_late_change_away(make_panel, ask):
    panel = make_panel(partial=0, canceled=0, late_changes=1)
    order = ask(panel, "add", service=1, link=LINK, quantity=1000)["order"]
    panel.clock.advance(LONG_ENOUGH)
    ask(panel, "balance")
    panel.book.amend(panel.book.orders[order], status="Completed")

    panel.clock.advance(72 * HOUR)

    assert ask(panel, "status", order=order)["status"] == "Completed"
