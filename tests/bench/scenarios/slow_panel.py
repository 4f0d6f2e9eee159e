"""A panel that takes its time: how much of what its answers allow is reached."""

from dataclasses import dataclass

from tests.bench.results import Figure, Outcome, Runs
from tests.bench.scenarios.submit import BARE, submitted_by_worker
from tests.bench.stage import Stage

WORKER = "order-sync"


@dataclass(frozen=True)
class Sizes:
    """`latency` is in seconds."""

    orders: int = 4_400
    concurrency: int = 64
    latency: float = 0.3
    rounds: int = 3


async def run(stage: Stage, sizes: Sizes) -> Outcome:
    runs = Runs()
    for _ in range(sizes.rounds):
        runs.add(BARE, await _bare(stage, sizes))
        runs.add(WORKER, await submitted_by_worker(stage, sizes.orders, sizes.concurrency, latency=sizes.latency))
    possible = sizes.concurrency / sizes.latency
    figures = [
        Figure("possible: calls at a time / seconds of each", possible, "orders/s", ours=False),
        Figure(BARE, runs.median(BARE), "orders/s", runs.median(BARE) / possible, ours=False),
        Figure(WORKER, runs.median(WORKER), "orders/s", runs.median(WORKER) / possible),
    ]
    return Outcome(f"Orders to a panel that takes {sizes.latency * 1000:.0f} ms", figures, "to what is possible", runs)


async def _bare(stage: Stage, sizes: Sizes) -> dict[str, float]:
    return await stage.bare("add", sizes.orders, sizes.concurrency, calls=sizes.orders, latency=sizes.latency)
