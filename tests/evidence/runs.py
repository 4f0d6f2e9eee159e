"""Runs worlds, in several processes where that is asked for, and tells what went wrong in one."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import count, islice
from typing import TypeVar
from unittest import mock

from tests.evidence import misleading, shops
from tests.evidence.examiner import Examiner, Outcome
from tests.evidence.history import History
from tests.evidence.score import Score, score
from tests.evidence.world import World
from worker.domain.evidence import owners
from worker.domain.evidence.questions import Premises

_Job = TypeVar("_Job")
_Done = TypeVar("_Done")

#: Worlds that a process takes on at once.
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Told:
    """How a world ended. `story` says what went wrong in it, in lines."""

    name: str
    score: Score
    story: str = ""


def examined(name: str, history: History, premises: Premises, *, daily: bool = False, watched: bool = False) -> Told:
    world = World(history)
    outcome = Examiner(world, premises, daily=daily, watched=watched).run()
    result = score(world, outcome)
    is_alarm = result.shared and not history.by_hand
    return Told(name, result, "\n".join(_story(world, outcome)) if result.is_bad or is_alarm else "")


def small(seed: int, breaks: str = "", *, daily: bool = False) -> Told:
    """Runs a small misleading world. In every third one, two possible owners are a crowd."""
    crowd, many = (owners.CROWD, owners._MANY) if seed % 3 else (2, 2)
    with mock.patch.multiple(owners, CROWD=crowd, _MANY=many):
        history = misleading.history(seed, breaks)
        return examined(f"small world {seed}", history, misleading.PREMISES, daily=daily, watched=not breaks)


def any_shop(seed: int) -> Told:
    """Runs a random world of real size."""
    chance = random.Random(seed)
    choose = chance.choice
    shop = shops.Shop(
        own=choose([1, 0.3, 0.1, 1 / 60, 1 / 1800]),
        others=choose([0, 0.1, 1, 5, 20]),
        loss=choose([0.05, 0.1, 0.3, None]),
        alike=choose([0, 0.5, 0.9]),
        cut=choose([0, 0.2, 0.5]),
        decimals=choose([2, 3, 5]),
        prices=choose(["steady", "drift", "discount", "discount starts"]),
        hidden=choose([0, 60, 200, 299]),
        late=choose([60, 299]),
        parents=choose([0, 0, 0.1]),
        hangs=chance.random() < 0.5,
        remains=choose(["units", "none", "zero"]),
        lost=choose([15, 40]),
        most=600,
    )
    return examined(f"world {seed}: {shop}", shops.history(shop, seed), shops.PREMISES, watched=True)


def all_of(job: Callable[[_Job], _Done], jobs: Iterable[_Job], processes: int) -> Iterator[_Done]:
    """Yields what comes of each, in their order."""
    if processes == 1:
        yield from map(job, jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(job, jobs)


def for_seconds(job: Callable[[int], _Done], first: int, seconds: float, processes: int) -> Iterator[_Done]:
    """Yields what comes of each seed from the first on, until so many seconds are over."""
    ends_at = time.monotonic() + seconds
    if processes == 1:
        for seed in count(first):
            yield job(seed)
            if time.monotonic() > ends_at:
                return
    with ProcessPoolExecutor(processes) as pool:
        seeds = count(first)
        while time.monotonic() < ends_at:
            yield from pool.map(job, islice(seeds, _AT_ONCE * processes), chunksize=_AT_ONCE // 4)


def _story(world: World, outcome: Outcome) -> Iterator[str]:
    if outcome.shared_at is not None:
        yield f"  at {outcome.shared_at:.1f} the account was taken for a shared one"
    for left_out in outcome.left_out[:3]:
        yield f"  at {left_out.at:.1f} no owner of {left_out.sighting}: {left_out.order}"
    for order in world.lost:
        verdict, taken = outcome.verdicts.get(order), world.of_order.get(order)
        truth = taken.number if taken else None
        if verdict is not None and verdict.number != truth:
            yield f"  at {verdict.at:.1f} linked to {verdict.number}, and it is {truth}: {order}"
        elif verdict is None and order in outcome.bought and taken is None:
            yield f"  at {outcome.bought[order]:.1f} said to be bought, and it isn't: {order}"
