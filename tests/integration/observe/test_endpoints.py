"""Health and metrics over HTTP, with loops that really stand still."""

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from worker.domain.trouble import PauseScope
from worker.jobs.gate import Gate
from worker.jobs.runner import Runner
from worker.observe import health as health_module
from worker.observe.endpoints import CannotListenError, serve
from worker.observe.health import EventLoopLag, Health
from worker.observe.metrics import Metrics
from worker.store.budget import Slots

#: Seconds within which a loop of these tests gives a sign of life.
LONGEST = 0.2


async def get(address: str, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}{path}") as answer:
        return answer.status, json.loads(await answer.text())


async def until(address: str, status: int) -> dict[str, Any]:
    """What /healthz says as soon as it has this status."""
    async with asyncio.timeout(10):
        while True:
            now, body = await get(address, "/healthz")
            if now == status:
                return dict(body)
            await asyncio.sleep(0.02)


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3", ["shop"])


async def watched(health: Health, metrics: Metrics, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    """A job's runner at its work."""
    runner = Runner("submit", run, metrics, panel="shop")
    runner.wake()
    return asyncio.create_task(health.hearts.watch("submit shop", LONGEST, runner.turn))


async def test_a_loop_that_stands_still_is_named_until_it_goes_on(health: Health, metrics: Metrics) -> None:
    goes_on = asyncio.Event()
    async with serve("127.0.0.1", 0, health, metrics) as (address,):
        task = await watched(health, metrics, goes_on.wait)
        assert (await get(address, "/healthz"))[0] == 200
        stuck = await until(address, 503)
        assert stuck["stuck"] == ["submit shop"]
        assert stuck["seconds_since_sign_of_life"]["submit shop"] > LONGEST
        goes_on.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_waiting_for_a_slot_of_the_panel_is_no_standing_still(health: Health, metrics: Metrics) -> None:
    gate = Gate("shop", OpenBudget(), concurrency=1)
    waits = asyncio.Event()

    async def wants_two() -> None:
        passes = await gate.enter()
        assert isinstance(passes, list)
        waits.set()
        await gate.enter()

    async with serve("127.0.0.1", 0, health, metrics) as (address,):
        task = await watched(health, metrics, wants_two)
        await waits.wait()
        await asyncio.sleep(3 * LONGEST)
        assert (await get(address, "/healthz"))[0] == 200
        gate.release(1, adding=False)
        await until(address, 503)  # the second one is let through, and then nothing wakes the job
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
