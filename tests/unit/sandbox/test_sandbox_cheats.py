"""Tests that each cheat takes its amount, and that the ledger shows it and no reply does."""

from decimal import Decimal

import pytest

from worker.sandbox.panel import cheats, ledger

ORDER = {"service": 1, "link": "https://example.com/me", "quantity": 1000}  # 0.90


@pytest.fixture
def panel(make_panel):
    return make_panel()


def taken(panel):
    """Returns the amount gone from the account, and the sum of the orders' charges."""
    money = ledger.balance(panel)
    entries = ledger.orders(panel)
    net = sum(Decimal(entry["debited"]) - Decimal(entry["refunded"]) for entry in entries)
    assert Decimal(money["opening"]) - Decimal(money["closing"]) == net
    return net, sum(Decimal(entry["charge"]) for entry in entries)


def test_without_any_the_charges_are_what_was_taken(panel, ask):
    order = ask(panel, "add", **ORDER)["order"]
    panel.book.amend(panel.book.orders[order], status="Partial", remains=500)
    panel.clock.advance(3600)
    assert taken(panel) == (Decimal("0.45"), Decimal("0.45"))


def test_overcharge(panel, ask):
    panel.cheats.on(cheats.OVERCHARGE)
    order = ask(panel, "add", **ORDER)["order"]
    assert ask(panel, "status", order=order)["charge"] == "0.90000"
    assert taken(panel) == (Decimal("0.99"), Decimal("0.90"))


@pytest.mark.parametrize(("status", "charge"), [("Canceled", "0.00000"), ("Partial", "0.45000")])
def test_refund_withheld(panel, ask, status, charge):
    order = ask(panel, "add", **ORDER)["order"]
    panel.cheats.on(cheats.REFUND_WITHHELD)
    panel.book.amend(panel.book.orders[order], status=status, remains=500)
    assert ask(panel, "status", order=order)["charge"] == charge
    assert taken(panel) == (Decimal("0.90"), Decimal(charge))


def test_charged_again(panel, ask):
    order = ask(panel, "add", **ORDER)["order"]
    panel.cheats.on(cheats.CHARGED_AGAIN)
    panel.book.amend(panel.book.orders[order], status="Completed")
    assert taken(panel) == (Decimal("0.90"), Decimal("0.90"))
    panel.clock.advance(cheats.CHARGED_AGAIN_AFTER)
    assert ask(panel, "status", order=order)["charge"] == "0.90000"
    assert taken(panel) == (Decimal("1.80"), Decimal("0.90"))
