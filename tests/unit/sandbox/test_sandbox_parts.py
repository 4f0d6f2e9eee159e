"""Tests the small parts: clock, draws, choice of faults, journal."""

import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from worker.sandbox.chance import Chance
from worker.sandbox.http.journal import Journal
from worker.sandbox.misbehaviour.faults import ABOUT, Fault, FaultKind, Faults, Where, read_fault
from worker.sandbox.panel.clock import Agenda, Clock
from worker.sandbox.panel.validate import ParsedRequest, Violation

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_clock_runs_at_its_speed_and_keeps_what_has_passed(real):
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


def test_draws_repeat_and_do_not_hang_on_other_draws():
    one, other = Chance(1), Chance(1)
    other.share("something else")

    assert [one.share("a", n) for n in range(5)] == [other.share("a", n) for n in range(5)]
    assert one.share("a", 1) != Chance(2).share("a", 1)
    assert {one.whole(1, 3, n) for n in range(100)} == {1, 2, 3}
    assert all(5 <= one.around(10, 2, n) <= 20 for n in range(100))
    assert one.gap(0, 1) == 0


@pytest.mark.parametrize("mean", [0.3, 4.0, 49.0, 1000.0])
def test_a_count_has_its_mean_and_its_spread(mean):
    chance = Chance(1)
    counts = [chance.count(mean, n) for n in range(4000)]

    assert sum(counts) / 4000 == pytest.approx(mean, rel=0.05)
    assert sum((count - mean) ** 2 for count in counts) / 4000 == pytest.approx(mean, rel=0.1)
    assert Chance(1).count(0, 1) == 0


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


def test_a_fault_may_strike_every_third():
    faults = Faults(seed=0)
    faults.add(Fault(kind=FaultKind.ERROR, action="add", every=3))

    assert [faults.pick("add", {}) is not None for _ in range(7)] == [False, False, True] * 2 + [False]


def test_what_is_carried_out_later_is_carried_out_within_its_time():
    faults = Faults(seed=0)
    fault = Fault(kind=FaultKind.CLOSE, where=Where.LATER, within=20)

    delays = [faults.delay(fault) for _ in range(1000)]

    assert min(delays) < 1
    assert 19 < max(delays) <= 20


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("null", Fault(kind=FaultKind.NULL)),
        (
            "error,action=add,where=after,status=500,every=3,text=Internal server error",
            Fault(
                kind=FaultKind.ERROR, action="add", where=Where.AFTER, status=500, every=3, text="Internal server error"
            ),
        ),
        (
            '{"kind": "reply", "body": "{}", "fields": {"link": "a,b"}}',
            Fault(kind=FaultKind.REPLY, body="{}", fields={"link": "a,b"}),
        ),
    ],
)
def test_a_fault_is_read_from_a_command_line(text, fault):
    assert read_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nul", "no such fault: nul; the nearest are null"),
        ("null,wheres=after", "no such field of faults: wheres; the nearest are where"),
        ("null,action=ad", "no such action: ad; the nearest are add"),
        ("null,where=afterwards", "where: Input should be 'before', 'after' or 'later'"),
        ('{"kind": "null"', "Invalid JSON"),
        ("cut,where=later", "cut shows the reply"),
    ],
)
def test_a_fault_that_cannot_be_read_is_told_so(text, told):
    with pytest.raises(ValueError, match=told):
        read_fault(text)


def test_every_fault_says_what_it_does():
    assert list(ABOUT) == list(FaultKind)


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
