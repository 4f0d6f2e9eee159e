"""Builds what is known of an account on a panel, in the smallest numbers that tell something.

Orders are lost between the known orders 100, whose call ended at second 1, and 200, whose call began at second 1000. A
panel takes a request 300 seconds late at most, and answers for it 300 seconds after that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from worker.domain.evidence.landmarks import Landmark, Landmarks
from worker.domain.evidence.owners import Lineup, Owners, suspects_of
from worker.domain.evidence.prices import Price, PriceBook, RateChange, Rates, Reading
from worker.domain.evidence.questions import OpenQuestion, Premises
from worker.domain.evidence.sightings import Asked, Sighting
from worker.domain.evidence.verdicts import Knowledge, Verdict, Weighing, weigh

PREMISES = Premises(late=300.0, hidden=300.0)
BELOW, ABOVE = Landmark(100, 0.0, 1.0), Landmark(200, 1000.0, 1001.0)
NOW = 2000.0
GRAIN = Decimal("0.00001")

#: All ids up to here were denied, late enough to be proof, unless they are sightings.
ALL_ASKED = Asked(dict.fromkeys(range(10), 1900.0))


def lost(order_id: int, charge: str | None = "1.00", began_at: float = 100.0, ended_at: float | None = None, **more):
    """An order of service 1 with 1,000 units, whose call took ten seconds. Its charge is by the catalogue."""
    expected = None if charge is None else Decimal(charge)
    question = OpenQuestion(order_id, order_id, "1", expected, 1000, False, began_at, ended_at or began_at + 10)
    return replace(question, **more)


def in_flight(order_id: int, charge: str = "1.00", began_at: float = 100.0, **more):
    return replace(lost(order_id, charge, began_at), ended_at=None, **more)


def parent(order_id: int, began_at: float = 100.0, **more):
    return replace(lost(order_id, None, began_at), **{"is_parent": True, "units": None, "child_units": 1000, **more})


def seen(number: int, told: str | None = "1.00", seen_at: float = 120.0, **more):
    """An id that answered. `told` is its charge, before any cut."""
    charge = None if told is None else Decimal(told)
    return replace(Sighting(number, seen_at, charge=charge, uncut_charge=charge), **more)


def seen_parent(number: int, seen_at: float = 120.0, **more):
    return seen(number, None, seen_at, is_parent=True, **more)


def paid(service: str, at: float, charge: str, units: int = 1000) -> Price:
    """A known order that was charged so much; its call took a second."""
    return Price(service, at, at + 1, units, Decimal(charge))


def book(
    prices: Iterable[Price] = (),
    *,
    read: Iterable[float] = (-10_000.0, 3000.0),
    changes: Mapping[str, Iterable[tuple[float, str, str]]] | None = None,
    now: Mapping[str, str] | None = None,
    grain: Decimal = GRAIN,
) -> PriceBook:
    """Prices; the catalogue was read at these times, and its rates changed at those, from one to another."""
    changed = {
        service: [RateChange(at, Decimal(before), Decimal(after)) for at, before, after in of_service]
        for service, of_service in (changes or {}).items()
    }
    shown = {service: Decimal(rate) for service, rate in (now or {}).items()}
    return PriceBook(prices, Rates([Reading(at - 1, at) for at in read], changed, shown), grain)


def knowledge(questions: Iterable[OpenQuestion], sightings: Iterable[Sighting] = (), **more) -> Knowledge:
    """What is known at second 2000. `marks` are the landmarks."""
    landmarks = Landmarks(more.pop("marks", (BELOW, ABOVE)))
    given = {"now": NOW, "asked": ALL_ASKED, "prices": book(), "shapes_tell": True} | more
    return Knowledge(
        suspects=suspects_of(questions, landmarks, PREMISES), landmarks=landmarks, sightings=list(sightings), **given
    )


def weighed(questions: Iterable[OpenQuestion], sightings: Iterable[Sighting] = (), **more) -> Weighing:
    return weigh(knowledge(questions, sightings, **more), PREMISES)


def verdict(question: OpenQuestion, sightings: Iterable[Sighting] = (), **more) -> Verdict:
    return weighed([question], sightings, **more).verdicts[question.order_id]


def owners(sighting: Sighting, questions: Iterable[OpenQuestion], **more) -> Owners:
    known = knowledge(questions, [sighting], **more)
    return Lineup(known.suspects, known.prices, PREMISES, shapes_tell=known.shapes_tell).owners(sighting)


def possible(sighting: Sighting, questions: Iterable[OpenQuestion], **more) -> set[int]:
    """Returns the orders that may own an id."""
    known = knowledge(questions, [sighting], **more)
    lineup = Lineup(known.suspects, known.prices, PREMISES, shapes_tell=known.shapes_tell)
    return {known.suspects[at].question.order_id for at in lineup.owners(sighting).possible}
