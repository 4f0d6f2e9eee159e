"""The worked example of docs/lost-answers.md: the evidence that it lists leads to the verdicts that it names."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.tables_of import Page
from worker.cli.draw.evidence import evidence_lines
from worker.domain.evidence.landmarks import Landmark, Landmarks
from worker.domain.evidence.owners import suspects_of
from worker.domain.evidence.prices import Price, PriceBook, Rates, Reading
from worker.domain.evidence.progress import progress
from worker.domain.evidence.questions import OpenQuestion
from worker.domain.evidence.settlement import verdict_detail
from worker.domain.evidence.sightings import Asked, Sighting, chunk_of, numbers_of
from worker.domain.evidence.verdicts import Absent, Knowledge, Linked, Undecided, Verdict, Weighing, weigh
from worker.domain.orders.changes import OrderRecord
from worker.settings.model import ReconcileSettings
from worker.store.views.order_history import OrderHistory

PAGE = Page("docs/lost-answers.md")
PREMISES = ReconcileSettings().premises()

#: When the first order was sent; and seconds that each call took.
BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)
TOOK = 0.02

#: Seconds from an order's acceptance until a poll has told its charge; and when the catalogue was read.
POLLED = 35
READ_AT = (-600.0, 80.0)

CALLS = [
    (int(name.removeprefix("shop-")), int(units), Decimal(charge), BEGAN.timestamp() + float(at), answer)
    for name, units, charge, at, answer in PAGE.table("order")
]
LOST = [order_id for order_id, *_, answer in CALLS if answer == "lost"]
EXAMINED = PAGE.table("examined at second")


def sightings() -> Iterator[Sighting]:
    for number, said, at in PAGE.table("id"):
        told = re.fullmatch(r"Pending, charge (\S+), remains (\d+)", said)
        assert told
        charge = Decimal(told[1])
        yield Sighting(int(number), BEGAN.timestamp() + float(at), None, charge, charge, int(told[2]))


def known(before: float) -> list[tuple[int, OpenQuestion]]:
    """Returns the calls whose answers told an id before a time, with the id."""
    return [
        (int(answer.removeprefix("order ")), question(order_id))
        for order_id, *_, at, answer in CALLS
        if answer != "lost" and at < before
    ]


def question(order_id: int) -> OpenQuestion:
    (call,) = [call for call in CALLS if call[0] == order_id]
    _, units, charge, at, _ = call
    return OpenQuestion(order_id, order_id, "1", charge, units, is_parent=False, began_at=at, ended_at=at + TOOK)


def settled_before(row: list[str]) -> set[int]:
    """Returns the ids that orders were linked to before an examination."""
    words = [word for earlier in EXAMINED[: EXAMINED.index(row)] for word in earlier[1:]]
    return {int(word.removeprefix("linked, ")) for word in words if word.startswith("linked")}


def weighed(row: list[str]) -> tuple[Knowledge, Weighing]:
    """Returns what is known when the orders are examined, and what follows from it."""
    now = BEGAN.timestamp() + float(row[0])
    accepted, linked = known(now), settled_before(row)
    seen = [one for one in sightings() if one.seen_at <= now]
    landmarks = Landmarks(
        [
            *(Landmark(number, call.began_at, call.ended_at or 0.0) for number, call in accepted),
            *(Landmark(one.number, float("-inf"), one.seen_at) for one in seen),
        ]
    )
    open_ids = [order_id for order_id, word in zip(LOST, row[1:], strict=True) if word]
    # At second 345 the newest request is that of second 330: the next one is only due when it counts.
    sent_at = now - 15 if row[0] == "345" else now
    knowledge = Knowledge(
        now,
        suspects_of(map(question, open_ids), landmarks, PREMISES),
        landmarks,
        [one for one in seen if one.number not in linked],
        Asked({chunk_of(number): sent_at for number, _ in accepted}),
        prices(now),
    )
    return knowledge, weigh(knowledge, PREMISES)


def prices(now: float) -> PriceBook:
    told = [
        Price(call.service, call.began_at, call.ended_at or 0.0, call.units or 1, call.expected_charge or Decimal(0))
        for _, call in known(now - POLLED)
    ]
    readings = [BEGAN.timestamp() + at for at in READ_AT if BEGAN.timestamp() + at < now]
    rates = Rates([Reading(at, at + 1) for at in readings], {}, {"1": Decimal(9)})
    return PriceBook(told, rates, Decimal("0.01"))


def in_words(verdict: Verdict) -> str:
    match verdict:
        case Linked(panel_order_id):
            return f"linked, {panel_order_id}"
        case Absent():
            return "absent"
        case Undecided(doubt):
            return f"undecided, {doubt}"


@pytest.mark.parametrize("row", EXAMINED, ids=lambda row: row[0])
def test_the_evidence_leads_to_the_verdicts(row: list[str]) -> None:
    told = {order_id: word for order_id, word in zip(LOST, row[1:], strict=True) if word}
    _, weighing = weighed(row)
    assert {order_id: in_words(verdict) for order_id, verdict in weighing.verdicts.items()} == told


def test_what_a_person_is_shown_of_it() -> None:
    (row,) = [row for row in EXAMINED if row[0] == "31"]
    knowledge, weighing = weighed(row)
    history = history_of(1005, weighing, progress([1005], weighing, knowledge, PREMISES)[1005])
    assert list(evidence_lines(history)) == PAGE.block("text", "evidence").splitlines()


def history_of(order_id: int, weighing: Weighing, shown: Mapping[str, Any]) -> OrderHistory:
    call = question(order_id)
    submission = {
        "began_at": BEGAN + timedelta(seconds=call.began_at - BEGAN.timestamp()),
        "expected_charge": call.expected_charge,
    }
    return OrderHistory(
        BEGAN + timedelta(seconds=31),
        {"id": order_id, "panel": "default"},
        OrderRecord(),
        refills=(),
        cancels=(),
        submissions=(submission,),
        events=(),
        verdict=verdict_detail(weighing.verdicts[order_id]),
        progress=shown,
        examined_at=None,
        shared_since=None,
    )


def test_the_diagram_has_the_same_orders_and_ids() -> None:
    diagram = PAGE.block("mermaid", "sequenceDiagram")
    added = re.findall(r"add shop-(\d+), (\d+) units", diagram)
    assert {int(order_id): int(units) for order_id, units in added} == {
        order_id: units for order_id, units, *_ in CALLS
    }
    told = re.findall(r"P-->>W: order (\d+)", diagram)
    assert list(map(int, told[:-1])) == [number for number, _ in known(1e12)]
    said = {number: f"{number}: {words.rpartition(',')[0]}." for number, words, _ in PAGE.table("id")}
    assert [words for words in said.values() if words not in diagram] == []


def test_one_request_has_all_its_ids() -> None:
    numbers = numbers_of(chunk_of(known(1e12)[0][0]))
    assert {number for number, _ in known(1e12)} | {one.number for one in sightings()} <= set(numbers)
    assert PAGE.block("mermaid", "sequenceDiagram").count(f"status of {numbers[0]} to {numbers[-1]}") == 3
