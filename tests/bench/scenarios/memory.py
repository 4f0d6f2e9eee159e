"""What a worker holds in memory: at its start, after much work, with much that is open, and after some time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import psycopg

from tests.bench import fill
from tests.bench.results import Figure, Outcome, Runs
from tests.bench.scenarios.submit import NOTHING_ON_ITS_WAY
from tests.bench.stage import Stage, until

#: Seconds between two looks at the process.
EVERY = 0.2

#: Orders that come every second while it works steadily.
STEADY = 50


@dataclass(frozen=True)
class Sizes:
    """`seconds`: for which the open orders are looked at before it counts. `minutes`: of steady work at the end."""

    orders: int = 20_000
    open: int = 1_000_000
    seconds: float = 60.0
    minutes: float = 0.5
    concurrency: int = 16


async def run(stage: Stage, sizes: Sizes) -> Outcome:
    runs = Runs()
    with stage.database() as url:
        with fill.filling(url):
            pass
        await stage.panel.reset()
        async with stage.daemon(url, sizes.concurrency) as daemon:
            process = psutil.Process(daemon.process.pid)

            async def highest(name: str, seconds: float, work: Callable[[], None] = lambda: None) -> None:
                """Work is done every second, and the most that the process held is kept."""
                ended = time.monotonic() + seconds
                most = last = 0
                next_work = time.monotonic()
                while time.monotonic() < ended:
                    if time.monotonic() >= next_work:
                        await asyncio.to_thread(work)
                        next_work += 1
                    last = process.memory_info().rss
                    most = max(most, last)
                    await asyncio.sleep(EVERY)
                runs.add(name, {"highest": most / 1e6, "last": last / 1e6})

            await highest("at its start", 3)
            await asyncio.to_thread(_insert, url, sizes.orders)
            await until(url, NOTHING_ON_ITS_WAY)
            await highest(f"after {sizes.orders:,} orders", 3)
            await asyncio.to_thread(_open, url, sizes.open)
            await highest(f"with {sizes.open:,} open orders, looking", sizes.seconds)
            await highest(
                f"after {sizes.minutes:g} minutes of steady work", sizes.minutes * 60, lambda: _insert(url, STEADY)
            )
    figures = [Figure(name, runs.median(name, "highest"), "MB") for name in runs.of]
    return Outcome("Resident memory of the worker", figures, runs=runs)


def _insert(url: str, orders: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        fill.pending(connection, orders)


def _open(url: str, orders: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        fill.open_ones(connection, orders)
