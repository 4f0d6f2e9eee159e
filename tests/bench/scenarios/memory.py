"""What a worker holds in memory: at its start, after much work, with much that is open, and after some time."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import psutil
import psycopg

from tests.bench import fill
from tests.bench.results import Figure, Outcome, Runs
from tests.bench.scenarios.submit import NOTHING_ON_ITS_WAY
from tests.bench.stage import Stage, until
from worker.panel import BATCH

#: The first look at an order that was sent here brings its first status.
ALL_HAVE_NEWS = "SELECT NOT EXISTS (SELECT FROM orders WHERE id <= {last} AND checked_at IS NULL)"

#: Seconds between two looks at the process.
EVERY = 0.2

#: Orders that come every second while it works steadily.
STEADY = 50

#: Seconds for which it is looked at where nothing is to be waited for.
A_WHILE = 3


@dataclass(frozen=True)
class Sizes:
    """`minutes`: of steady work at the end."""

    orders: int = 20_000
    open: int = 1_000_000
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

            async def highest(name: str, meanwhile: Awaitable[object]) -> None:
                """The most that the process holds until that has come to its end."""
                end = asyncio.ensure_future(meanwhile)
                held = [process.memory_info().rss]
                while not end.done():
                    await asyncio.wait([end], timeout=EVERY)
                    held.append(process.memory_info().rss)
                end.result()
                runs.add(name, {"highest": max(held) / 1e6, "last": held[-1] / 1e6})

            await highest("at its start", asyncio.sleep(A_WHILE))
            await asyncio.to_thread(_insert, url, sizes.orders)
            await until(url, NOTHING_ON_ITS_WAY)
            await highest(f"after {sizes.orders:,} orders", asyncio.sleep(A_WHILE))
            looks = (await stage.panel.seen())["seen"].get("status", 0) + -(-sizes.open // BATCH)
            await asyncio.to_thread(_open, url, sizes.open)

            async def all_looked_at() -> None:
                await stage.panel.reached("status", looks, daemon.process)
                await until(url, ALL_HAVE_NEWS.format(last=sizes.orders))

            # What one bunch takes, of looks without news and with it, isn't growth, however fast the machine is.
            await highest(f"with {sizes.open:,} open orders, all polled", all_looked_at())
            await highest(f"after {sizes.minutes:g} minutes of steady work", _steady(url, sizes.minutes * 60))
    figures = [Figure(name, runs.median(name, "highest"), "MB") for name in runs.of]
    return Outcome("Resident memory of the worker", figures, runs=runs)


async def _steady(url: str, seconds: float) -> None:
    """Some orders each second."""
    clock = asyncio.get_running_loop().time
    next_at = clock()
    ended = next_at + seconds
    while next_at < ended:
        await asyncio.to_thread(_insert, url, STEADY)
        next_at += 1
        await asyncio.sleep(next_at - clock())


def _insert(url: str, orders: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        fill.pending(connection, orders)


def _open(url: str, orders: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        fill.open_ones(connection, orders)
