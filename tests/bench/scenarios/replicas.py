"""Several workers on one database, with a panel that takes its time."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.bench import fill
from tests.bench.results import Figure, Outcome, Runs
from tests.bench.scenarios.submit import measured
from tests.bench.stage import Stage


@dataclass(frozen=True)
class Sizes:
    """`orders`, `concurrency`: of each worker. `latency` is in seconds."""

    workers: str = "1,2,4"
    orders: int = 800
    concurrency: int = 16
    latency: float = 0.3
    rounds: int = 3


async def run(stage: Stage, sizes: Sizes) -> Outcome:
    counts = {f"{count} worker{'s' * (count > 1)}": count for count in map(int, sizes.workers.split(","))}
    runs = Runs()
    for _ in range(sizes.rounds):
        for name, count in counts.items():
            runs.add(name, await _submitted(stage, count, sizes))
    one = runs.median(next(iter(counts)))
    figures = [Figure(name, runs.median(name), "orders/s", runs.median(name) / one) for name in counts]
    return Outcome(
        f"Workers side by side, a panel that takes {sizes.latency * 1000:.0f} ms", figures, "to one worker", runs
    )


async def _submitted(stage: Stage, workers: int, sizes: Sizes) -> dict[str, float]:
    """All begin at once: the orders come when they are all there."""
    orders = sizes.orders * workers
    await stage.panel.reset(latency=sizes.latency)
    with stage.database() as url:
        async with AsyncExitStack() as running:
            daemons = [await running.enter_async_context(stage.daemon(url, sizes.concurrency)) for _ in range(workers)]
            with fill.connection_to_shop(url) as connection:
                fill.pending(connection, orders)
            return await measured(stage, url, orders, *(daemon.process for daemon in daemons))
