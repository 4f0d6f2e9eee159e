"""Health and metrics over HTTP, with loops that really stand still."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.unit.observe.conftest import Clock
from worker.domain.orders.trouble import PauseScope
from worker.jobs.machinery.gate import Gate, Pass
from worker.jobs.machinery.runner import Runner
from worker.observe import liveness as health_module
from worker.observe.endpoints import CannotListenError, serve
from worker.observe.liveness import EventLoopLag, Health, Hearts
from worker.observe.metrics import Metrics
from worker.store.shared.budget import Slots

#: Seconds within which a loop of these tests gives a sign of life.
LONGEST = 10.0


async def get(address: str, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}{path}") as answer:
        return answer.status, json.loads(await answer.text())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(hearts=Hearts(clock))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3", ["shop"])


@asynccontextmanager
async def watched(health: Health, metrics: Metrics, run: Callable[[], Awaitable[Any]]) -> AsyncIterator[Runner]:
    """A job's runner at its work, woken once."""
    runner = Runner("submit", run, metrics, panel="shop")
    runner.wake()
    task = asyncio.create_task(health.hearts.watch("submit shop", LONGEST, runner.turn))
    yield runner
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_job_that_runs_now_and_then_lives(health: Health, metrics: Metrics, clock: Clock) -> None:
    ran = asyncio.Event()

    async def run() -> None:
        ran.set()

    async with serve("127.0.0.1", 0, health, metrics) as (address,), watched(health, metrics, run) as runner:
        for _ in range(3):
            await ran.wait()
            ran.clear()
            clock.now += LONGEST
            assert (await get(address, "/healthz"))[0] == 200
            runner.wake()


async def test_a_loop_that_stands_still_is_named_until_it_goes_on(
    health: Health, metrics: Metrics, clock: Clock
) -> None:
    runs = asyncio.Semaphore(0)
    async with serve("127.0.0.1", 0, health, metrics) as (address,), watched(health, metrics, runs.acquire) as runner:
        assert (await get(address, "/healthz"))[0] == 200
        clock.now += LONGEST + 1
        status, body = await get(address, "/healthz")
        assert (status, body["ok"], body["stuck"]) == (503, False, ["submit shop"])
        assert body["seconds_since_sign_of_life"] == {"submit shop": LONGEST + 1}
        runner.wake()
        runs.release()
        assert (await get(address, "/healthz"))[0] == 200


async def test_waiting_for_a_slot_of_the_panel_is_no_standing_still(
    health: Health, metrics: Metrics, clock: Clock
) -> None:
    gate = Gate("shop", OpenBudget(), concurrency=1)
    passed = asyncio.Queue[Pass]()

    async def wants_two() -> None:
        for _ in range(2):
            passes = await gate.enter()
            assert isinstance(passes, list)
            passed.put_nowait(passes[0])

    async with serve("127.0.0.1", 0, health, metrics) as (address,), watched(health, metrics, wants_two):
        async with await passed.get():
            clock.now += 100 * LONGEST
            assert (await get(address, "/healthz"))[0] == 200
        await passed.get()
        assert (await get(address, "/healthz"))[0] == 200
        clock.now += LONGEST + 1
        assert (await get(address, "/healthz"))[0] == 503


class OpenBudget:
    """As much as anybody wants."""

    async def take(self, want: int, scopes: tuple[PauseScope, ...]) -> Slots:
        return Slots(want, 0.0, 0.0, next_at=None)


async def test_what_blocks_the_event_loop_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "MEASURE_EVERY", 0.01)
    lag = EventLoopLag()
    task = asyncio.create_task(lag.measure())
    await asyncio.sleep(0.05)
    time.sleep(0.3)  # noqa: ASYNC251 - it is what is tested
    await asyncio.sleep(0.02)
    assert 0.25 < lag.worst < 5
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_readiness(health: Health, metrics: Metrics) -> None:
    async with serve("127.0.0.1", 0, health, metrics) as (address,):
        assert await get(address, "/readyz") == (503, {"ok": False, "why": "the database hasn't been looked at yet"})
        health.readiness.checked(None)
        assert await get(address, "/readyz") == (200, {"ok": True, "why": None})


async def test_metrics_are_text_that_prometheus_takes(health: Health, metrics: Metrics) -> None:
    async with (
        serve("127.0.0.1", 0, health, metrics) as (address,),
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/metrics") as answer,
    ):
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'order_sync_build_info{python="' in await answer.text()


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
async def test_an_address_of_ipv6(health: Health, metrics: Metrics) -> None:
    try:
        async with serve("::1", 0, health, metrics) as (address,):
            assert address.startswith("[::1]:")
            assert (await get(address, "/healthz"))[0] == 200
    except CannotListenError as error:
        pytest.skip(f"there is no IPv6 here: {error}")


async def test_everywhere(health: Health, metrics: Metrics) -> None:
    async with serve(None, 0, health, metrics) as addresses:
        port = next(address.rpartition(":")[2] for address in addresses if address.startswith("0.0.0.0"))  # noqa: S104 - what is tested
        assert (await get(f"127.0.0.1:{port}", "/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.1", "address already in use"), ("192.0.2.1", "cannot assign requested address")]
)
async def test_where_nobody_can_listen(health: Health, metrics: Metrics, host: str, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotListenError, match=f"^{reason}$"):
        async with serve(host, taken.getsockname()[1], health, metrics):
            pass
