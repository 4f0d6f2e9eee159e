"""Plays a shop's seasons at a sandbox: orders of many kinds, with everything that moves money or hides a movement.

The first season has ordinary orders only, the second also drip-feeds and subscriptions. At the end of each season every
order is closed, and the worker has seen that.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Self

from tests.acceptance.conftest import NUMBERS, Tables, differences
from tests.acceptance.daemon import Daemon, settings_for, worker
from tests.acceptance.panel_side import all_seen, all_settled, order, read_again
from tests.acceptance.samples import Row, insert, orders
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions, Where
from worker.sandbox.panel import ledger

#: Money from outside, in the middle of the first season.
TOP_UP = Decimal("1234.56789")

#: Services at which no two orders need to cost the same.
SERVICES = (1, 3, 4, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19)
DRIP_FEEDS, SUBSCRIPTIONS = 2, 20

#: Simulated seconds after which the last order has reached its final status.
LATEST = 4 * 86_400.0

#: Seconds between two inserts.
STEP = 0.25

#: Seconds to wait for each condition.
PATIENCE = 600

#: Seconds between two counts of the unconfirmed orders.
EXAMINED_EVERY = 0.5

PARKED = "SELECT coalesce(link, params->>'username') AS what_for FROM orders WHERE state = 'unconfirmed'"
UNCONFIRMED = "SELECT count(*) FROM orders WHERE state = 'unconfirmed'"

#: Asks for some orders only, and only where the catalogue says that the service offers it.
CANCEL_AND_REFILL = """
    WITH asked AS (
        INSERT INTO cancels (order_id, reference)
        SELECT o.id, 'cancel-' || o.id FROM orders o JOIN services s USING (panel, service)
        WHERE o.state = 'submitted' AND s.cancel AND o.id %% 6 = 0
        ON CONFLICT (reference) DO NOTHING
    )
    INSERT INTO refills (order_id, reference)
    SELECT o.id, 'refill-' || o.id FROM orders o JOIN services s USING (panel, service)
    WHERE o.state = 'completed' AND s.refill AND o.id %% 5 = 0
    ON CONFLICT (reference) DO NOTHING
"""


@dataclass(frozen=True)
class Plan:
    """The size of a run. `parents` is the share of the second season. `speed` is in simulated seconds a real one.

    `lost` is the share of orders whose reply is lost. `refused` is the share that the panel refuses, or that is lost on
    the way to it.
    """

    seed: int = 1
    orders: int = 300
    parents: float = 0.3
    seconds: float = 4.0  #: over which the orders of both seasons are spread
    speed: float = 300.0
    lost: float = 0.06
    refused: float = 0.06
    timeout: float = 1.0
    settle: float = 1.5
    fastest: float = 0.5  #: seconds between two polls of one order, as the worker is set
    slowest: float = 1.0
    #: Counts of the unconfirmed orders without a change, after which the worker will settle none of the rest. Absence
    #: is proven only after twice `settle`, and one of two lookalikes waits for the other. These counts must take longer
    #: than that, or an order that is sent again finds the clock stopped.
    patience: int = 25
    jumps: int = 3  #: in which the time after the last order passes
    kept: int = 0  #: 1: the panel never rewrites a charge, whatever it gives back
    periods: int = 4  #: into which the run is cut, each to be audited


@dataclass(frozen=True)
class Season:
    """What the account held when the season began and ended, and what moved in between. No order was open at either."""

    since: datetime
    until: datetime
    opening: Decimal
    closing: Decimal
    charged: Decimal
    refunded: Decimal
    topped_up: Decimal
    has_parents: bool  #: there were drip-feeds and subscriptions

    @classmethod
    def of_all(cls, seasons: Sequence[Self]) -> Self:
        first, last = seasons[0], seasons[-1]
        sums = (
            sum((getattr(one, name) for one in seasons), Decimal(0)) for name in ("charged", "refunded", "topped_up")
        )
        return cls(first.since, last.until, first.opening, last.closing, *sums, any(one.has_parents for one in seasons))


@dataclass
class Played:
    """What really happened, by the sandbox. `sent_at` maps `what_for` to the time when the panel got the order.

    `parked` are the panel's entries of the orders that the worker holds unconfirmed.
    """

    seasons: list[Season] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    parked: list[dict[str, Any]] = field(default_factory=list)
    sent_at: dict[str, datetime] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


async def play(plan: Plan, tables: Tables, directory: Path) -> Played:
    options = SandboxOptions(
        balance=Decimal(10**7),
        foreign=1,
        seed=plan.seed,
        speed=0,
        partial=0.15,
        canceled=0.08,
        late_changes=0.2,
        refills_rejected=0.2,
        keep_requests=10**6,
    )
    async with Sandbox(options) as sandbox:
        settings = settings_for(
            tables.url,
            sandbox.url,
            PANELS__DEFAULT__TIMEOUT=str(plan.timeout),
            RECONCILE__SETTLE=str(plan.settle),
            POLLING__FASTEST=str(plan.fastest),
            POLLING__SLOWEST=str(plan.slowest),
            SCHEDULE__RECONCILE="0.5",
            SCHEDULE__BALANCE="0.2",
            SCHEDULE__AUDIT=str(max(plan.seconds / 10, 1)),
            AUDIT__THRESHOLD="0",
        )
        if plan.kept:
            sandbox.quirks.on("charge_kept")
        played = Played()
        async with worker(settings, directory / "worker.log") as daemon:
            shop = _Shop(plan, tables, sandbox, played)
            await shop.open()
            first = round(plan.orders * (1 - plan.parents))
            await shop.season(first, SERVICES, top_up=True)
            await shop.season(plan.orders - first, (*SERVICES, DRIP_FEEDS, SUBSCRIPTIONS))
            assert await daemon.stop() == 0
        played.wrong += _untrue(plan, tables, sandbox) + _complaints(daemon)
        played.orders = ledger.orders(sandbox.panel)
        parked = {row["what_for"] for row in tables.rows(PARKED)}
        played.parked = [
            entry for entry in played.orders if entry["parent"] is None and what_for(entry["params"]) in parked
        ]
        for request in sandbox.journal.last:
            if request["form"].get("action") == "add":
                played.sent_at[what_for(request["form"])] = datetime.fromtimestamp(request["at"], UTC)
    return played


def what_for(form: Mapping[str, str]) -> str:
    """Returns the value that tells orders apart: no two orders share it."""
    return form.get("link") or form["username"]


def _untrue(plan: Plan, tables: Tables, sandbox: Sandbox) -> list[str]:
    """Returns the differences between rows and ledger, without the unconfirmed rows."""
    parked = [row["what_for"] for row in tables.rows(PARKED)]
    numbers = tuple(name for name in NUMBERS if not plan.kept or name != "charge")
    return [line for line in differences(tables, sandbox, numbers) if not any(f"'{name}'" in line for name in parked)]


def _complaints(daemon: Daemon) -> list[str]:
    return [f"the log: {line}" for line in daemon.events("balance_unexplained", "crashed")]


class _Shop:
    def __init__(self, plan: Plan, tables: Tables, sandbox: Sandbox, played: Played) -> None:
        self._plan = plan
        self._tables = tables
        self._sandbox = sandbox
        self._played = played
        self._extra = count(1)

    async def open(self) -> None:
        await read_again(self._tables)
        await self._insert([order(0, quantity=9000)])  # evidence needs a known order with a lower id
        await self._until("SELECT bool_and(state = 'submitted') FROM orders")
        (bought,) = self._sandbox.panel.book.orders.values()
        self._sandbox.panel.book.amend(bought, status="Completed")
        await self._until("SELECT bool_and(state = 'completed') FROM orders")

    async def season(self, number: int, services: Sequence[int], *, top_up: bool = False) -> None:
        account = self._sandbox.panel.account
        since, before = await self._now(), copy(account)
        await read_again(self._tables)
        rows = list(orders(number, seed=number, services=services))
        for row in rows:
            if row["link"] is None:
                row["params"]["username"] = row["reference"]
        steps = max(int(self._plan.seconds * number / self._plan.orders / STEP), 2)
        self._sandbox.clock.speed = self._plan.speed
        async with self._spoilt():
            for step in range(steps):
                await self._insert(rows[number * step // steps : number * (step + 1) // steps])
                await asyncio.to_thread(self._tables.rows, CANCEL_AND_REFILL)
                if top_up and step == steps // 2:
                    await self._run_out_of_money()
                await asyncio.sleep(STEP)
            await all_settled(self._tables, PATIENCE)
        await self._settle()
        for _ in range(self._plan.jumps):
            self._sandbox.clock.advance(LATEST / self._plan.jumps)
            await read_again(self._tables)
        self._sandbox.clock.speed = 0
        await self._until("SELECT NOT EXISTS (SELECT FROM orders WHERE state = 'submitted')")
        await all_settled(self._tables, PATIENCE)
        await all_seen(self._tables, PATIENCE)
        until = await self._now()
        self._played.seasons.append(
            Season(
                since,
                until,
                before.balance,
                account.balance,
                charged=account.charges - before.charges,
                refunded=account.refunds - before.refunds,
                topped_up=account.top_ups - before.top_ups,
                has_parents=not top_up,
            )
        )

    @asynccontextmanager
    async def _spoilt(self) -> AsyncIterator[None]:
        """Loses and refuses some replies of every action inside the block."""
        plan, faults = self._plan, self._sandbox.faults
        losses = (FaultKind.RESET, FaultKind.CUT, FaultKind.EMPTY, FaultKind.HTTP, FaultKind.TIMEOUT, FaultKind.LATE)
        refusals = (FaultKind.RESET, FaultKind.HTTP, FaultKind.ERROR)
        seconds = plan.timeout + plan.settle / 5  # later than the worker waits, and sooner than it examines
        for kinds, where, share in ((losses, Where.AFTER, plan.lost), (refusals, Where.BEFORE, plan.refused)):
            for kind in kinds:
                about = Fault(kind=kind, action="add", where=where, probability=share / len(kinds), seconds=seconds)
                faults.add(about)
        faults.add(Fault(kind=FaultKind.RATE_LIMIT, action="add", probability=0.02, count=2, seconds=0.2))
        for action in ("status", "balance", "cancel", "refill", "refill_status"):
            for kind in (FaultKind.RESET, FaultKind.EMPTY):
                faults.add(Fault(kind=kind, action=action, where=Where.AFTER, probability=0.03))
        try:
            yield
        finally:
            for rule in faults.listing():
                self._played.faults[f"{rule['action']}: {rule['kind']}, {rule['where']}"] += rule["struck"]
            faults.clear()

    async def _run_out_of_money(self) -> None:
        """Lets the panel refuse one order for lack of money, and then tops the account up."""
        broke = Fault(kind=FaultKind.ERROR, action="add", text="Not enough funds on balance", count=1)
        number = self._sandbox.faults.add(broke)
        await self._insert([order(next(self._extra), quantity=9100)])
        async with asyncio.timeout(PATIENCE):
            while not self._sandbox.faults.struck(number):  # noqa: ASYNC110 - it changes in the sandbox
                await asyncio.sleep(0.02)
        await read_again(self._tables)
        self._sandbox.panel.account.top_up(TOP_UP)

    async def _settle(self) -> None:
        """Waits until the worker has settled all that it can. Evidence needs later orders, so this inserts some."""
        await self._sandbox.idle()
        await asyncio.sleep(self._plan.settle)
        still, last = 0, -1
        while still < self._plan.patience and last != 0:
            await self._insert([order(n := next(self._extra), quantity=9100 + n)])
            await all_settled(self._tables, PATIENCE)
            await asyncio.sleep(EXAMINED_EVERY)
            left = await asyncio.to_thread(self._tables.value, UNCONFIRMED)
            still, last = still + 1 if left == last else 0, left
        await all_settled(self._tables, PATIENCE)  # the worker sent absent orders again, and they begin now

    async def _now(self) -> datetime:
        """Returns the database's time."""
        now: datetime = await asyncio.to_thread(self._tables.value, "SELECT clock_timestamp()")
        return now

    async def _insert(self, rows: list[Row]) -> None:
        await asyncio.to_thread(insert, self._tables.url, rows)

    async def _until(self, query: str) -> None:
        await self._tables.until(query, PATIENCE)
