"""Open orders, asked about a hundred at a time: with news of each, and with none."""

from dataclasses import dataclass

from tests.bench import fill
from tests.bench.ceiling import ceiling
from tests.bench.panel import REMAINS
from tests.bench.results import Figure, Outcome, Runs
from tests.bench.scenarios.submit import CEILING
from tests.bench.stage import Stage, per_order, until
from worker.panel import BATCH

#: What the panel says remains of every order.
NEWS = {"none changed": REMAINS, "all changed": REMAINS - 1}

BARE = "its client alone: fetched and read"

#: What is asked of the panel alone.
A_BATCH = {"action": "status", "orders": ",".join(str(fill.OPEN_FROM + number) for number in range(BATCH))}

#: Longer than any run: nothing is looked at a second time, and what is due later than a lease lasts has been written.
LATER = 3600

#: Each by an index of its own: what is asked here counts as Postgres' work, and must not read what isn't due.
ALL_WRITTEN = """
    SELECT NOT EXISTS (SELECT FROM polls WHERE panel = 'default' AND settling
            AND due_at < now() + interval '10 minutes')
        AND NOT EXISTS (SELECT FROM polls WHERE panel = 'default' AND NOT settling
            AND due_at < now() + interval '10 minutes')
"""


@dataclass(frozen=True)
class Sizes:
    orders: int = 100_000
    concurrency: int = 16
    rounds: int = 3


async def run(stage: Stage, sizes: Sizes) -> Outcome:
    runs = Runs()
    with stage.database(name="bench_open") as template:
        with fill.filling(template) as connection:
            fill.open_ones(connection, sizes.orders)
        for _ in range(sizes.rounds):
            await stage.panel.reset()
            runs.add(CEILING, {"rate": BATCH * await ceiling(stage.panel.url, A_BATCH)})
            runs.add(BARE, await _bare(stage, sizes))
            for name, remains in NEWS.items():
                runs.add(name, await _worker(stage, sizes, remains))
    bare = runs.median(BARE)
    figures = [Figure(BARE, bare, "orders/s", ours=False)]
    figures += [Figure(name, runs.median(name), "orders/s", runs.median(name) / bare) for name in NEWS]
    return Outcome("Status of open orders, 100 to a request", figures, "to the client alone", runs)


async def _worker(stage: Stage, sizes: Sizes, remains: int) -> dict[str, float]:
    with stage.database("bench_open") as url:
        return await looked_at(stage, url, sizes.orders, sizes.concurrency, remains=remains)


async def looked_at(
    stage: Stage, url: str, orders: int, concurrency: int, *, remains: int = REMAINS
) -> dict[str, float]:
    """From the first look on the wire to the last one written. So many are due, and this is what remains of each."""
    later = str(LATER)
    await stage.panel.reset(remains=remains)
    async with stage.daemon(url, concurrency, POLLING__FASTEST=later, POLLING__SLOWEST=later) as daemon:
        began = (await stage.panel.reached("status", 1, daemon.process))["first_at"]["status"]
        before = stage.cpu(daemon.process)
        await stage.panel.reached("status", -(-orders // BATCH), daemon.process)
        ended = await until(url, ALL_WRITTEN)
        return per_order(orders, ended - began, before, stage.cpu(daemon.process))


async def _bare(stage: Stage, sizes: Sizes) -> dict[str, float]:
    return await stage.bare("status", sizes.orders, sizes.concurrency, calls=-(-sizes.orders // BATCH))
