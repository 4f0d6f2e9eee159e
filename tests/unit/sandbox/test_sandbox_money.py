"""Tests that money adds up, and that the same seed gives the same events."""

import random
from decimal import Decimal

import pytest

from worker.sandbox.panel import ledger

MINUTE = 60


def play(panel, ask, seed, orders):
    """Plays a busy week: orders of many kinds, cancels, refills, top-ups and changes by hand."""
    dice = random.Random(seed)
    taken = []
    for number in range(orders):
        link = f"https://example.com/{number % 50}"
        match dice.randrange(8):
            case 0:
                fields = {"service": 1, "link": link, "quantity": dice.randint(50, 900), "runs": 7, "interval": 30}
            case 1:
                fields = {"service": 20, "username": "ann", "min": 11, "max": dice.randint(11, 999), "posts": 3}
            case 2:
                fields = {"service": 5, "link": link}
            case 3:
                fields = {"service": 6, "link": link, "comments": "\n".join(["so nice"] * dice.randint(1, 30))}
            case _:
                fields = {"service": dice.choice([1, 2, 3, 4]), "link": link, "quantity": dice.randint(100, 9999)}
        reply = ask(panel, "add", **fields)
        taken += [reply["order"]] if "order" in reply else []
        panel.clock.advance(dice.choice([0, 0, 1, 7 * MINUTE]))
        if taken and number % 5 == 0:
            ask(panel, "cancel", orders=dice.choice(taken))
            ask(panel, "refill", order=dice.choice(taken))
        if taken and number % 37 == 0:
            status = dice.choice(["Partial", "Canceled", "Completed", "In progress"])
            panel.book.amend(panel.book.orders[dice.choice(taken)], status=status)
        if number % 101 == 0:
            panel.account.top_up(Decimal("3.21"))
    panel.clock.advance(7 * 24 * 60 * MINUTE)
    panel.book.settle()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_money_adds_up_to_the_last_digit(make_panel, ask, seed):
    panel = make_panel(seed=seed, foreign=2, balance=Decimal(900), partial=0.2, canceled=0.2, late_changes=0.3)
    play(panel, ask, seed, orders=1500)

    account = ledger.balance(panel)
    money = {name: Decimal(value) for name, value in account.items() if name != "currency"}
    assert money["opening"] - money["charges"] + money["refunds"] + money["top_ups"] == money["closing"]
    assert money["refunds"] > 0
    entries = ledger.orders(panel)
    assert len(entries) > 1500
    assert sum(Decimal(entry["debited"]) for entry in entries) == money["charges"]
    assert sum(Decimal(entry["refunded"]) for entry in entries) == money["refunds"]
    assert sum(Decimal(entry["charge"]) for entry in entries) == money["charges"] - money["refunds"]
    assert all(Decimal(entry["charge"]) >= 0 for entry in entries)
    assert {entry["status"] for entry in entries} >= {"Completed", "Partial", "Canceled"}


def test_the_same_seed_and_the_same_calls_make_the_same_ledger(make_panel, ask):
    def story(seed):
        panel = make_panel(seed=seed, foreign=2, late_changes=0.3)
        play(panel, ask, 5, orders=300)
        return ledger.orders(panel), ledger.refills(panel), ledger.cancels(panel), ledger.balance(panel)

    told = story(9)

    assert told == story(9)
    assert told != story(10)


def test_a_fate_does_not_hang_on_how_often_one_polls(make_panel, ask):
    def story(polls):
        panel = make_panel(late_changes=0.5, partial=0.3)
        order = ask(panel, "add", service=1, link="https://example.com", quantity=1000, runs=3, interval=45)["order"]
        for _ in range(polls):
            panel.clock.advance(72 * 3600 / polls)
            ask(panel, "status", order=order)
        return ledger.orders(panel)

    assert story(1) == story(64)


def test_what_cannot_be_paid_is_refused_and_takes_nothing(make_panel, ask):
    panel = make_panel(balance=Decimal("0.09"))
    fields = {"service": 1, "link": "https://example.com", "quantity": 101}

    assert ask(panel, "add", **fields) == {"error": "Not enough funds on balance"}
    assert ledger.orders(panel) == []
    assert ask(panel, "balance") == {"balance": "0.09000", "currency": "USD"}
    fields["quantity"] = 100
    assert "order" in ask(panel, "add", **fields)
    assert ask(panel, "balance")["balance"] == "0.00000"


def test_charges_are_rounded_half_up_to_the_fifth_decimal(make_panel, ask):
    panel = make_panel()
    panel.catalogue.change("2", rate=Decimal("0.0005"))
    order = ask(panel, "add", service=2, link="https://example.com", quantity=10)["order"]

    assert ask(panel, "status", order=order)["charge"] == "0.00001"
