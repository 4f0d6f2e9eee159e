"""How soon an inserted row is on the wire, with an idle worker and its default settings."""

import asyncio
import random
import time
from dataclasses import dataclass

import psycopg

from tests.bench import fill
from tests.bench.results import Figure, Outcome, Runs, percentile
from tests.bench.stage import Stage

WARM_UP = 5

#: Seconds from one row's request to the next row, so that the worker is idle again; varied, so that rows and ticks
#: don't fall into step.
SPACING = (0.15, 0.35)

INSERT = "INSERT INTO orders (service, link, quantity) VALUES ('1', 'https://example.com/bench', 100)"


@dataclass(frozen=True)
class Sizes:
    orders: int = 200
    concurrency: int = 16


async def run(stage: Stage, sizes: Sizes) -> Outcome:
    runs = Runs()
    dice = random.Random(1)
    with stage.database() as url:
        with fill.filling(url):
            pass
        await stage.panel.reset()
        async with stage.daemon(url, sizes.concurrency) as daemon:
            with psycopg.connect(url, autocommit=True) as producer:
                for number in range(1, WARM_UP + sizes.orders + 1):
                    arrival = asyncio.create_task(stage.panel.reached("add", number, daemon.process))
                    committed_at = await asyncio.to_thread(_insert, producer)
                    arrived_at = (await arrival)["last_at"]["add"]
                    if number > WARM_UP:
                        runs.add("from commit to wire", {"ms": (arrived_at - committed_at) * 1000})
                    await asyncio.sleep(dice.uniform(*SPACING))
    found = [run["ms"] for run in runs.of["from commit to wire"]]
    shares = {"median": 0.5, "95 of 100 within": 0.95, "99 of 100 within": 0.99, "all within": 1.0}
    figures = [Figure(name, percentile(found, share), "ms") for name, share in shares.items()]
    return Outcome("From the commit of a row to its request on the wire", figures, runs=runs)


def _insert(producer: psycopg.Connection) -> float:
    producer.execute(INSERT)
    return time.monotonic()
