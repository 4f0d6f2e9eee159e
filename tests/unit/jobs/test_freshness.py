"""When the mirror of a catalogue may deny a service, and how often a new mirror is asked for."""

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from worker.jobs.machinery.freshness import ASK_AGAIN, FRESH, Freshness

if TYPE_CHECKING:
    from worker.store.shared.periodic_work import PeriodicWork


class Mirroring:
    """A shared job that last succeeded `age_now` seconds ago."""

    def __init__(self) -> None:
        self.age_now: float | None = None
        self.hastened: list[float] = []

    async def age(self) -> float | None:
        return self.age_now

    async def hasten(self, seconds: float) -> None:
        self.hastened.append(seconds)


class World:
    def __init__(self) -> None:
        self.mirroring = Mirroring()
        self.fetched = 0
        self.freshness = Freshness(cast("PeriodicWork", self.mirroring), self._fetch)

    def _fetch(self) -> None:
        self.fetched += 1


@pytest.fixture
async def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of the event loop, which a test may set."""
    time = [1000.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time[0])
    return time


async def test_a_mirror_is_not_fresh_before_its_age_is_known(now: list[float]) -> None:
    assert not World().freshness.is_fresh()


async def test_a_young_mirror_is_fresh_until_it_is_too_old(now: list[float]) -> None:
    world = World()
    world.mirroring.age_now = FRESH - 1.0
    await world.freshness.refresh()
    assert world.freshness.is_fresh()
    now[0] += 0.5
    assert world.freshness.is_fresh()
    now[0] += 0.5
    assert not world.freshness.is_fresh()
    assert (world.fetched, world.mirroring.hastened) == (0, [])


@pytest.mark.parametrize("age", [None, FRESH, 10 * FRESH])
async def test_a_new_mirror_is_asked_for_and_not_too_often(now: list[float], age: float | None) -> None:
    world = World()
    world.mirroring.age_now = age
    await world.freshness.refresh()
    now[0] += ASK_AGAIN - 0.5
    await world.freshness.refresh()
    assert not world.freshness.is_fresh()
    assert (world.fetched, world.mirroring.hastened) == (1, [0])
    now[0] += 0.5
    await world.freshness.refresh()
    assert (world.fetched, world.mirroring.hastened) == (2, [0, 0])
