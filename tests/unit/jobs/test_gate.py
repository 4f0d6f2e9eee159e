"""Calls at once: orders take every place while they are quick, and otherwise leave one to all other calls."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from worker.domain.orders.outcomes import Accepted
from worker.domain.orders.trouble import PauseReason, PauseScope
from worker.jobs.machinery import gate as gate_module
from worker.jobs.machinery.breaker import Breaker
from worker.jobs.machinery.gate import LATE, Closed, Gate
from worker.store.shared.budget import Budget, Slots
from worker.store.shared.pauses import Paused, Pauses


class OpenBudget:
    """Gives as much as anybody wants, in slots or, while the panel is paused, as a probe."""

    def __init__(self):
        self.taken = 0
        self.given_back = []
        self.probing = False

    async def take(self, want, scopes):
        self.taken += want
        return Slots(1, 0.0, 0.0, next_at=None) if self.probing else Slots(want, 0.0, 0.0, next_at=datetime.now(UTC))

    async def give_back(self, slots, next_at):
        self.given_back.append(slots)

    async def give_back_probe(self, scope, failed):
        self.given_back.append(scope)


class Account:
    """Holds calls back, until it is told not to, or until somebody doubts the account."""

    def __init__(self, *, holds):
        self.holds = holds
        self.doubts = 0

    async def held_back(self, turn):
        await turn()
        return Paused("other_account", 1.0) if self.holds else None

    def doubt(self):
        self.doubts += 1


def gate_of(budget, concurrency, account=None):
    breaker = Breaker("shop", cast("Pauses", budget))
    return Gate("shop", cast("Budget", budget), breaker, concurrency, cast("Any", account))


@pytest.fixture(params=[1, 2, 3, 64])
def concurrency(request):
    return request.param


@pytest.fixture
def gate(concurrency):
    return gate_of(OpenBudget(), concurrency)


def took(seconds, monkeypatch):
    """From here on, orders take longer than QUICK, or not."""
    monkeypatch.setattr(gate_module, "QUICK", 3600.0 if seconds == "quick" else -1.0)


async def entered(gate, want=1000, *, adding=True):
    permits = await asyncio.wait_for(gate.enter(want, adding=adding), 10)
    assert isinstance(permits, list)
    return permits


async def ended(permits):
    """Makes a call with each, which is answered."""
    for one in permits:
        async with one:
            await one.report(Accepted("1"))


async def is_let_through(gate, *, adding):
    """Whether a call finds a place at once."""
    waiting = asyncio.create_task(gate.enter(1, adding=adding))
    await asyncio.sleep(0)
    through = waiting.done()
    waiting.cancel()
    return through


async def test_a_worker_begins_with_one_place_for_news(gate, concurrency):
    permits = await entered(gate)
    assert len(permits) == max(1, concurrency - 1)
    assert not await is_let_through(gate, adding=True)
    assert await is_let_through(gate, adding=False) == (concurrency > 1)


async def test_quick_orders_take_every_place(gate, concurrency, monkeypatch):
    took("quick", monkeypatch)
    await ended(await entered(gate))
    permits = await entered(gate)
    assert len(permits) == concurrency
    assert not await is_let_through(gate, adding=True)
    assert not await is_let_through(gate, adding=False)


async def test_slow_orders_leave_one_again(gate, concurrency, monkeypatch):
    took("quick", monkeypatch)
    await ended(await entered(gate))
    under_way = await entered(gate)
    took("slow", monkeypatch)
    await ended(under_way)
    assert len(await entered(gate)) == max(1, concurrency - 1)
    assert await is_let_through(gate, adding=False) == (concurrency > 1)


async def test_news_that_waits_comes_before_orders_that_come_later(gate, monkeypatch):
    took("quick", monkeypatch)
    await ended(await entered(gate))
    under_way = await entered(gate)
    turns = []

    async def comes(name, *, adding):
        permits = await entered(gate, 1, adding=adding)
        turns.append(name)
        await ended(permits)

    coming = [asyncio.create_task(comes("news", adding=False)), asyncio.create_task(comes("order", adding=True))]
    await asyncio.sleep(0)
    await ended(under_way[:1])
    await asyncio.gather(*coming)
    assert turns == ["news", "order"]


async def test_the_places_are_as_many_after_changes_of_pace(gate, concurrency, monkeypatch):
    for pace in ["quick", "slow", "quick", "slow", "slow", "quick", "quick"]:
        orders = await entered(gate, max(1, concurrency // 2))
        took(pace, monkeypatch)
        await ended(orders)
        await ended(await entered(gate, adding=False))
    assert len(await entered(gate, adding=False)) == concurrency


async def leaves(one):
    """When it begins: seconds."""
    async with one:
        return asyncio.get_running_loop().time()


@pytest.mark.parametrize(("seconds", "spread"), [(0.1, 0.015), (0.2, 0.03), (30.0, LATE)])
async def test_orders_that_are_claimed_together_leave_apart(seconds, spread):
    gate = gate_of(OpenBudget(), 20)
    gate.add_took = seconds
    entered_at = asyncio.get_running_loop().time()
    permits = await entered(gate, 19)
    began_at = await asyncio.gather(*(leaves(one) for one in permits))
    precision = time.get_clock_info("monotonic").resolution
    assert all(at - entered_at >= spread / 20 * nth - precision for nth, at in enumerate(began_at))


@pytest.mark.parametrize(("want", "adding"), [(1, True), (19, False)])
async def test_a_single_order_and_all_other_news_leave_at_once(want, adding, monkeypatch):
    monkeypatch.setattr(gate_module, "LATE", 3600.0)
    gate = gate_of(OpenBudget(), 20)
    gate.add_took = 30.0
    leaving = [asyncio.create_task(leaves(one)) for one in await entered(gate, want, adding=adding)]
    assert len(leaving) == want
    await asyncio.sleep(0)
    assert all(one.done() for one in leaving)


async def test_however_far_apart_they_leave_none_does_long_after_its_slot():
    budget = OpenBudget()
    gate = gate_of(budget, 20)
    gate.add_took = 30.0
    permits = await entered(gate, 19)
    await asyncio.sleep(LATE * 1.2)
    await leaves(permits[-1])
    assert budget.taken == 20


async def test_permits_that_are_given_back_free_their_places_and_slots():
    budget = OpenBudget()
    gate = gate_of(budget, 4)
    permits = await entered(gate, 3, adding=False)
    await gate.give_back(permits[1:])
    await gate.give_back([])
    assert budget.given_back == [2]
    assert len(await entered(gate, adding=False)) == 3


@pytest.mark.parametrize("adding", [True, False])
async def test_a_probe_that_is_given_back_lets_the_next_one_through(adding):
    budget = OpenBudget()
    budget.probing = True
    gate = gate_of(budget, 4)
    permits = await entered(gate, 1, adding=adding)
    assert [permit.probe for permit in permits] == [True]
    await gate.give_back(permits)
    assert budget.given_back == [PauseScope.ADD if adding else PauseScope.ALL]


async def test_a_paused_panel_or_a_closed_gate_takes_no_place():
    budget = OpenBudget()
    gate = gate_of(budget, 2)
    budget.take = lambda _want, _scopes: paused()
    assert isinstance(await gate.enter(2), Paused)
    del budget.take
    assert len(await entered(gate, 2, adding=False)) == 2
    gate = gate_of(budget, 2)
    gate.close()
    assert isinstance(await gate.enter(2), Closed)


async def paused():
    return Paused("outage", 5.0)


async def test_no_call_passes_before_the_account_is_known_to_be_right():
    budget, account = OpenBudget(), Account(holds=True)
    gate = gate_of(budget, 2, account)
    for adding in (True, False, True, False):  # each gives its places back
        assert await asyncio.wait_for(gate.enter(2, adding=adding), 10) == Paused("other_account", 1.0)
    asked = budget.taken  # the check's own calls have slots too
    assert asked == 4
    account.holds = False
    await ended(await entered(gate, 1))
    assert budget.taken == asked + 2


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_pause_for_another_account_has_the_account_checked_again(is_right):
    class PausedBudget(OpenBudget):
        def __init__(self):
            super().__init__()
            self.paused = True

        async def take(self, want, scopes):
            return (
                Paused(PauseReason.OTHER_ACCOUNT, 1e9) if scopes and self.paused else await super().take(want, scopes)
            )

    class RightAfterAll(Account):
        def doubt(self):
            super().doubt()
            budget.paused = not is_right
            self.holds = not is_right

    budget, account = PausedBudget(), RightAfterAll(holds=False)
    permits = await asyncio.wait_for(gate_of(budget, 1, account).enter(), 10)
    assert isinstance(permits, list) is is_right
    assert account.doubts == 1
