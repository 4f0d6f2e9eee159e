"""Signs of life and readiness, by a clock of the tests' own."""

import asyncio

import pytest

from tests.unit.observe.conftest import Clock
from worker.observe.liveness import ANSWER_COUNTS, Hearts, Readiness, at_rest, beat

LONGEST = 10.0


class Loop:
    """A loop that does what it is told, step by step."""

    def __init__(self) -> None:
        self._steps: asyncio.Queue[str] = asyncio.Queue()
        self.wakes = asyncio.Event()

    async def __call__(self) -> None:
        while True:
            match await self._steps.get():
                case "beat":
                    beat()
                case "rest":
                    with at_rest():
                        await self.wakes.wait()
                case "begin a task":
                    task = asyncio.create_task(begun())
                    await task
                case "return":
                    return
                case "throw":
                    raise RuntimeError("a mistake")

    async def do(self, step: str) -> None:
        self._steps.put_nowait(step)
        await settled()


async def begun() -> None:
    beat()
    with at_rest():
        pass


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def hearts(clock: Clock) -> Hearts:
    return Hearts(clock)


@pytest.fixture
async def loop(hearts: Hearts):
    loop = Loop()
    task = asyncio.create_task(hearts.watch("it", LONGEST, loop))
    await settled()
    yield loop
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_silence_is_measured_from_the_last_sign(loop: Loop, hearts: Hearts, clock: Clock) -> None:
    clock.now += LONGEST
    await loop.do("beat")
    clock.now += LONGEST
    assert hearts.silences() == {"it": LONGEST}
    assert hearts.standing_still() == []
    clock.now += 1
    assert hearts.standing_still() == ["it"]
    await loop.do("beat")
    assert hearts.standing_still() == []


async def test_a_loop_at_rest_may_be_silent(loop: Loop, hearts: Hearts, clock: Clock) -> None:
    await loop.do("rest")
    clock.now += 1000 * LONGEST
    assert hearts.silences() == {"it": 0}
    loop.wakes.set()
    await settled()
    assert hearts.standing_still() == []
    clock.now += LONGEST + 1
    assert hearts.standing_still() == ["it"]


async def test_what_a_loop_began_gives_no_sign_for_it(loop: Loop, hearts: Hearts, clock: Clock) -> None:
    clock.now += LONGEST + 1
    await loop.do("begin a task")
    assert hearts.standing_still() == ["it"]


async def test_a_loop_that_returns_is_no_longer_expected(loop: Loop, hearts: Hearts, clock: Clock) -> None:
    await loop.do("return")
    clock.now += LONGEST + 1
    assert hearts.silences() == {}
    assert hearts.standing_still() == []


async def test_a_loop_that_has_thrown_stands_still(loop: Loop, hearts: Hearts, clock: Clock) -> None:
    await loop.do("throw")
    clock.now += LONGEST + 1
    assert hearts.standing_still() == ["it"]


async def test_signs_outside_of_any_watched_loop_are_nobodys() -> None:
    await begun()


class TestReadiness:
    def test_before_the_first_answer(self, clock: Clock) -> None:
        assert Readiness(clock).obstacle == "the database hasn't answered yet"

    def test_an_answer_counts_for_a_while(self, clock: Clock) -> None:
        ready = Readiness(clock)
        ready.note(None)
        clock.now += ANSWER_COUNTS
        assert ready.obstacle is None
        clock.now += 1
        assert ready.obstacle == "the database was last seen 21 s ago"

    def test_an_obstacle_stands_until_the_next(self, clock: Clock) -> None:
        ready = Readiness(clock)
        ready.note("it is away")
        clock.now += 10 * ANSWER_COUNTS
        assert ready.obstacle == "it is away"
        ready.note(None)
        assert ready.obstacle is None

    def test_not_while_it_stops(self, clock: Clock) -> None:
        ready = Readiness(clock)
        ready.drain()
        ready.note(None)
        assert ready.obstacle == "the worker is stopping"
