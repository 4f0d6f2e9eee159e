"""Tests the small parts: clock, limit, choice of faults, journal."""

import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from worker.sandbox.chance import Chance
from worker.sandbox.http.journal import Journal
from worker.sandbox.http.limit import Limit
from worker.sandbox.misbehaviour.faults import Fault, FaultKind, Faults
from worker.sandbox.panel.clock import Agenda, Clock
from worker.sandbox.panel.validate import ParsedRequest, Violation

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Real:
    """The real time, which a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_the_clock_runs_at_its_speed_and_keeps_what_has_passed():
    real = Real()
    clock = Clock(10.0, EPOCH, real)
    real.now += 6
    assert clock.now() == pytest.approx(60)

    clock.speed = 0.5
    real.now += 4
    clock.advance(3)

    assert clock.now() == pytest.approx(65)
    assert clock.date(60) == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_the_clock_never_runs_back():
    clock = Clock(1.0, EPOCH)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="forward"):
        clock.speed = -1


def test_the_agenda_runs_what_is_due_in_order_and_what_that_adds():
    agenda, ran = Agenda(), []
    agenda.put(3, lambda at: ran.append(("third", at)))
    agenda.put(1, lambda at: agenda.put(at + 1, lambda at: ran.append(("added", at))))
    agenda.put(9, lambda at: ran.append(("not yet", at)))

    agenda.run(3)

    assert ran == [("added", 2), ("third", 3)]


@pytest.mark.parametrize(("rate", "at_once", "window"), [(5, 5, 1.0), (1, 1, 1.0), (0.5, 1, 2.0)])
def test_the_limit_holds_in_any_window(rate, at_once, window):
    real = Real()
    limit = Limit(rate, real)

    assert [limit.take() for _ in range(at_once)] == [None] * at_once
    assert limit.take() == pytest.approx(window)
    real.now += window / 2
    assert limit.take() == pytest.approx(window / 2)
    real.now += window / 2
    assert [limit.take() for _ in range(at_once)] == [None] * at_once
    assert limit.take() is not None


def test_draws_repeat_and_do_not_hang_on_other_draws():
    one, other = Chance(1), Chance(1)
    other.share("something else")

    assert [one.share("a", n) for n in range(5)] == [other.share("a", n) for n in range(5)]
    assert one.share("a", 1) != Chance(2).share("a", 1)
    assert {one.whole(1, 3, n) for n in range(100)} == {1, 2, 3}
    assert all(5 <= one.around(10, 2, n) <= 20 for n in range(100))
    assert one.gap(0, 1) == 0


def test_a_fault_with_a_count_strikes_the_next_so_many_and_then_no_more():
    faults = Faults(seed=0)
    faults.add(Fault(kind=FaultKind.RESET, action="add", count=2))

    struck = [faults.pick(action, {}) is not None for action in ["status", "add", "add", "add"]]

    assert struck == [False, True, True, False]
    assert [(rule["seen"], rule["struck"]) for rule in faults.listing()] == [(2, 2)]


def test_a_fault_strikes_with_its_probability_and_repeats_with_the_seed():
    def strikes(seed):
        faults = Faults(seed)
        faults.add(Fault(kind=FaultKind.RESET, probability=0.25))
        return [faults.pick("add", {}) is not None for _ in range(1000)]

    assert 200 < sum(strikes(1)) < 300
    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)


def test_a_fault_can_be_for_one_order_alone():
    faults = Faults(seed=0)
    number = faults.add(Fault(kind=FaultKind.EMPTY, fields={"link": "a"}))
    assert faults.pick("add", {"link": "b"}) is None
    assert faults.pick("add", {"link": "a"}) is not None

    faults.remove(number)
    assert faults.pick("add", {"link": "a"}) is None
    with pytest.raises(KeyError):
        faults.remove(number)


@pytest.mark.parametrize("wrong", [{"kind": "odd"}, {"kind": "reset", "probability": 2}, {"kind": "reset", "odd": 1}])
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Fault.model_validate(wrong)


def test_the_journal_counts_and_never_shows_a_key():
    journal = Journal(keep=2, key="s3cret")
    parsed = ParsedRequest("status", is_batch=True)
    for number in range(3):
        form = {"key": "w-r-o-n-g", "action": "status", "orders": "1,2", "odd": f"{number} s3cret w-r-o-n-g"}
        journal.record(form, parsed, [Violation("unknown_field", "s3cret")])
    journal.record({"action": "s3cret"}, ParsedRequest("s3cret"), [])

    listing = journal.listing(last=5)

    assert listing["counts"] == {"status": 3, "***": 1}
    assert listing["batches"] == {"status": {"2": 3}}
    assert listing["violation_counts"] == {"unknown_field": 3}
    assert [entry["number"] for entry in listing["requests"]] == [3, 4]
    assert listing["requests"][0]["form"] == {"key": "***", "action": "status", "orders": "1,2", "odd": "2 *** ***"}
    assert "s3cret" not in str(listing)
    assert "w-r-o-n-g" not in str(listing)
    assert journal.listing(last=0)["requests"] == []


async def test_one_can_wait_for_a_request_to_arrive():
    journal = Journal(keep=1, key="k")
    waiting = asyncio.create_task(journal.reached("add", 2))
    journal.record({}, ParsedRequest("add"), [])
    await asyncio.sleep(0)
    assert not waiting.done()

    journal.record({}, ParsedRequest("add"), [])

    await waiting
    await journal.reached("add", 1)
