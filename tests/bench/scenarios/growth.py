"""What an order costs beside a long history, or beside much that is open: sent, and looked at with news.

The cost is processor time, the worker's and Postgres' together, and the time from the first request to the last commit.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from tests.bench import fill
from tests.bench.results import Figure, Outcome, Runs
from tests.bench.scenarios import statuses, submit
from tests.bench.stage import Stage

#: Seconds: what is open beside it is not looked at meanwhile.
FAR_AHEAD = 86_400.0


@dataclass(frozen=True)
class Sizes:
    """`closed`: orders in the tables, each with its events; the first is what the others are compared with.

    So many `orders` that what a worker does once, at its start, weighs little: it counts what is open, for one.
    """

    closed: str = "10000,1000000"
    open: int = 1_000_000
    orders: int = 12_000
    concurrency: int = 32
    rounds: int = 3


async def run(stage: Stage, sizes: Sizes) -> Outcome:
    runs = Runs()
    histories = [int(count) for count in sizes.closed.split(",")]
    shops = {f"{count:,} closed": (count, 0) for count in histories}
    shops[f"{sizes.open:,} open"] = (histories[0], sizes.open)
    with ExitStack() as databases:
        urls = {
            name: databases.enter_context(stage.database(name=f"shop{number}")) for number, name in enumerate(shops)
        }
        for name, (closed, open_ones) in shops.items():
            with fill.filling(urls[name]) as connection:
                fill.closed(connection, closed)
                fill.open_ones(connection, open_ones, due_in=FAR_AHEAD)
        for _ in range(sizes.rounds):
            for name, url in urls.items():
                runs.add(f"sent, {name}", await _sent(stage, url, sizes))
                runs.add(f"polled, {name}", await _looked_at(stage, url, sizes))
    return Outcome("Cost of one order beside many others", _figures(runs, shops), "to the first", runs)


def _figures(runs: Runs, shops: Mapping[str, object]) -> list[Figure]:
    figures = []
    for deed in ("sent", "polled"):
        for what, unit in (("cpu_us", "µs of processor"), ("us", "µs by the clock")):
            first = runs.median(f"{deed}, {next(iter(shops))}", what)
            for name in shops:
                cost = runs.median(f"{deed}, {name}", what)
                figures.append(Figure(f"{deed}, {name}", cost, unit, cost / first))
    return figures


async def _sent(stage: Stage, url: str, sizes: Sizes) -> dict[str, float]:
    with fill.filling(url) as connection:
        fill.pending(connection, sizes.orders)
    return _cost(await submit.submitted(stage, url, sizes.orders, sizes.concurrency))


async def _looked_at(stage: Stage, url: str, sizes: Sizes) -> dict[str, float]:
    """The orders that were sent before; the panel has news of each."""
    with fill.filling(url) as connection:
        connection.execute(
            "UPDATE polls SET due_at = now() WHERE order_id > (SELECT max(order_id) FROM polls) - %s", [sizes.orders]
        )
    return _cost(await statuses.looked_at(stage, url, sizes.orders, sizes.concurrency))


def _cost(run: Mapping[str, float]) -> dict[str, float]:
    return {**run, "us": 1e6 / run["rate"], "cpu_us": run["cpu_us_process"] + run["cpu_us_postgres"]}
