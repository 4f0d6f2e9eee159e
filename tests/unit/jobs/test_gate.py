"""Calls at once: orders take every place while they are quick, and leave one to the others' news otherwise."""

import asyncio
import time
from datetime import UTC, datetime
from typing import cast

import pytest

from worker.domain.orders.outcomes import Accepted
from worker.jobs.machinery import gate as gate_module
from worker.jobs.machinery.gate import LATE, Gate
from worker.store.shared.budget import Budget, Slots


class OpenBudget:
    """As much as anybody wants."""

    def __init__(self):
        self.taken = 0

    async def take(self, want, scopes):
        self.taken += want
        return Slots(want, 0.0, 0.0, next_at=datetime.now(UTC))


@pytest.fixture(params=[1, 2, 3, 64])
def concurrency(request):
    return request.param


@pytest.fixture
def gate(concurrency):
    return Gate("shop", cast("Budget", OpenBudget()), concurrency)


def took(seconds, monkeypatch):
    """From here on, orders take longer than QUICK, or not."""
    monkeypatch.setattr(gate_module, "QUICK", 3600.0 if seconds == "quick" else -1.0)


async def entered(gate, want=1000, *, adding=True):
    passes = await asyncio.wait_for(gate.enter(want, adding=adding), 10)
    assert isinstance(passes, list)
    return passes


async def ended(passes):
    """Calls of these were made, and answered."""
    for one in passes:
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
    passes = await entered(gate)
    assert len(passes) == max(1, concurrency - 1)
    assert not await is_let_through(gate, adding=True)
    assert await is_let_through(gate, adding=False) == (concurrency > 1)


async def test_quick_orders_take_every_place(gate, concurrency, monkeypatch):
    took("quick", monkeypatch)
    await ended(await entered(gate))
    passes = await entered(gate)
    assert len(passes) == concurrency
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
        passes = await entered(gate, 1, adding=adding)
        turns.append(name)
        await ended(passes)

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
    gate = Gate("shop", cast("Budget", OpenBudget()), 20)
    gate.add_took = seconds
    entered_at = asyncio.get_running_loop().time()
    passes = await entered(gate, 19)
    began_at = await asyncio.gather(*(leaves(one) for one in passes))
    precision = time.get_clock_info("monotonic").resolution
    assert all(at - entered_at >= spread / 20 * nth - precision for nth, at in enumerate(began_at))


@pytest.mark.parametrize(("want", "adding"), [(1, True), (19, False)])
async def test_a_single_order_and_all_other_news_leave_at_once(want, adding, monkeypatch):
    monkeypatch.setattr(gate_module, "LATE", 3600.0)
    gate = Gate("shop", cast("Budget", OpenBudget()), 20)
    gate.add_took = 30.0
    leaving = [asyncio.create_task(leaves(one)) for one in await entered(gate, want, adding=adding)]
    assert len(leaving) == want
    await asyncio.sleep(0)
    assert all(one.done() for one in leaving)


async def test_however_far_apart_they_leave_none_does_long_after_its_slot():
    budget = OpenBudget()
    gate = Gate("shop", cast("Budget", budget), 20)
    gate.add_took = 30.0
    passes = await entered(gate, 19)
    await asyncio.sleep(LATE * 1.2)
    await leaves(passes[-1])
    assert budget.taken == 20
