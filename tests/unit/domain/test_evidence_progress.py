"""What a person is told of orders in doubt agrees with the verdicts, and says why an id can't be an order's."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from worker.domain.evidence.landmarks import Landmark, Landmarks
from worker.domain.evidence.owners import WhyNot, suspects_of
from worker.domain.evidence.prices import Price, PriceBook, Rates, Reading
from worker.domain.evidence.progress import MOST_IDS, MOST_ORDERS, TAKEN, progress
from worker.domain.evidence.questions import OpenQuestion, Premises
from worker.domain.evidence.settlement import MOST_CANDIDATES, is_for_a_person, is_news, verdict_detail
from worker.domain.evidence.sightings import Asked, Sighting, chunks
from worker.domain.evidence.verdicts import Absent, Doubt, Knowledge, Linked, Undecided, Weighing, weigh

PREMISES = Premises(late=300, hidden=300)
CENT = Decimal("0.01")

#: Two known orders, with 1,000 ids between them.
KNOWN = [Landmark(1_000, 0.0, 1.0), Landmark(2_000, 1_000.0, 1_001.0)]


def lost(order_id: int, began_at: float = 100.0, units: int = 100, **more: Any) -> OpenQuestion:
    values = {"ended_at": began_at + 1, "is_parent": False, "expected_charge": Decimal(units) / 1000} | more
    return OpenQuestion(order_id, order_id, "1", values.pop("expected_charge"), units, began_at=began_at, **values)


def seen(number: int, charge: str | None = "0.10", remains: int | None = 100, at: float = 200, **more: Any) -> Sighting:
    amount = None if charge is None else Decimal(charge)
    return Sighting(number, at, charge=amount, uncut_charge=amount, most_remains=remains, **more)


def told(
    questions: Sequence[OpenQuestion],
    sightings: Sequence[Sighting] = (),
    asked: Mapping[int, float] | None = None,
    *,
    known: Sequence[Landmark] = KNOWN,
    now: float = 2_000,
    prices: PriceBook | None = None,
    **more: Any,
) -> dict[int, dict[str, Any]]:
    landmarks = Landmarks(known)
    knowledge = Knowledge(
        now,
        suspects_of(questions, landmarks, PREMISES),
        landmarks,
        sightings,
        Asked(asked or {}),
        prices or PriceBook((), Rates(), CENT),
        **more,
    )
    weighing = weigh(knowledge, PREMISES)
    return progress(weighing.verdicts.keys(), weighing, knowledge, PREMISES)


@pytest.mark.parametrize(
    ("known", "between", "until"),
    [
        (KNOWN, [1_000, 2_000], 701),
        (KNOWN[:1], [1_000, None], 701),
        (KNOWN[1:], [None, 2_000], None),
    ],
)
def test_between_which_ids_and_until_when(known: list[Landmark], between: list[int | None], until: int | None) -> None:
    shown = told([lost(1)], known=known)[1]
    assert (shown["between"], shown["until"]) == (between, until)


def test_how_much_was_asked_and_how_much_of_it_counts() -> None:
    between = chunks(1_000, 2_000)
    shown = told([lost(1)])[1]
    assert (shown["ids"], shown["counts"]) == (0, 0)
    shown = told([lost(1)], asked=dict.fromkeys(between, 150.0))[1]  # too early: it may have been taken later
    assert (shown["ids"], shown["counts"]) == (990, 0)
    shown = told([lost(1)], asked=dict.fromkeys(between[:5], 701.0))[1]
    assert (shown["ids"], shown["counts"]) == (490, 45)
    shown = told([lost(1)], asked=dict.fromkeys(between[:-1], 701.0))[1]
    assert shown["counts"] == 90  # all but one chunk of eleven is less than all
    shown = told([lost(1)], asked=dict.fromkeys(between, 701.0))[1]
    assert (shown["ids"], shown["counts"]) == (990, 100)


def test_the_share_of_a_wide_gap_is_estimated_and_all_of_it_is_no_estimate() -> None:
    known = [KNOWN[0], Landmark(1_000_000, 1_000.0, 1_001.0)]
    between = chunks(1_000, 1_000_000)
    late = dict.fromkeys(between, 701.0)
    assert told([lost(1)], asked=late, known=known)[1]["counts"] == 100
    half = late | dict.fromkeys(between[: len(between) // 2], 150.0)
    assert told([lost(1)], asked=half, known=known)[1]["counts"] in {45, 50}
    for chunk in (between[0], between[1], between[-1]):
        assert told([lost(1)], asked=late | {chunk: 150.0}, known=known)[1]["counts"] == 95


def test_where_no_later_order_is_known_nothing_counts_until_the_time_has_come() -> None:
    asked = dict.fromkeys(chunks(1_000, 2_000), 600.0)
    assert told([lost(1)], asked=asked, known=KNOWN[:1], now=700)[1]["counts"] is None
    assert told([lost(1)], asked=asked, known=KNOWN[:1], now=702)[1]["counts"] == 0
    asked = dict.fromkeys(chunks(1_000, 1_000_000), 702.0)
    assert told([lost(1)], asked=asked, known=KNOWN[:1], now=702)[1]["counts"] == 100


def test_each_candidate_has_the_other_orders_that_may_own_it() -> None:
    shown = told([lost(1), lost(2, units=60), lost(3, units=40)], [seen(1_500)])
    (candidate,) = shown[1]["candidates"]
    assert candidate == {
        "id": "1500",
        "charge": "0.10",
        "seen_at": 200,
        "also": [2],
        "more": 0,
        "not": {"3": WhyNot.UNITS},
    }
    assert shown[2]["candidates"][0]["also"] == [1]
    assert (shown[3]["found"], shown[3]["candidates"]) == (0, [])
    assert shown[3]["others"] == [{"id": "1500", "charge": "0.10", "why": WhyNot.UNITS}]


@pytest.mark.parametrize(
    ("sighting", "why"),
    [
        (seen(1_500, remains=1_000), WhyNot.UNITS),
        (seen(1_500, denied_at=702.0, at=750), WhyNot.TIME),
        (seen(1_500, None, None, is_parent=True), WhyNot.SHAPE),
        (seen(1_500, has_spawned=True), WhyNot.SHAPE),
    ],
)
def test_why_an_id_is_not_the_orders(sighting: Sighting, why: WhyNot) -> None:
    assert told([lost(1)], [sighting], shapes_tell=True)[1]["others"][0]["why"] == why


def test_a_known_price_says_why_an_id_is_not_the_orders() -> None:
    prices = PriceBook(
        [Price("1", 50, 51, 1_000, Decimal(1)), Price("1", 950, 951, 1_000, Decimal(1))],
        Rates([Reading(10, 11), Reading(980, 981)], {}, {"1": Decimal(1)}),
        Decimal("0.001"),
    )
    shown = told([lost(1), lost(2, units=200)], [seen(1_500, "0.20")], prices=prices)
    assert shown[1]["others"] == [{"id": "1500", "charge": "0.20", "why": WhyNot.PRICE}]
    assert told([lost(1)], [seen(1_500, "0.20")], prices=prices)[1]["found"] == 1  # nobody else is left


def test_an_id_that_has_to_be_anothers_says_so() -> None:
    shown = told([lost(1), lost(2, units=300)], [seen(1_500), seen(1_600, "9.99", remains=250)])
    assert shown[1]["others"][-1] == {"id": "1600", "charge": "9.99", "why": WhyNot.UNITS}
    assert shown[2]["others"] == [{"id": "1500", "charge": "0.10", "why": TAKEN}]


def test_of_many_only_the_first_are_told() -> None:
    orders = [lost(number) for number in range(1, 31)]
    shown = told(orders, [seen(1_100 + number) for number in range(20)])[1]
    assert shown["found"] == 20
    assert [one["id"] for one in shown["candidates"]] == [str(1_100 + number) for number in range(MOST_IDS)]
    candidate = shown["candidates"][0]
    assert (candidate["also"], candidate["more"]) == ([2, 3, 4, 5, 6], 29 - MOST_ORDERS)


def test_a_call_that_is_in_flight_is_not_told_of() -> None:
    shown = told([lost(1), lost(2, ended_at=None)], [seen(1_500)])
    assert shown.keys() == {1}
    assert shown[1]["candidates"][0]["also"] == []


def test_nothing_is_said_of_owners_where_ids_prove_nothing() -> None:
    shown = told([lost(1)], [seen(1_500)], is_ordered=False)[1]
    assert (shown["candidates"], shown["others"]) == ([], [])


def test_what_was_linked_is_told_where_a_person_decides() -> None:
    landmarks = Landmarks(KNOWN)
    knowledge = Knowledge(
        2_000,
        suspects_of([lost(1)], landmarks, PREMISES),
        landmarks,
        [seen(1_500)],
        Asked({}),
        PriceBook((), Rates(), CENT),
    )
    weighing = Weighing({1: Linked("1500")})
    assert progress([1], weighing, knowledge, PREMISES)[1]["candidates"][0]["id"] == "1500"


def test_a_detail_names_the_first_candidates() -> None:
    detail = verdict_detail(Undecided(Doubt.AMBIGUOUS, tuple(range(50))))
    assert detail["candidates"] == [str(number) for number in range(MOST_CANDIDATES)]


def test_that_an_order_is_young_is_no_news_by_itself() -> None:
    young = verdict_detail(Undecided(Doubt.TOO_YOUNG))
    quiet = verdict_detail(Undecided(Doubt.QUIET))
    assert not is_news(None, young)
    assert is_news(None, quiet)
    assert is_news(young, quiet)
    assert is_news(quiet, young)
    assert not is_news(quiet, quiet)


@pytest.mark.parametrize("doubt", Doubt)
def test_a_person_can_do_something_where_something_was_found(doubt: Doubt) -> None:
    waits = {Doubt.TOO_YOUNG, Doubt.NO_BOUNDS, Doubt.NOT_COVERED, Doubt.QUIET}
    assert is_for_a_person(Undecided(doubt)) is (doubt not in waits)
    assert is_for_a_person(Undecided(doubt, (5,)))
    assert is_for_a_person(Absent())
    assert is_for_a_person(Linked("5"))
