"""Several workers on one database, with a panel that takes its time."""

from dataclasses import dataclass

from tests.bench.results import Figure, Outcome, Runs
from tests.bench.scenarios.submit import submitted_by_workers
from tests.bench.stage import Stage


@dataclass(frozen=True)
class Sizes:
    """`orders`, `concurrency`: of each worker. `latency` is in seconds."""

    workers: str = "1,2,4"
    orders: int = 1_000
    concurrency: int = 16
    latency: float = 0.3
    rounds: int = 3


async def run(stage: Stage, sizes: Sizes) -> Outcome:
    counts = {f"{count} worker{'s' * (count > 1)}": count for count in map(int, sizes.workers.split(","))}
    runs = Runs()
    for _ in range(sizes.rounds):
        for name, count in counts.items():
            orders = sizes.orders * count
            measured = await submitted_by_workers(
                stage, orders, sizes.concurrency, latency=sizes.latency, workers=count
            )
            runs.add(name, measured)
    one = runs.median(next(iter(counts)))
    figures = [Figure(name, runs.median(name), "orders/s", runs.median(name) / one) for name in counts]
    return Outcome(
        f"Workers side by side, a panel that takes {sizes.latency * 1000:.0f} ms", figures, "to one worker", runs
    )
