"""The worked example of docs/lost-answers.md: the evidence that it lists leads to the verdicts that it names."""

import re
from decimal import Decimal

import pytest

from tests.tables_of import Page
from worker.domain.evidence.bounds import KnownOrder
from worker.domain.evidence.suspects import OpenQuestion, suspect_of
from worker.domain.evidence.verdicts import Absent, Findings, Linked, Undecided, Verdict, decide
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import OrderReport
from worker.settings.model import ReconcileSettings

PAGE = Page("docs/lost-answers.md")
RULES = ReconcileSettings()

#: Seconds that each call took.
TOOK = 0.02

CALLS = [
    (name, int(units), Decimal(charge), float(at), answer) for name, units, charge, at, answer in PAGE.table("order")
]
LOST = [name for name, *_, answer in CALLS if answer == "lost"]


def known(before: float) -> list[KnownOrder]:
    """Returns the orders whose ids the panel told before a time."""
    return [
        KnownOrder(answer.removeprefix("order "), at, at + TOOK)
        for _, _, _, at, answer in CALLS
        if answer != "lost" and at < before
    ]


def found() -> dict[int, OrderReport]:
    """Returns the answers of the panel that aren't known orders."""
    told = [(number, re.match(r"(\w+), charge (\S+), remains (\d+)", answer)) for number, answer in PAGE.table("id")]
    return {
        int(number): OrderReport(said[1], Decimal(said[2]), "USD", None, int(said[3])) for number, said in told if said
    }


def verdicts(at: float, open_orders: list[str]) -> dict[str, Verdict]:
    """Returns the verdict on each order that is unconfirmed at a time."""
    questions = [
        OpenQuestion(number, number, OrderState.UNCONFIRMED, charge, units, False, False, began, began + TOOK, at, True)
        for number, (name, units, charge, began, _) in enumerate(CALLS)
        if name in open_orders
    ]
    around = known(at)
    suspects = [suspect_of(one, around, settle=RULES.settle, asked_at=at) for one in questions]
    asked = {number for one in suspects for number in one.numbers(RULES.max_ids)}
    linked = set() if LOST[0] in open_orders else found().keys()
    ours = {int(one.panel_order_id) for one in around} | linked
    news = {number: reading for number, reading in found().items() if number not in ours}
    findings = Findings(
        news,
        frozenset(asked - ours - news.keys()),
        frozenset(ours),
        recognized=frozenset(ours),
        unexplained={one.order_id: Decimal(0) for one in questions},
    )
    return {CALLS[number][0]: verdict for number, verdict in decide(suspects, findings).items()}


def in_words(verdict: Verdict) -> str:
    match verdict:
        case Linked(panel_order_id):
            return f"linked, {panel_order_id}"
        case Absent():
            return "absent"
        case Undecided(doubt):
            return f"undecided, {doubt}"


@pytest.mark.parametrize("row", PAGE.table("examined at second"), ids=lambda row: row[0])
def test_the_evidence_leads_to_the_verdicts(row: list[str]) -> None:
    at, *told = row
    named = {name: words for name, words in zip(LOST, told, strict=True) if words}
    assert {name: in_words(verdict) for name, verdict in verdicts(float(at), [*named]).items()} == named


def test_the_diagram_has_the_same_orders_and_ids() -> None:
    diagram = PAGE.block("mermaid")
    added = re.findall(r"add (\S+), (\d+) units", diagram)
    assert dict(added) == {name: str(units) for name, units, *_ in CALLS}
    told = re.findall(r"P-->>W: (order \d+)", diagram)
    assert told[: len(known(1e9))] == [answer for *_, answer in CALLS if answer != "lost"]
    assert all(f"{number}: {reading.status}, charge {reading.charge}" in diagram for number, reading in found().items())
