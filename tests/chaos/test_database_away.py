"""The database goes away in every way there is, in the middle of work: what was bought is known when it is back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import psycopg
import pytest
from sqlalchemy import text

from tests.acceptance.daemon import Daemon
from tests.chaos.points import CutError, Instant, LateError, Point
from tests.chaos.stage import NOTHING_IN_HAND, TOGETHER, Stage, stage
from worker import daemon
from worker.sandbox.panel import ledger
from worker.store.db.engine import make_engine
from worker.store.schema.embedded import embedded_postgres
from worker.store.schema.migrate import migrate

if TYPE_CHECKING:
    from worker.assembly import Works

#: Seconds. What a statement and a lock are waited for: less than by default, so that the tests needn't.
IMPATIENT = "&options=-c%20statement_timeout%3D1000%20-c%20lock_timeout%3D500"

ORDERS = 150

Trouble = Callable[[Stage, Path], Awaitable[None]]
Away = Callable[[Stage, Path], AbstractAsyncContextManager[None]]


@pytest.fixture
def own_postgres(postgres_directory: Path) -> Iterator[str]:
    with embedded_postgres(postgres_directory) as url:
        migrate(url)
        yield url


@asynccontextmanager
async def working(url: str, directory: Path, **settings: str) -> AsyncIterator[tuple[Stage, Daemon]]:
    """A worker in the middle of its work."""
    slow = {"PANELS__DEFAULT__REQUESTS_PER_SECOND": "60"} | settings
    async with stage(url, directory, **slow) as it:
        it.settings["ORDER_SYNC_DATABASE_URL"] += IMPATIENT
        async with it.worker() as daemon:
            await it.base()
            it.work(ORDERS)
            await asyncio.wait_for(it.sandbox.journal.reached("add", 20), 30)
            yield it, daemon


def postmaster(directory: Path) -> int:
    return int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])


async def crash(it: Stage, directory: Path) -> None:
    """Postgres stops as if the power had gone, and starts again."""
    for _ in range(3):
        os.kill(postmaster(directory), signal.SIGQUIT)
        await asyncio.sleep(0.5)
        with embedded_postgres(directory):  # starts it; the outer one keeps it
            pass
        await asyncio.sleep(0.3)


async def disconnect(it: Stage, directory: Path) -> None:
    for _ in range(5):
        it.tables.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        await asyncio.sleep(0.3)


async def hang(it: Stage, directory: Path) -> None:
    async with held_up(it, directory):
        await asyncio.sleep(3)


async def freeze(it: Stage, directory: Path) -> None:
    async with standing_still(it, directory):
        await asyncio.sleep(2)


DISK_FULL = """
    CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER disk_full BEFORE INSERT ON order_events FOR EACH STATEMENT EXECUTE FUNCTION disk_full();
"""


async def fill_the_disk(it: Stage, directory: Path) -> None:
    await asyncio.to_thread(it.tables.rows, DISK_FULL)
    await asyncio.sleep(2)
    await asyncio.to_thread(it.tables.rows, "DROP TRIGGER disk_full ON order_events")


@asynccontextmanager
async def held_up(it: Stage, directory: Path) -> AsyncIterator[None]:
    """Whatever touches an order waits, until its timeout."""
    async with await psycopg.AsyncConnection.connect(it.tables.url) as connection:
        await connection.execute("LOCK TABLE orders, submissions")
        yield


@asynccontextmanager
async def standing_still(it: Stage, directory: Path) -> AsyncIterator[None]:
    """Nobody answers, ends a statement at its timeout, or hangs up; later they go on with what they were asked for."""
    backends = it.tables.rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'order-sync'")
    pids = [postmaster(directory), *(row["pid"] for row in backends)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("trouble", [crash, disconnect, hang, freeze, fill_the_disk])
async def test_work_goes_on_when_it_is_back(
    trouble: Trouble, own_postgres: str, postgres_directory: Path, tmp_path: Path
) -> None:
    async with working(own_postgres, tmp_path) as (it, daemon):
        await trouble(it, postgres_directory)
        await it.settle()
        assert daemon.process.returncode is None
        assert await daemon.stop() == 0
        assert daemon.events("result_not_written") == []
        await it.finish()
        assert it.untrue() == []


class Loses:
    """Loses the answer at a point, once."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self.meanwhile: Callable[[], None] | None = None
        self.lost = asyncio.Event()

    async def watch(self, point: Point) -> None:
        if point != self._point or self.lost.is_set():
            return
        if self.meanwhile is not None:
            self.meanwhile()
        self.lost.set()
        raise CutError


@pytest.mark.parametrize(
    "what",
    ["claim", TOGETHER, "settle", "look record", "refill record", "cancel record", "cancel here"],
)
async def test_a_commit_whose_answer_is_lost(what: str, database_url: str, tmp_path: Path) -> None:
    """It took effect, and the worker, which lives on, doesn't know."""
    loses = Loses(Point(what, Instant.DONE))
    async with stage(database_url, tmp_path, RECONCILE__MODE="off") as it:
        it.comes_to(what)
        async with it.worker() as daemon:
            await it.base()
            it.watch(loses.watch)
            it.work()
            await asyncio.wait_for(loses.lost.wait(), 30)
            await it.tables.until(NOTHING_IN_HAND)
            # It was certain all the time that these were not sent, or what became of them.
            assert it.tables.value("SELECT count(*) FROM orders WHERE state = 'unconfirmed'") == 0
            assert await daemon.stop() == 0
        await it.finish()
        assert it.untrue() == []


@pytest.mark.parametrize("what", ["claim", TOGETHER])
async def test_a_claim_whose_answer_is_lost_as_the_worker_is_told_to_stop(
    what: str, database_url: str, tmp_path: Path
) -> None:
    """It is certain that its orders weren't sent, and nobody else can know."""
    loses = Loses(Point(what, Instant.DONE))
    async with stage(database_url, tmp_path, RECONCILE__MODE="off") as it:
        it.comes_to(what)
        async with it.worker() as told:
            await it.base()
            loses.meanwhile = told.process.terminate
            it.watch(loses.watch)
            it.work()
            await asyncio.wait_for(loses.lost.wait(), 30)
            assert await asyncio.wait_for(told.process.wait(), 30) == 0
        assert it.tables.rows("SELECT id FROM orders WHERE state IN ('submitting', 'unconfirmed')") == []
        await it.finish()
        assert it.untrue() == []


@pytest.mark.parametrize("what", ["claim", TOGETHER])
async def test_a_commit_that_takes_effect_after_its_connection_was_lost(
    what: str, database_url: str, tmp_path: Path
) -> None:
    """As when a server's process was standing still: the claim that wasn't there when it was looked for is there."""
    late = LateError()

    async def delay(point: Point) -> None:
        if point == Point(what, Instant.ASKED) and not late.lost.is_set():
            late.lost.set()
            raise late

    async with stage(database_url, tmp_path, RECONCILE__MODE="off") as it:
        it.comes_to(what)
        async with it.worker() as daemon:
            await it.base()
            it.watch(delay)
            it.work()
            await asyncio.wait_for(late.lost.wait(), 30)
            await daemon.said("job_failed")
            await asyncio.sleep(1.5)  # it has looked for it since, or waits until it can
            late.passed_on.set()
            await it.tables.until("SELECT EXISTS (SELECT FROM orders WHERE attempts = 2)")
            await it.tables.until(NOTHING_IN_HAND)
            assert it.tables.value("SELECT count(*) FROM orders WHERE state = 'unconfirmed'") == 0
            assert await daemon.stop() == 0
        await it.finish()
        assert it.untrue() == []


async def test_a_drain_waits_for_the_database(own_postgres: str, postgres_directory: Path, tmp_path: Path) -> None:
    async with working(own_postgres, tmp_path) as (it, daemon):
        async with held_up(it, postgres_directory):
            stopping = asyncio.create_task(daemon.stop())
            await daemon.said("results_not_written")
        assert await stopping == 0
        assert daemon.events("result_not_written") == []
        await it.finish()
        assert it.untrue() == []


@pytest.mark.parametrize("away", [held_up, standing_still])
async def test_a_drain_that_ends_without_the_database_tells_what_it_knows(
    away: Away, own_postgres: str, postgres_directory: Path, tmp_path: Path
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hold_back(point: Point) -> None:
        if point == Point("add", Instant.DONE):
            asked.set()
            await answer.wait()

    async with working(own_postgres, tmp_path, DRAIN="2") as (it, daemon):
        it.watch(hold_back)
        await asyncio.wait_for(asked.wait(), 10)
        async with away(it, postgres_directory):
            answer.set()
            await asyncio.sleep(0.5)
            assert await daemon.stop(seconds=10) == 1
            told = daemon.events("result_not_written")
        links = {row["id"]: row["link"] for row in it.tables.rows("SELECT id, link FROM orders")}
        tokens = {row["id"]: row["order_id"] for row in it.tables.rows("SELECT id, order_id FROM submissions")}
        taken = {entry["id"]: entry["link"] for entry in ledger.orders(it.sandbox.panel)}
        assert told
        for line in told:
            assert line["outcome"] == "accepted"
            assert taken[line["panel_order_id"]] == links[line["order_id"]]
            assert tokens[line["token"]] == line["order_id"]
        await it.finish()
        assert it.untrue() == []


async def test_the_end_reaches_a_connection_that_is_just_being_given_back(own_postgres: str) -> None:
    engine = make_engine(own_postgres, pool_size=1)
    frozen: list[int] = []

    async def job() -> None:
        async with engine.connect() as connection:
            frozen.append((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())
            os.kill(frozen[0], signal.SIGSTOP)

    try:
        working = asyncio.create_task(job())
        await asyncio.sleep(0.5)
        assert frozen
        works = SimpleNamespace(in_flight=SimpleNamespace(tasks=set()))
        async with asyncio.timeout(10):
            await daemon._end(cast("Works", works), [working])
        assert working.cancelled()
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        await engine.dispose()
