"""A worker's own parts over a real Postgres and a sandbox, of which a test has one job after the other run."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from tests.acceptance.daemon import settings_for
from tests.integration.store.plain_sql import Database
from worker.assembly import Works, assemble
from worker.sandbox import Fault, FaultKind, Sandbox, Where
from worker.settings.model import load
from worker.store.db.engine import make_engine

#: What `examining` lets a test wait for.
SETTLE = 1.0

SERVICES = """
    INSERT INTO services (panel, service, type, rate, min, max, raw)
    VALUES ('default', '1', 'Default', 0.9, 10, 100000, '{}') ON CONFLICT DO NOTHING
"""


class Examiner:
    """One worker. Nothing of it goes on by itself but the writing of outcomes."""

    def __init__(self, works: Works, database: Database, sandbox: Sandbox) -> None:
        self.works = works
        self.database = database
        self.sandbox = sandbox
        self.reconcile = self._job("reconcile")

    def _job(self, name: str) -> Any:
        (runner,) = (runner for runner in self.works.runners if runner.job == name)
        return runner._run.__self__  # type: ignore[attr-defined]  # it is a method

    async def run(self, *jobs: str) -> None:
        for job in jobs:
            await self._job(job).run()
            await self.works.in_flight.finished()

    async def send(self, *quantities: int, lost: Where | None = None) -> list[int]:
        """Has orders sent, whose answers are lost before or after the panel takes them, if so; returns their ids."""
        self.sandbox.faults.clear()
        if lost is not None:
            self.sandbox.faults.add(Fault(kind=FaultKind.CLOSE, action="add", where=lost))
        ids = [self.database.add_order(link=f"https://example.com/{n}", quantity=n) for n in quantities]
        async with asyncio.timeout(30):
            while self.database.scalar("SELECT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))"):
                self.database.execute("DELETE FROM pauses")  # so many losses look like an outage
                await self.run("submit")
        self.sandbox.faults.clear()
        return ids

    async def examine(self) -> None:
        """One round, whether or not it is due."""
        _, self.reconcile._mark = await self.reconcile._records.reading.in_doubt()
        self.reconcile._next_at = self.reconcile._search_at = 0.0
        await self.reconcile.run()

    async def until(self, happened: Callable[[], object], seconds: float = 30) -> None:
        """Rounds, until something has happened."""
        async with asyncio.timeout(seconds):
            while not happened():
                await self.examine()
                await self.run("services", "balance")
                await asyncio.sleep(0.05)

    def state(self, order_id: int) -> str:
        return str(self.database.order(order_id).state)

    def verdict(self, order_id: int) -> Any:
        rows = self.database.all("SELECT verdict FROM examinations WHERE order_id = %s", [order_id])
        return rows[0].verdict if rows else None

    def asked(self) -> list[list[int]]:
        """The ids of each call about ids so far, oldest first."""
        return [
            [int(number) for number in request["form"]["orders"].split(",")]
            for request in self.sandbox.journal.last
            if request["form"]["action"] == "status"
        ]


@asynccontextmanager
async def examining(database: Database, sandbox: Sandbox, **settings: str) -> AsyncIterator[Examiner]:
    """A worker that has its lease. `settings` without their prefix."""
    quick = {"RECONCILE__SETTLE": str(SETTLE), "PANELS__DEFAULT__TIMEOUT": str(SETTLE)}
    loaded = load(settings_for(database.url, sandbox.url, **quick | settings))
    work, vital = make_engine(database.url, pool_size=4), make_engine(database.url, pool_size=3)
    works = assemble(loaded, work, vital)
    database.execute(SERVICES)
    await works.lease.renew()
    tasks = [asyncio.create_task(recorder.run()) for recorder in works.recorders]
    try:
        yield Examiner(works, database, sandbox)
    finally:
        await ended(tasks)
        for upstream in works.upstreams:
            await upstream.client.aclose()
        await work.dispose()
        await vital.dispose()


async def ended(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
