"""One bad id never spoils its batch: what is refused as a whole is asked again in halves."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.outcomes import Answered, NotSent, Reason, Refused, Scope, Unknown
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.jobs.machinery.batches import ask, enter_with
from worker.jobs.machinery.gate import Closed, Gate, Permit

READING = OrderReport("Completed")


class FakePermit:
    def __init__(self, gate):
        self._gate = gate

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self._gate.calls += 1

    async def report(self, outcome):
        self._gate.reported.append(outcome)


class FakeGate:
    """Lets `leaves` calls through, then is closed."""

    def __init__(self, leaves=1000):
        self.leaves = leaves
        self.calls = 0
        self.reported = []

    async def enter(self):
        self.leaves -= 1
        return [FakePermit(self)] if self.leaves >= 0 else Closed()


async def _ask(ids, bad, *, refusal=Reason.NOT_FOUND, leaves=1000):
    gate = FakeGate(leaves)

    async def call(asked):
        if bad & set(asked):
            return Refused(refusal, "no")
        return Answered(dict.fromkeys(asked, READING))

    return gate, await ask(cast("Gate", gate), cast("Permit", FakePermit(gate)), ids, call)


@given(st.sets(st.integers(1, 100)), st.sets(st.integers(1, 100)))
async def test_the_bad_ids_alone_are_told_as_errors(ids, bad):
    asked = [str(one) for one in sorted(ids | {101})]
    _, answers = await _ask(asked, {str(one) for one in bad})
    error = ItemError(Reason.NOT_FOUND, "no")
    assert answers == {one: error if int(one) in bad else READING for one in asked}


async def test_one_bad_id_in_a_hundred_costs_a_call_for_each_halving():
    gate, _ = await _ask([str(one) for one in range(100)], {"17"})
    assert gate.calls <= 15
    assert len(gate.reported) == gate.calls


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is Scope.PANEL])
async def test_what_is_true_of_the_panel_is_no_items_error_and_asked_once(reason):
    gate, answers = await _ask(["1", "2"], {"1"}, refusal=reason)
    assert answers == {}
    assert gate.reported == [Refused(reason, "no")]


@pytest.mark.parametrize("failure", [NotSent("refused"), Unknown("timeout")])
async def test_silence_is_no_news(failure):
    gate = FakeGate()

    async def call(asked):
        return failure

    assert await ask(cast("Gate", gate), cast("Permit", FakePermit(gate)), ["1", "2"], call) == {}
    assert gate.reported == [failure]


async def test_what_was_learnt_before_the_gate_closed_is_kept():
    _, answers = await _ask(["1", "2", "3", "4"], {"4"}, leaves=1)
    assert answers == {"1": READING, "2": READING}


class GateWithOnePermit:
    def __init__(self):
        self.given_back = []

    async def enter(self):
        return ["the permit"]

    async def give_back(self, permits):
        self.given_back += permits


async def test_a_permit_is_kept_only_for_what_was_claimed():
    async def claim():
        return ["an order"]

    async def nothing():
        return []

    async def broken():
        raise RuntimeError("the database is away")

    gate = GateWithOnePermit()
    assert await enter_with(cast("Gate", gate), claim) == ("the permit", ["an order"])
    assert gate.given_back == []
    assert await enter_with(cast("Gate", gate), nothing) is None
    with pytest.raises(RuntimeError):
        await enter_with(cast("Gate", gate), broken)
    assert gate.given_back == ["the permit"] * 2
