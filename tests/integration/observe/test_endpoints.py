"""Health and metrics over HTTP, with loops that really stand still."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.unit.observe.conftest import Clock
from worker.domain.orders.trouble import PauseScope
from worker.jobs.machinery.breaker import Breaker
from worker.jobs.machinery.gate import Gate, Permit
from worker.jobs.machinery.runner import Runner
from worker.observe import liveness as liveness_module
from worker.observe.endpoints import CannotListenError, serve
from worker.observe.liveness import EventLoopLag, Hearts, Liveness, Readiness
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
def liveness(clock: Clock) -> Liveness:
    return Liveness(hearts=Hearts(clock))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3", ["shop"])


def served(
    liveness: Liveness,
    metrics: Metrics,
    readiness: Readiness | None = None,
    *,
    host: str | None = "127.0.0.1",
    port: int = 0,
) -> AbstractAsyncContextManager[list[str]]:
    return serve(host, port, liveness=liveness, readiness=readiness or Readiness(), metrics=metrics)


@asynccontextmanager
async def watched(liveness: Liveness, metrics: Metrics, run: Callable[[], Awaitable[Any]]) -> AsyncIterator[Runner]:
    """A job's runner at its work, woken once."""
    runner = Runner("submit", run, metrics, panel="shop")
    runner.wake()
    task = asyncio.create_task(liveness.hearts.watch("submit shop", LONGEST, runner.turn))
    yield runner
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_job_that_runs_now_and_then_lives(liveness: Liveness, metrics: Metrics, clock: Clock) -> None:
    ran = asyncio.Event()

    async def run() -> None:
        ran.set()

    async with served(liveness, metrics) as (address,), watched(liveness, metrics, run) as runner:
        for _ in range(3):
            await ran.wait()
            ran.clear()
            clock.now += LONGEST
            assert (await get(address, "/healthz"))[0] == 200
            runner.wake()


async def test_a_loop_that_stands_still_is_named_until_it_goes_on(
    liveness: Liveness, metrics: Metrics, clock: Clock
) -> None:
    runs = asyncio.Semaphore(0)
    async with served(liveness, metrics) as (address,), watched(liveness, metrics, runs.acquire) as runner:
        assert (await get(address, "/healthz"))[0] == 200
        clock.now += LONGEST + 1
        status, body = await get(address, "/healthz")
        assert (status, body["ok"], body["stuck"]) == (503, False, ["submit shop"])
        assert body["seconds_since_sign_of_life"] == {"submit shop": LONGEST + 1}
        runner.wake()
        runs.release()
        assert (await get(address, "/healthz"))[0] == 200


async def test_waiting_for_a_slot_of_the_panel_is_no_standing_still(
    liveness: Liveness, metrics: Metrics, clock: Clock
) -> None:
    gate = Gate("shop", OpenBudget(), Breaker("shop", OpenBudget()), concurrency=1)
    passed = asyncio.Queue[Permit]()

    async def wants_two() -> None:
        for _ in range(2):
            permits = await gate.enter()
            assert isinstance(permits, list)
            passed.put_nowait(permits[0])

    async with served(liveness, metrics) as (address,), watched(liveness, metrics, wants_two):
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
    monkeypatch.setattr(liveness_module, "MEASURE_EVERY", 0.01)
    lag = EventLoopLag()
    task = asyncio.create_task(lag.measure())
    await asyncio.sleep(0.05)
    time.sleep(0.3)  # noqa: ASYNC251 - it is what is tested
    await asyncio.sleep(0.02)
    assert 0.25 < lag.worst < 5
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_readiness(liveness: Liveness, metrics: Metrics) -> None:
    readiness = Readiness()
    async with served(liveness, metrics, readiness) as (address,):
        assert await get(address, "/readyz") == (503, {"ok": False, "why": "the database hasn't answered yet"})
        readiness.note(None)
        assert await get(address, "/readyz") == (200, {"ok": True, "why": None})


async def test_metrics_are_text_that_prometheus_takes(liveness: Liveness, metrics: Metrics) -> None:
    async with (
        served(liveness, metrics) as (address,),
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/metrics") as answer,
    ):
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'order_sync_build_info{python="' in await answer.text()


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
async def test_an_address_of_ipv6(liveness: Liveness, metrics: Metrics) -> None:
    try:
        async with served(liveness, metrics, host="::1") as (address,):
            assert address.startswith("[::1]:")
            assert (await get(address, "/healthz"))[0] == 200
    except CannotListenError as error:
        pytest.skip(f"there is no IPv6 here: {error}")


async def test_everywhere(liveness: Liveness, metrics: Metrics) -> None:
    async with served(liveness, metrics, host=None) as addresses:
        port = next(address.rpartition(":")[2] for address in addresses if address.startswith("0.0.0.0"))  # noqa: S104 - what is tested
        assert (await get(f"127.0.0.1:{port}", "/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.1", "address already in use"), ("192.0.2.1", "cannot assign requested address")]
)
async def test_where_nobody_can_listen(liveness: Liveness, metrics: Metrics, host: str, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotListenError, match=f"^{reason}$"):
        async with served(liveness, metrics, host=host, port=taken.getsockname()[1]):
            pass
