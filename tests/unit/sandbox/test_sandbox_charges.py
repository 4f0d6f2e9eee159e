"""Tests charges and units that are told otherwise than the ledger has them."""

from collections import Counter

import pytest

from worker.sandbox.panel import ledger

ORDER = {"service": 2, "link": "https://example.com/me", "quantity": 1234}  # 0.058615


def told(it):
    return it.ask("status", order=23501)


def entry(it):
    return ledger.order(it.panel, "23501")


def test_charges_are_told_coarsely(quirky):
    it = quirky("charge_decimals")
    it.ask("add", **ORDER)
    assert (told(it)["charge"], entry(it)["debited"]) == ("0.06", "0.05862")
    it.quirks.on("charge_decimals=4")
    assert told(it)["charge"] == "0.0586"
    it.quirks.on("charge_decimals=0")
    assert told(it)["charge"] == "0"
    assert it.ask("balance")["balance"] == "999.94138"


@pytest.mark.parametrize(("quirk", "charge"), [("charge_zero_at_first", "0"), ("charge_null_at_first", None)])
def test_a_charge_is_told_when_the_order_has_begun(quirky, quirk, charge):
    it = quirky(quirk, "charge_decimals=3")
    it.ask("add", **ORDER)
    assert told(it)["charge"] in {charge, "0.000"}
    it.panel.clock.advance(300)
    assert (told(it)["status"], told(it)["charge"]) == ("In progress", "0.059")
    assert entry(it)["debited"] == "0.05862"


@pytest.mark.parametrize(
    ("quirks", "partial", "canceled"),
    [([], "0.02931", "0.00000"), (["charge_kept"], "0.05862", "0.05862"), (["charge_zeroed"], "0", "0")],
)
@pytest.mark.parametrize("spelled", [[], ["status_upper"]])
def test_a_charge_after_the_order_was_cut_short(*, quirky, quirks, spelled, partial, canceled):
    it = quirky(*quirks, *spelled)
    it.ask("add", **ORDER)
    it.panel.book.amend(it.panel.book.orders[23501], status="Partial", remains=617)
    assert (told(it)["charge"], entry(it)["charge"], entry(it)["refunded"]) == (partial, "0.02931", "0.02931")
    it.panel.book.amend(it.panel.book.orders[23501], status="Canceled")
    assert (told(it)["charge"], entry(it)["charge"]) == (canceled, "0.00000")


def test_a_share_of_charges_is_kept_and_a_share_zeroed(quirky):
    it = quirky("charge_kept=0.6", "charge_zeroed=0.3")
    numbers = [it.ask("add", **ORDER)["order"] for _ in range(100)]
    for number in numbers:
        it.panel.book.amend(it.panel.book.orders[number], status="Partial", remains=617)

    told = Counter(item["charge"] for item in it.ask("status", orders=",".join(map(str, numbers))).values())

    assert told.keys() == {"0.05862", "0.02931", "0"}
    assert all(15 < times < 60 for times in told.values())


def test_more_is_delivered_than_was_ordered(quirky):
    it = quirky("bonus_units=50")
    it.ask("add", **{**ORDER, "quantity": 1000})
    assert (told(it)["remains"], entry(it)["remains"]) == ("1500", 1000)
    it.panel.book.amend(it.panel.book.orders[23501], status="In progress", remains=500)
    assert told(it)["remains"] == "750"
    it.panel.book.amend(it.panel.book.orders[23501], status="Completed")
    assert told(it)["remains"] == "0"


@pytest.mark.parametrize(
    ("quirk", "balance", "rate"),
    [("money_with_signs", "$999.94138", "$0.90"), ("money_with_code", "999.94138 USD", "0.90 USD")],
)
def test_money_is_text(quirky, quirk, balance, rate):
    it = quirky(quirk)
    it.ask("add", **ORDER)
    assert it.ask("balance")["balance"] == balance
    assert it.ask("services")[0]["rate"] == rate
    assert told(it)["charge"].strip("$ USD") == "0.05862"
