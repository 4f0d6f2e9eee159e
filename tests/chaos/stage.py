"""What these tests are played on: a database, a sandbox, a relay to each, and workers one after the other."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import Daemon, launched, settings_for
from tests.acceptance.samples import insert
from tests.chaos.points import CutError, Instant, Point, Watch, let_pass
from tests.chaos.relays import PanelRelay, PostgresRelay, panel_relay, postgres_relay
from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.panel import ledger

#: Seconds. A call to the panel takes no longer, an unconfirmed order is examined so soon, and silence is proof after
#: twice as long.
SETTLE = TIMEOUT = 1.0

#: Until a day after it was taken, every order and refill of the sandbox has come to its end.
DAY = 86_400.0

#: Both can be refilled when they are closed, and canceled while they are open.
SERVICE = "1"

#: The commit of a claim that takes outcomes along.
TOGETHER = "settle and claim"

#: Seconds for which outcomes are to wait for a claim, so that a worker surely comes to these commits, and soon.
PATIENCE = {TOGETHER: 2.0, "settle": 0.0}

NOTHING_OPEN = """
    SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting', 'unconfirmed', 'submitted'))
        AND NOT EXISTS (SELECT FROM cancels WHERE state = 'pending')
        AND NOT EXISTS (SELECT FROM refills WHERE state IN ('pending', 'submitted'))
"""
NOTHING_TO_ASK = """
    SELECT NOT EXISTS (SELECT FROM cancels WHERE state = 'pending')
        AND NOT EXISTS (SELECT FROM refills WHERE state = 'pending')
"""
NOTHING_IN_HAND = "SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))"

#: What dead workers had claimed, and nobody may touch for a while yet.
LEASES = (
    "UPDATE workers SET lease_until = now() - interval '1 second' WHERE ended_at IS NULL",
    "UPDATE polls SET due_at = now() WHERE due_at > now()",
    "UPDATE refills SET due_at = now() WHERE due_at > now()",
    "UPDATE cancels SET due_at = now() WHERE due_at > now()",
)


@dataclass
class Stage:
    tables: Tables
    sandbox: Sandbox
    postgres: PostgresRelay
    panel: PanelRelay
    directory: Path
    settings: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()  #: what is run in place of `order-sync run`
    orders: int = 40  #: how many make some work
    workers: int = 0

    def comes_to(self, *whats: str) -> None:
        """See to it that each of its workers comes to such commits, also where chance has a part in it."""
        if what := next((what for what in whats if what in PATIENCE), None):
            patience = f"from worker.jobs.machinery import recorder; recorder.PATIENCE = {PATIENCE[what]}"
            self.command = ("-c", f"{patience}; import worker.cli; worker.cli.main()", "run")
            self.orders = 100  # so that after a first life there are still more than calls can be

    def watch(self, watch: Watch) -> None:
        self.postgres.watch = self.panel.watch = watch

    def _log(self) -> Path:
        self.workers += 1
        return self.directory / f"log{self.workers}"

    @asynccontextmanager
    async def worker(self, **settings: str) -> AsyncIterator[Daemon]:
        async with self.launched(**settings) as daemon:
            await daemon.said("worker_started")
            yield daemon

    @asynccontextmanager
    async def launched(self, **settings: str) -> AsyncIterator[Daemon]:
        """A worker that may not live to tell that it has started."""
        async with launched(self.settings | settings, self._log(), *self.command) as daemon:
            yield daemon

    async def end_leases(self) -> None:
        """The dead workers' leases are made to end now, instead of waiting for it."""
        for update in LEASES:  # in a thread: it may wait for a transaction that goes through a relay of this one
            await asyncio.to_thread(self.tables.rows, update)

    async def base(self) -> None:
        """Orders that the panel has, before anything happens: half of them closed. Needs a worker."""
        insert(self.tables.url, (_order(number, 5000 + number) for number in range(8)))
        await self.tables.until("SELECT count(*) = 8 FROM orders WHERE panel_status IS NOT NULL")
        for order in list(self.sandbox.panel.book.orders.values())[::2]:
            self.sandbox.panel.book.amend(order, status="Completed")
        await self.tables.until("SELECT count(*) = 4 FROM orders WHERE state = 'completed'")

    def work(self, orders: int | None = None) -> None:
        """Orders, of which some are canceled at once; refills of what is closed, and cancels of what is open."""
        self.tables.rows(
            """
            WITH fresh AS (
                INSERT INTO orders (service, link, quantity, priority)
                SELECT %s, 'https://example.com/job/' || n, 100 + n, n %% 3 FROM generate_series(1, %s) n
                RETURNING id, quantity
            ), asked AS (
                INSERT INTO refills (order_id) SELECT id FROM orders WHERE state = 'completed'
            )
            INSERT INTO cancels (order_id)
            SELECT id FROM orders WHERE state = 'submitted' UNION ALL SELECT id FROM fresh WHERE quantity %% 13 = 0
            """,
            SERVICE,
            orders or self.orders,
        )

    async def finish(self) -> None:
        """Have a worker bring everything to its end, whatever it was left with."""
        self.watch(let_pass)
        await self.end_leases()
        await self.sandbox.idle()
        async with self.worker() as daemon:
            await self.settle()
            await self.tables.until(NOTHING_TO_ASK)  # or it would be asked of orders that are closed by then
            self.sandbox.clock.advance(DAY)
            await self.tables.until(NOTHING_OPEN)
            assert await daemon.stop() == 0
        assert "Traceback" not in daemon.text

    async def settle(self) -> None:
        """Until no order is open. Only below an order that comes after can it be told that nothing was bought."""
        await self.tables.until(NOTHING_IN_HAND)
        if self.tables.value("SELECT NOT EXISTS (SELECT FROM orders WHERE state = 'unconfirmed')"):
            return
        await asyncio.sleep(SETTLE)
        insert(self.tables.url, [_order(10_000 + self.workers, 9000 + self.workers)])
        await self.tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state = 'unconfirmed')")
        await self.tables.until(NOTHING_IN_HAND)

    def untrue(self) -> list[str]:
        """What the tables say other than the panel's ledger."""
        wrong = differences(self.tables, self.sandbox)
        taken = Counter(entry["link"] for entry in ledger.orders(self.sandbox.panel))
        wrong += [f"taken {times} times: {link}" for link, times in taken.items() if times > 1]
        links = {entry["id"]: entry["link"] for entry in ledger.orders(self.sandbox.panel)}
        for row in self.tables.rows("SELECT * FROM orders"):
            if links.get(row["panel_order_id"]) != (row["link"] if row["panel_order_id"] else None):
                wrong.append(f"linked to somebody else's: {row}")
            if row["panel_order_id"] is None and not self._was_canceled_here(row["id"]):
                wrong.append(f"never bought: {row}")
        return [*wrong, *self._untrue_refills(), *self._untrue_cancels(), *self._broken_histories()]

    def _was_canceled_here(self, order_id: int) -> bool:
        return bool(
            self.tables.value(
                "SELECT count(*) FROM cancels JOIN orders ON orders.id = order_id"
                " WHERE order_id = %s AND cancels.state = 'accepted' AND orders.state = 'canceled'",
                order_id,
            )
        )

    def _untrue_refills(self) -> Iterator[str]:
        """One that was asked for twice may be there twice: that costs nothing."""
        true = {refill["id"]: (refill["order"], refill["status"]) for refill in ledger.refills(self.sandbox.panel)}
        rows = self.tables.rows("SELECT r.*, o.panel_order_id FROM refills r JOIN orders o ON o.id = r.order_id")
        for row in rows:
            if true.get(row["panel_refill_id"]) != (row["panel_order_id"], row["panel_status"]):
                yield f"refill: {row}, and true is {true.get(row['panel_refill_id'])}"

    def _untrue_cancels(self) -> Iterator[str]:
        told = self.tables.rows(
            "SELECT o.panel_order_id AS id FROM cancels c JOIN orders o ON o.id = c.order_id"
            " WHERE c.state = 'accepted' AND o.panel_order_id IS NOT NULL"
        )
        if {row["id"] for row in told} != {cancel["order"] for cancel in ledger.cancels(self.sandbox.panel)}:
            yield f"cancels: {told}, and true are {ledger.cancels(self.sandbox.panel)}"

    def _broken_histories(self) -> Iterator[str]:
        """Each event goes on from the one before, and the last one ends at what the row says."""
        last: dict[int, str] = {}
        for event in self.tables.rows("SELECT * FROM order_events ORDER BY id"):
            if event["state_before"] != last.get(event["order_id"], "pending"):
                yield f"event: {event} after {last.get(event['order_id'])}"
            last[event["order_id"]] = event["state_after"]
        for row in self.tables.rows("SELECT id, state FROM orders"):
            if row["state"] != last.get(row["id"], "pending"):
                yield f"order {row['id']} is {row['state']}, and its last event says {last.get(row['id'])}"


def _order(number: int, quantity: int) -> dict[str, Any]:
    return {"service": SERVICE, "link": f"https://example.com/{number}", "quantity": quantity}


@asynccontextmanager
async def stage(database_url: str, directory: Path, **settings: str) -> AsyncIterator[Stage]:
    """`settings` without their prefix."""
    options = SandboxOptions(balance=Decimal(100_000), foreign=1, seed=3, speed=0)
    async with (
        Sandbox(options) as sandbox,
        postgres_relay(database_url) as postgres,
        panel_relay(sandbox.url) as panel,
    ):
        quick = {
            "RECONCILE__SETTLE": str(SETTLE),
            "SCHEDULE__RECONCILE": "0.3",
            "PANELS__DEFAULT__TIMEOUT": str(TIMEOUT),
        }
        made = settings_for(postgres.url, panel.url, **quick | settings)
        yield Stage(Tables(database_url), sandbox, postgres, panel, directory, made)


class Killer:
    """Kills a worker, once, when it comes to a point."""

    def __init__(self, point: Point, pid: int) -> None:
        self._point = point
        self._pid = pid
        self.struck = False

    async def watch(self, point: Point) -> None:
        if self.struck or point.what != self._point.what:
            return
        if point.instant is self._point.instant:
            self.struck = True
            os.kill(self._pid, signal.SIGKILL)
            raise CutError
        if point.instant is Instant.DONE and self._point.instant is Instant.ANSWERED:
            os.kill(self._pid, signal.SIGSTOP)  # the answer is to lie there unread
