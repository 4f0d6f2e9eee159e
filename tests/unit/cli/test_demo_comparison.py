"""Tests that the demo finds every difference between tables and ledger, and no other."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from worker.cli.demo.comparison import Ledger, differences, summary
from worker.cli.demo.samples import Sample, Then, samples
from worker.cli.demo.shop import CancelRow, OrderRow, RefillRow, Tables
from worker.domain.orders.services import TYPES, rule_of
from worker.sandbox.panel.catalogue import SERVICES

LINK = "https://example.com"
SAMPLES = {
    sample.reference: sample
    for sample in (
        Sample("plain", "1", LINK, 100),
        Sample("drip", "1", LINK, 50, runs=2, interval_minutes=5),
        Sample("package", "5", LINK, billed=1),
        Sample("bad", "9999", LINK, 100, refused="unknown_service"),
    )
}


def row(reference: str, number: str | None, charge: str | None, **different: Any) -> OrderRow:
    sample = SAMPLES[reference]
    cost = None if charge is None else Decimal(charge)
    plain = OrderRow(
        reference, sample.service, LINK, sample.quantity, sample.runs, "completed", number, cost, 0, None, None, None
    )
    return replace(plain, **different)


def order(number: str, charge: str, quantity: int, **different: Any) -> dict[str, Any]:
    plain = {"id": number, "service": "1", "link": LINK, "quantity": quantity, "status": "Completed", "charge": charge}
    return {**plain, "remains": 0, "parent": None, "spawned": [], **different}


TABLES = Tables(
    orders=[
        row("plain", "1", "0.09"),
        row("drip", "2", None, remains=None, spawned=["3", "4"]),
        row("package", "5", "4.5"),
        row("bad", None, None, state="rejected", error_code="unknown_service", error="no such", remains=None),
    ],
    refills=[RefillRow("plain", "1", "1", "completed"), RefillRow("bad", None, None, "rejected")],
    cancels=[CancelRow("package", "5", "accepted"), CancelRow("plain", "1", "rejected")],
    balance=Decimal("95.32"),
)
LEDGER = Ledger(
    orders=[
        order("1", "0.09", 100),
        order("2", "0", 100, spawned=["3", "4"]),
        order("3", "0.045", 50, parent="2"),
        order("4", "0.045", 50, parent="2"),
        order("5", "4.5", 1, service="5"),
    ],
    refills=[{"id": "1", "order": "1", "status": "Completed"}],
    cancels=[{"order": "5"}],
    balance={
        "opening": "100",
        "charges": "5.68",
        "refunds": "1.00",
        "top_ups": "0",
        "closing": "95.32",
        "currency": "USD",
    },
)


def test_where_they_agree_it_is_silent() -> None:
    assert differences(TABLES, LEDGER, SAMPLES) == []


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("service", "2", "plain: service is 2 in the table, and 1 on the panel"),
        ("link", "x", f"plain: link is x in the table, and {LINK} on the panel"),
        ("quantity", 99, "plain: quantity is 99 in the table, and 100 on the panel"),
        ("state", "partial", "plain: state is partial in the table, and completed on the panel"),
        ("charge", Decimal("0.08"), "plain: charge is 0.08 in the table, and 0.09 on the panel"),
        ("remains", 1, "plain: remains is 1 in the table, and 0 on the panel"),
        ("spawned", ["9"], "plain: spawned is ['9'] in the table, and [] on the panel"),
        ("panel_order_id", None, "panel order 1: the panel took it, and no row has its id"),
        ("panel_order_id", "8", "plain: panel order 8 isn't in the panel's ledger"),
    ],
)
def test_a_row_that_differs_is_named(column: str, value: object, said: str) -> None:
    plain, *others = TABLES.orders
    wrong = replace(TABLES, orders=[replace(plain, **{column: value}), *others])  # type: ignore[arg-type]  # any column
    assert said in differences(wrong, LEDGER, SAMPLES)


def test_a_bad_row_with_another_code_is_named() -> None:
    *others, bad = TABLES.orders
    wrong = replace(TABLES, orders=[*others, replace(bad, error_code="refused")])
    assert differences(wrong, LEDGER, SAMPLES) == ["bad: has error code refused, and should have unknown_service"]


def test_a_bad_row_that_was_bought_is_named() -> None:
    *others, bad = TABLES.orders
    wrong = replace(TABLES, orders=[*others, replace(bad, state="pending", error_code=None)])
    assert differences(wrong, LEDGER, SAMPLES) == ["bad: has error code None, and should have unknown_service"]


def test_a_refill_that_differs_is_named() -> None:
    wrong = replace(TABLES, refills=[RefillRow("plain", "1", "1", "rejected")])
    assert differences(wrong, LEDGER, SAMPLES) == [
        "refill 1: ('1', 'rejected') in the table, and ('1', 'completed') on the panel"
    ]


def test_a_cancel_that_one_side_alone_knows_is_named() -> None:
    assert differences(replace(TABLES, cancels=[]), LEDGER, SAMPLES) == [
        "the cancel of panel order 5 was accepted on the panel alone"
    ]
    assert differences(TABLES, replace(LEDGER, cancels=[]), SAMPLES) == [
        "the cancel of panel order 5 was accepted in the table alone"
    ]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("charges", "5.69", "the account went down by 4.68, and its charges - refunds are 5.69 - 1.00"),
        ("opening", "100.00001", "the account went down by 4.68001, and the rows explain 4.59 + 0.090"),
        ("closing", "95.32001", "the last balance in the table is 95.32, and the account has 95.32001"),
    ],
)
def test_money_that_does_not_add_up_is_named(name: str, value: str, said: str) -> None:
    assert said in differences(TABLES, replace(LEDGER, balance={**LEDGER.balance, name: value}), SAMPLES)


def test_the_summary_has_all_of_it() -> None:
    said = summary(TABLES, LEDGER, 12.34)
    for part in (
        "Orders    4: 3 completed, 1 rejected",
        "Refills   2: 1 completed, 1 rejected",
        "bad              unknown_service: no such",
        "100 - 5.68 charged + 1.00 refunded = 95.32 USD",
        "3 orders on the panel",
        "12.3 s",
    ):
        assert part in said


def test_the_samples_are_of_every_type_and_wish() -> None:
    types = {service.service: rule_of(service.type) for service in SERVICES}
    good = [sample for sample in samples() if sample.refused is None]
    assert {rule.name for sample in good if (rule := types[sample.service])} == {rule.name for rule in TYPES}
    assert {sample.then for sample in samples()} == set(Then)
    assert any(sample.runs for sample in good)
    references = [sample.reference for sample in samples()]
    assert len(references) == len(set(references))
