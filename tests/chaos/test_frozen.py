"""A worker that is frozen past its lease, and goes on after another has taken over."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.chaos.points import Instant, Point
from tests.chaos.stage import NOTHING_IN_HAND, Stage, stage

#: Calls of one worker at once.
CALLS = 8

#: `order-sync run`, to which every order is a quick one: all of its calls may be orders, however slow the machine is.
ALL_QUICK = (
    "import math; from worker.jobs.machinery import gate; gate.QUICK = math.inf; import worker.cli; worker.cli.main()"
)

#: `order-sync run` with a lease of two seconds, so that one can be seen to run out.
SHORT_LEASE = "from worker.store.shared import leases; leases.LEASE = 2.0; import worker.cli; worker.cli.main()"

#: `order-sync run` that ends others' sessions after three seconds in place of thirty.
IMPATIENT = (
    "from worker.store.shared import blocking_sessions; blocking_sessions.LONGEST = 3.0; "
    "import worker.cli; worker.cli.main()"
)

#: Settings of a worker that still waits for its answers after it was frozen.
PATIENT = {"ORDER_SYNC_PANELS__DEFAULT__TIMEOUT": "60", "ORDER_SYNC_RECONCILE__SETTLE": "60"}

NOTHING_UNCONFIRMED = "SELECT NOT EXISTS (SELECT FROM orders WHERE state = 'unconfirmed')"


class Holder:
    """Holds messages back at a point, from the first to the one that makes it enough; then no more."""

    def __init__(self, point: Point, enough: int) -> None:
        self._point = point
        self._left = enough
        self.full = asyncio.Event()
        self.let_go = asyncio.Event()

    async def watch(self, point: Point) -> None:
        if point != self._point or self._left == 0:
            return
        self._left -= 1
        if self._left == 0:
            self.full.set()
        await self.let_go.wait()


async def freeze(it: Stage, pid: int, point: Point, messages: int) -> None:
    """Freeze the worker with so many answers on the way; they are in its sockets by the end."""
    holder = Holder(point, messages)
    it.watch(holder.watch)
    it.work()
    await asyncio.wait_for(holder.full.wait(), 30)
    os.kill(pid, signal.SIGSTOP)
    holder.let_go.set()
    await it.end_leases()


@pytest.mark.parametrize("settled_meanwhile", [False, True])
async def test_replies_that_are_read_after_the_take_over(
    settled_meanwhile: bool, database_url: str, tmp_path: Path
) -> None:
    """They are used where their order is still unconfirmed, and put down where it has gone on."""
    concurrency = {"PANELS__DEFAULT__CONCURRENCY": str(CALLS)}
    async with stage(
        database_url, tmp_path, RECONCILE__MODE="auto" if settled_meanwhile else "off", **concurrency
    ) as it:
        it.command = ("-c", ALL_QUICK, "run")
        async with it.worker(**PATIENT) as frozen:
            await it.base()
            await freeze(it, frozen.process.pid, Point("add", Instant.DONE), CALLS)
            it.command = ()
            async with it.worker() as other:
                await it.tables.until(NOTHING_IN_HAND)
                assert len(other.events("order_unconfirmed")) == CALLS
                if settled_meanwhile:
                    await it.settle()
                assert await other.stop() == 0
            before = it.tables.rows("SELECT id, state, panel_order_id FROM orders ORDER BY id")
            frozen.process.send_signal(signal.SIGCONT)
            written = (
                "kind = 'late_result'" if settled_meanwhile else "kind = 'submitted' AND state_before = 'unconfirmed'"
            )
            await it.tables.until(f"SELECT count(*) = {CALLS} FROM order_events WHERE {written}")  # noqa: S608 - words of ours
            await it.tables.until(NOTHING_UNCONFIRMED)
            if settled_meanwhile:
                assert it.tables.rows("SELECT id, state, panel_order_id FROM orders ORDER BY id") == before
            assert await frozen.stop() == 0
        await it.finish()
        assert it.untrue() == []


@pytest.mark.parametrize("settled_meanwhile", [False, True])
async def test_what_was_claimed_and_not_sent_is_not_sent_after_the_lease(
    settled_meanwhile: bool, database_url: str, tmp_path: Path
) -> None:
    mode = "auto" if settled_meanwhile else "off"
    async with stage(database_url, tmp_path, RECONCILE__MODE=mode) as it:
        it.command = ("-c", SHORT_LEASE, "run")
        async with it.worker() as frozen:
            await it.base()
            await freeze(it, frozen.process.pid, Point("claim", Instant.DONE), 1)
            claimed = it.tables.value("SELECT count(*) FROM orders WHERE state = 'submitting'")
            assert claimed > 1
            await asyncio.sleep(2.5)  # nothing tells when the lease is over by the frozen worker's own clock
            it.command = ()
            async with it.worker() as other:
                await it.tables.until(NOTHING_IN_HAND)
                if settled_meanwhile:
                    await it.settle()
                assert await other.stop() == 0
            asked = it.sandbox.journal.counts["add"]
            frozen.process.send_signal(signal.SIGCONT)
            await frozen.said("lease_lost")
            if settled_meanwhile:
                await it.tables.until(f"SELECT count(*) = {claimed} FROM order_events WHERE kind = 'late_result'")  # noqa: S608
                assert it.sandbox.journal.counts["add"] == asked
            else:
                await it.tables.until(NOTHING_UNCONFIRMED)
                await it.tables.until(NOTHING_IN_HAND)
                assert it.sandbox.journal.counts["add"] == asked + claimed
            assert await frozen.stop() == 0
        await it.finish()
        assert it.untrue() == []


async def test_a_worker_that_is_frozen_before_its_commit_holds_up_the_others_for_a_while(
    database_url: str, tmp_path: Path
) -> None:
    """It holds the lock of all events, and Postgres waits for the rest of the pipeline without an end."""
    async with stage(database_url, tmp_path, RECONCILE__MODE="off") as it:
        async with it.worker() as frozen:
            await it.base()
            holder = Holder(Point("claim", Instant.ASKED), 1)
            it.watch(holder.watch)
            it.work()
            await asyncio.wait_for(holder.full.wait(), 30)
            frozen.process.send_signal(signal.SIGSTOP)
            it.command = ("-c", IMPATIENT, "run")
            async with it.worker() as other:
                await it.tables.until(NOTHING_IN_HAND)
                assert other.events("sessions_ended") != []
                assert other.events("order_unconfirmed") == []
                assert await other.stop() == 0
            frozen.process.send_signal(signal.SIGCONT)
            holder.let_go.set()
            assert await frozen.stop() == 0
        await it.finish()
        assert it.untrue() == []
