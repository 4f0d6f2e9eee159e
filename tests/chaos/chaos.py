"""Three workers, a panel that loses replies in every way, and somebody who kills what runs: what is left is counted.

By hand, in its long form: `make chaos ARGS="--seed 1 --orders 20000 --kills 500"`.
"""

import asyncio
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import Daemon, settings_for, worker
from tests.acceptance.samples import insert
from tests.plans import plan_of_options
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions, Where
from worker.sandbox.panel import ledger
from worker.store.schema.embedded import embedded_postgres
from worker.store.schema.migrate import migrate

REPLICAS = 3

#: Every way in which a reply can be lost.
LOSSES = (FaultKind.RESET, FaultKind.TIMEOUT, FaultKind.HTTP, FaultKind.CUT, FaultKind.EMPTY)

TIMEOUT = 2.0
SETTLE = 3.0

#: Seconds after which a panel takes what its client has given up, and for which a worker is frozen at the most: less
#: than SETTLE, also where a worker dies just after its request, and another one finds that at once.
LATE = FROZEN = 2.5
RECONCILE = 2.0

#: Seconds without any news after which nothing more is settled: an undecided order is examined again after ten times
#: RECONCILE at the latest.
PATIENCE = 10 * RECONCILE + 2 * SETTLE

#: What one service of the sandbox takes, so that each order of varied quantities has a charge of its own.
SERVICE, LEAST, MOST = "3", 100, 900_000
TWIN = 1000


@dataclass(frozen=True)
class Plan:
    """`alike`: the share of orders that are of one service and quantity. `kills` are spread over the run."""

    seed: int = 1
    orders: int = 600
    alike: float = 0.0
    kills: int = 12
    freezes: int = 3
    crashes: int = 1  #: of Postgres
    seconds: float = 25.0  #: over which kills, freezes and crashes are spread, unless they take longer
    lost: float = 0.10  #: share of replies that are lost after acceptance
    refused: float = 0.05  #: share of requests that are lost before it
    late: float = 0.005  #: share that are accepted after the client has given up

    def deeds(self) -> list[tuple[str, ...]]:
        """All that is done, in pairs, each at one time."""
        deeds = ["kill"] * self.kills + ["freeze"] * self.freezes + ["crash"] * self.crashes
        random.Random(self.seed + 1).shuffle(deeds)
        return [tuple(deeds[at : at + 2]) for at in range(0, len(deeds), 2)]


@dataclass
class Figures:
    seed: int = 0
    orders: int = 0
    seconds: float = 0.0
    kills: int = 0
    freezes: int = 0
    crashes: int = 0
    unconfirmed: int = 0  #: orders that ever were
    parked: int = 0  #: of those, still are
    doubts: dict[str, int] = field(default_factory=dict)  #: why
    doubled: int = 0
    lost: int = 0
    wrongly_linked: int = 0
    untrue: list[str] = field(default_factory=list)  #: rows that say other than the ledger
    stories: list[str] = field(default_factory=list)  #: of each order with which something is wrong

    @property
    def settled(self) -> float:
        return 1.0 if self.unconfirmed == 0 else 1 - self.parked / self.unconfirmed

    def __str__(self) -> str:
        told = asdict(self) | {"settled": f"{self.settled:.1%}", "untrue": len(self.untrue)}
        del told["stories"]
        figures = [f"{name.replace('_', ' '):>15}  {value}" for name, value in told.items()]
        return "\n".join([*figures, *self.untrue, *self.stories])


class Fleet:
    """The workers, each started again when it ends."""

    def __init__(self, settings: dict[str, str], tables: Tables, logs: Path) -> None:
        self._settings = settings
        self._tables = tables
        self._logs = logs
        self._started = 0
        self.running: dict[int, tuple[Daemon, AsyncExitStack]] = {}

    async def start(self) -> None:
        self._started += 1
        number = self._started
        stack = AsyncExitStack()
        daemon = await stack.enter_async_context(worker(self._settings, self._logs / f"worker{number}.log"))
        self.running[number] = (daemon, stack)

    async def kill(self, number: int) -> None:
        """SIGKILL, and the dead worker's lease is made to end, instead of waiting for it."""
        daemon, stack = self.running.pop(number)
        await daemon.kill()
        await stack.aclose()
        await self._end_lease(daemon)
        await self.start()

    async def freeze(self, number: int, seconds: float, *, past_lease: bool) -> None:
        daemon, _ = self.running[number]
        daemon.process.send_signal(signal.SIGSTOP)
        if past_lease:
            await self._end_lease(daemon)
        await asyncio.sleep(seconds)
        daemon.process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        for daemon, stack in self.running.values():
            assert await daemon.stop() == 0, daemon.text[-2000:]
            await stack.aclose()
        self.running.clear()

    async def _end_lease(self, daemon: Daemon) -> None:
        ended = "UPDATE workers SET lease_until = now() - interval '1 second' WHERE name LIKE %s AND ended_at IS NULL"
        with suppress(psycopg.OperationalError):  # the database may be down just now; then the lease ends by itself
            await asyncio.to_thread(self._tables.rows, ended, f"%:{daemon.process.pid}")


@asynccontextmanager
async def _fleet(settings: dict[str, str], tables: Tables, logs: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(settings, tables, logs)
    try:
        for _ in range(REPLICAS):
            await fleet.start()
        yield fleet
    finally:
        for daemon, stack in fleet.running.values():
            if daemon.process.returncode is None:
                await daemon.kill()
            await stack.aclose()


async def run(plan: Plan, directory: Path) -> Figures:
    """One run, with a Postgres of its own in `directory`."""
    figures = Figures(plan.seed, plan.orders)
    began = time.monotonic()
    options = SandboxOptions(balance=Decimal(10**9), foreign=2, seed=plan.seed, speed=0, keep_requests=10)
    with ExitStack() as databases:
        url = databases.enter_context(embedded_postgres(directory / "postgres"))
        migrate(url)
        tables = Tables(url)
        async with Sandbox(options) as sandbox:
            settings = settings_for(
                url,
                sandbox.url,
                RECONCILE__SETTLE=str(SETTLE),
                SCHEDULE__RECONCILE=str(RECONCILE),
                PANELS__DEFAULT__TIMEOUT=str(TIMEOUT),
                PANELS__DEFAULT__CONCURRENCY="8",
                # Looks at so many open orders would leave no time for anything else.
                POLLING__SLOWEST=str(max(1, plan.orders // 500)),
            )
            async with _fleet(settings, tables, directory) as fleet:
                insert(url, [_order(0, LEAST)])  # below the id of a first order nothing is known
                await tables.until("SELECT count(*) = 1 FROM orders WHERE state = 'submitted'")
                _spoil(sandbox, plan)
                feed = _feed(url, plan, portions=len(plan.deeds()))
                await _wreck(fleet, plan, figures, feed, lambda: _crash(databases, directory / "postgres"))
                sandbox.faults.clear()
                await sandbox.idle()
                await _calm(tables, sandbox)
                sandbox.clock.speed = 5000
                await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state = 'submitted')", 300)
                await fleet.stop()
            _count(tables, sandbox, figures, directory)
    figures.seconds = round(time.monotonic() - began, 1)
    return figures


def _order(number: int, quantity: int) -> dict[str, Any]:
    return {"service": SERVICE, "link": f"https://example.com/{number}", "quantity": quantity, "reference": str(number)}


def _spoil(sandbox: Sandbox, plan: Plan) -> None:
    for kind in LOSSES:
        for where, share in ((Where.AFTER, plan.lost), (Where.BEFORE, plan.refused)):
            sandbox.faults.add(
                Fault(kind=kind, action="add", where=where, probability=share / len(LOSSES), seconds=TIMEOUT + 1)
            )
    sandbox.faults.add(Fault(kind=FaultKind.LATE, action="add", probability=plan.late, seconds=LATE))


async def _feed(url: str, plan: Plan, portions: int) -> AsyncGenerator[None, None]:
    """Insert the orders bit by bit, as shops do: a portion at each turn."""
    dice = random.Random(plan.seed)
    quantities = dice.sample(range(LEAST + 1, MOST), plan.orders)
    for portion in range(portions):
        numbers = range(1 + plan.orders * portion // portions, 1 + plan.orders * (portion + 1) // portions)
        rows = [_order(n, TWIN if dice.random() < plan.alike else quantities[n - 1]) for n in numbers]
        while rows:
            try:
                await asyncio.to_thread(insert, url, rows)
            except psycopg.OperationalError:
                await asyncio.sleep(0.2)
            except psycopg.errors.UniqueViolation:  # the commit took effect, and its answer was lost
                break
            else:
                break
        yield


async def _wreck(fleet: Fleet, plan: Plan, figures: Figures, feed: AsyncIterator[None], crash: Any) -> None:
    """Do all that is planned, each with orders on their way."""
    dice = random.Random(plan.seed + 2)
    deeds = plan.deeds()
    for pair in deeds:
        await anext(feed)
        await asyncio.sleep(plan.seconds / len(deeds) * dice.uniform(0.2, 1.0))
        victims = dice.sample(list(fleet.running), len(pair))
        await asyncio.gather(*(_do(deed, fleet, victim, dice) for deed, victim in zip(pair, victims, strict=True)))
        figures.kills += pair.count("kill")
        figures.freezes += pair.count("freeze")
        for _ in range(pair.count("crash")):
            await asyncio.to_thread(crash)
            figures.crashes += 1


async def _do(deed: str, fleet: Fleet, victim: int, dice: random.Random) -> None:
    match deed:
        case "kill":
            await fleet.kill(victim)
        case "freeze":
            await fleet.freeze(victim, dice.uniform(0.5, FROZEN), past_lease=dice.random() < 0.5)


def _crash(databases: ExitStack, directory: Path) -> None:
    """Postgres is stopped in immediate mode, and started again."""
    pid = int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    with suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            time.sleep(0.05)
    databases.enter_context(embedded_postgres(directory))


async def _calm(tables: Tables, sandbox: Sandbox) -> None:
    """Until all that can be settled is: later orders come now and then, for what was lost to lie below."""
    number = 10**6
    still, last = 0, -1
    async with asyncio.timeout(600):
        while still < PATIENCE:
            insert(tables.url, [_order(number, MOST + number - 10**6)])
            number += 1
            await asyncio.sleep(1)
            open_rows = tables.value(
                "SELECT count(*) FROM orders WHERE state IN ('pending', 'submitting', 'unconfirmed')"
            )
            busy = tables.value("SELECT count(*) FROM orders WHERE state IN ('pending', 'submitting')") > 1
            still = still + 1 if open_rows == last and not busy else 0
            last = open_rows
            if open_rows <= 1 and still > 2:
                break
    await sandbox.idle()
    await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")


def _count(tables: Tables, sandbox: Sandbox, figures: Figures, logs: Path) -> None:
    taken = ledger.orders(sandbox.panel)
    times = Counter(entry["link"] for entry in taken)
    wrong = {link for link, count in times.items() if count > 1}
    figures.doubled = len(wrong)
    link_of = {entry["id"]: entry["link"] for entry in taken}
    rows = {row["link"]: row for row in tables.rows("SELECT * FROM orders")}
    for link, row in rows.items():
        if row["panel_order_id"] is not None:
            if link_of.get(row["panel_order_id"]) != link:
                wrong.add(link)
                figures.wrongly_linked += 1
        elif row["state"] != "unconfirmed":
            wrong.add(link)
            figures.lost += 1
    figures.lost += sum(link not in rows for link in times)
    figures.parked = tables.value("SELECT count(*) FROM orders WHERE state = 'unconfirmed'")
    figures.unconfirmed = tables.value(
        "SELECT count(DISTINCT order_id) FROM order_events WHERE state_after = 'unconfirmed'"
    )
    doubts = "SELECT verdict->>'doubt' AS doubt, count(*) AS count FROM examinations GROUP BY 1 ORDER BY 2 DESC"
    figures.doubts = {str(row["doubt"]): row["count"] for row in tables.rows(doubts)}
    parked = {link for link, row in rows.items() if row["state"] == "unconfirmed"}
    figures.untrue = [line for line in differences(tables, sandbox) if not any(f"'{link}'" in line for link in parked)]
    figures.stories = [line for link in wrong if link in rows for line in _story(tables, rows[link], taken, logs)]


def _story(tables: Tables, row: dict[str, Any], taken: list[dict[str, Any]], logs: Path) -> Iterator[str]:
    """All that is on record of one order."""
    yield f"order {row}"
    yield from (f"taken {entry}" for entry in taken if entry["link"] == row["link"])
    for table, key in (("submissions", "began_at"), ("order_events", "at"), ("examinations", "order_id")):
        query = f"SELECT * FROM {table} WHERE order_id = %s ORDER BY {key}"  # noqa: S608 - words of ours
        yield from (f"{table} {each}" for each in tables.rows(query, row["id"]))
    for log in sorted(logs.glob("worker*.log")):
        yield from (
            f"{log.name} {line}" for line in log.read_text().splitlines() if f'"order_id": {row["id"]},' in line
        )


def main() -> None:
    plan = plan_of_options(Plan(orders=20_000, kills=500, freezes=40, crashes=10, seconds=1500), __doc__)
    with tempfile.TemporaryDirectory(prefix="order_sync_chaos_") as directory:
        print(asyncio.run(run(plan, Path(directory))))  # noqa: T201


if __name__ == "__main__":
    main()
