"""Tests that thousands of lost orders take about as much longer as they are more."""

import random
import time
from decimal import Decimal

import pytest

from tests.unit.domain.evidence_case import PREMISES, book, lost, paid, seen
from worker.domain.evidence.landmarks import Landmark, Landmarks
from worker.domain.evidence.owners import suspects_of
from worker.domain.evidence.planning import wanted_chunks
from worker.domain.evidence.sightings import Asked
from worker.domain.evidence.verdicts import Knowledge, Linked, Undecided, weigh

FEW, MANY = 500, 5000

#: Ten times as many may take so many times as long: what grows with their square would take a hundred.
AT_MOST = 25


class Outage:
    """Orders that were all lost within a minute or two, fifty a second. Nearly all of them were taken, and seen."""

    def __init__(self, count, services, *, alike=False, prices_known=True, gaps=1):
        chance, number = random.Random(1), 1000
        self.questions, self.sightings = [], []
        self.landmarks = [Landmark(number, 0.0, 1.0)]
        for n in range(count):
            began_at = 10 + n / 50
            number += chance.randrange(1, 30)
            units = 1000 if alike else 100 + n
            charge = Decimal(units) / 1000
            service = str(n % services)
            self.questions.append(lost(n, str(charge), began_at, service=service, units=units))
            if n % 10:
                self.sightings.append(seen(number, str(charge), began_at + 12))
            if n % (count // gaps) == 0:
                number += 1
                self.landmarks.append(Landmark(number, began_at - 0.002, began_at - 0.001))
        self.landmarks.append(Landmark(number + 500, 1000.0, 1001.0))
        times = (2, 1000) if prices_known else (2,)
        self.prices = [paid(str(service), at, "1.00") for service in range(services) for at in times]

    def weigh(self):
        landmarks = Landmarks(self.landmarks)
        suspects = suspects_of(self.questions, landmarks, PREMISES)
        asked = Asked(dict.fromkeys(range(3000), 1900.0))
        prices = book(self.prices)
        return weigh(Knowledge(2000.0, suspects, landmarks, self.sightings, asked, prices, shapes_tell=True), PREMISES)

    def plan(self):
        landmarks = Landmarks(self.landmarks)
        suspects = suspects_of(self.questions, landmarks, PREMISES)
        return wanted_chunks(suspects, landmarks, Asked({}), PREMISES, 2000.0)


def seconds(work, times):
    taken = []
    for _ in range(times):
        began_at = time.process_time()
        work()
        taken.append(time.process_time() - began_at)
    return min(taken)


OUTAGES = {
    "all told apart": {"services": 20},
    "hundreds of services": {"services": 1000},
    "known orders in between": {"services": 20, "gaps": 50},
    "all alike": {"services": 1, "alike": True},
    "no price known": {"services": 20, "prices_known": False},
}


@pytest.mark.parametrize("kind", OUTAGES)
def test_weighing_takes_about_as_much_longer_as_orders_are_more(kind):
    few, many = Outage(FEW, **OUTAGES[kind]), Outage(MANY, **OUTAGES[kind])
    assert seconds(many.weigh, 2) < AT_MOST * seconds(few.weigh, 4)


def test_planning_takes_about_as_much_longer_as_orders_are_more():
    few, many = Outage(FEW, services=20, gaps=FEW // 10), Outage(MANY, services=20, gaps=MANY // 10)
    assert seconds(many.plan, 2) < AT_MOST * seconds(few.plan, 4)


@pytest.mark.parametrize("kind", ["all told apart", "hundreds of services", "known orders in between"])
def test_thousands_are_told_apart_by_their_prices(kind):
    outage = Outage(MANY, **OUTAGES[kind])
    verdicts = outage.weigh().verdicts
    assert sum(isinstance(one, Linked) for one in verdicts.values()) == len(outage.sightings)
    assert not any(isinstance(one, Undecided) for one in verdicts.values())
