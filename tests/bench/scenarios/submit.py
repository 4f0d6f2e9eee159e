"""Pending orders, out to the panel: the worker, and what else one could have taken."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench import fill
from tests.bench.ceiling import ceiling
from tests.bench.results import Figure, Outcome, Runs
from tests.bench.stage import Process, Stage, per_order, until, value

WORKER = "order-sync"
BARE = "its client alone, no database"
#: Among the runs alone: it shows that the panel isn't what limits.
CEILING = "what the panel can answer"

#: Each with its module and what it is told.
CONTENDERS = {
    "pgqueuer, its client": ("with_pgqueuer", "--client", "panel"),
    "pgqueuer, httpx": ("with_pgqueuer", "--client", "httpx"),
    "procrastinate, its client": ("with_procrastinate", "--client", "panel"),
    "procrastinate, httpx": ("with_procrastinate", "--client", "httpx"),
    "one after the other, requests": ("sequential",),
}

#: Each by an index of its own: what is asked here counts as Postgres' work, and must not read the history.
ON_THEIR_WAY = """
    (SELECT count(*) FROM orders WHERE state = 'pending') + (SELECT count(*) FROM orders WHERE state = 'submitting')
"""
NOTHING_ON_ITS_WAY = f"SELECT {ON_THEIR_WAY} = 0"


@dataclass(frozen=True)
class Sizes:
    """`seconds`: after so many, a contender is stopped, and what it has written by then counts."""

    orders: int = 20_000
    concurrency: int = 32
    rounds: int = 3
    seconds: float = 6.0


async def run(stage: Stage, sizes: Sizes) -> Outcome:
    runs = Runs()
    for _ in range(sizes.rounds):
        await stage.panel.reset()
        runs.add(CEILING, {"rate": await ceiling(stage.panel.url, {"action": "add"})})
        runs.add(WORKER, await submitted_by_worker(stage, sizes.orders, sizes.concurrency))
        runs.add(BARE, await stage.bare("add", sizes.orders, sizes.concurrency, calls=sizes.orders))
        for name, (module, *told) in CONTENDERS.items():
            runs.add(name, await _contender(stage, sizes, module, *told))
    ours = runs.median(WORKER)
    figures = [Figure(WORKER, ours, "orders/s")]
    figures += [
        Figure(name, runs.median(name), "orders/s", ours / runs.median(name), ours=False)
        for name in (BARE, *CONTENDERS)
    ]
    return Outcome("Pending orders to submitted", figures, "order-sync to it", runs)


async def submitted_by_worker(stage: Stage, orders: int, concurrency: int, *, latency: float = 0.0) -> dict[str, float]:
    """In a database of its own."""
    with _pending(stage, orders) as url:
        return await submitted(stage, url, orders, concurrency, latency=latency)


async def submitted(stage: Stage, url: str, orders: int, concurrency: int, *, latency: float = 0.0) -> dict[str, float]:
    """From the first order on the wire to the last one written. `orders` are pending."""
    await stage.panel.reset(latency=latency)
    async with stage.daemon(url, concurrency) as daemon:
        return await measured(stage, url, orders, daemon.process)


async def _contender(stage: Stage, sizes: Sizes, module: str, *told: str) -> dict[str, float]:
    with _pending(stage, sizes.orders) as url:
        await stage.panel.reset()
        told = ("--database", url, "--concurrency", str(sizes.concurrency), *told)
        async with stage.contender(module, *told) as process:
            return await measured(stage, url, sizes.orders, process, seconds=sizes.seconds)


@contextmanager
def _pending(stage: Stage, orders: int) -> Iterator[str]:
    with stage.database() as url:
        with fill.filling(url) as connection:
            fill.pending(connection, orders)
        yield url


async def measured(
    stage: Stage, url: str, orders: int, *processes: Process, seconds: float | None = None
) -> dict[str, float]:
    """From the first order on the wire to the last one written, or to the end of the time."""
    began = (await stage.panel.reached("add", 1, *processes))["first_at"]["add"]
    before = stage.cpu(*processes)
    try:
        async with asyncio.timeout(seconds):
            await stage.panel.reached("add", orders, *processes)
        ended = await until(url, NOTHING_ON_ITS_WAY)
    except TimeoutError:
        ended = time.monotonic()
    written = orders - value(url, f"SELECT {ON_THEIR_WAY}")
    return per_order(written, ended - began, before, stage.cpu(*processes))
