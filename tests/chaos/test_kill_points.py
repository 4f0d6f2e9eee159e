"""SIGKILL at every instant at which it could matter, and at two of them one after the other.

Nothing is bought twice, nothing is lost, nothing is linked to an order that isn't its own, and in the end every row
says what the panel's ledger says. `ORDER_SYNC_TEST_ALL_PAIRS=1` has all pairs of points tried instead of some; it takes
hours.
"""

import asyncio
import os
from itertools import product
from pathlib import Path

import pytest

from tests.acceptance.daemon import Daemon
from tests.chaos.points import Instant, Point
from tests.chaos.stage import TOGETHER, Killer, Stage, stage

ASKED, HALF_ASKED, DONE, HALF_ANSWERED, ANSWERED = Instant

_COMMITS = ("claim", TOGETHER, "settle", "look claim", "look record", "refill claim", "refill record",
            "cancel claim", "cancel record", "cancel here")  # fmt: skip
_INSTANTS_OF_CALLS = {
    "add": Instant,
    "status": (DONE, ANSWERED),
    "refill": (ASKED, DONE, ANSWERED),
    "cancel": (ASKED, DONE, ANSWERED),
}

POINTS = [
    *(Point(what, instant) for what in _COMMITS for instant in (ASKED, DONE)),
    *(Point(what, instant) for what, instants in _INSTANTS_OF_CALLS.items() for instant in instants),
]

#: Only a worker that finds what another left comes to these.
SECOND_POINTS = [Point(what, instant) for what in ("take-over", "reconcile") for instant in (ASKED, DONE)]

#: An order may be found unconfirmed, or be in hand for the second time.
PAIRS = [
    *((Point("add", DONE), second) for second in SECOND_POINTS),
    (Point("add", DONE), Point("settle", ASKED)),
    (Point(TOGETHER, DONE), Point(TOGETHER, DONE)),
]

ALL = bool(os.environ.get("ORDER_SYNC_TEST_ALL_PAIRS"))
if ALL:
    PAIRS = list(product(POINTS, [*POINTS, *SECOND_POINTS]))


@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_killed_once(point: Point, database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path) as it:
        it.comes_to(point.what)
        await first_life(it, point)
        await it.finish()
        assert it.untrue() == []


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=str)
async def test_killed_twice(first: Point, second: Point, database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path) as it:
        it.comes_to(first.what, second.what)
        await first_life(it, first)
        await it.end_leases()
        async with it.launched() as daemon:
            await killed(it, daemon, second)
        await it.finish()
        assert it.untrue() == []


@pytest.mark.parametrize("instant", [ASKED, DONE])
async def test_killed_while_it_renews_its_lease(instant: Instant, database_url: str, tmp_path: Path) -> None:
    """With a slow budget, so that there are calls at that time too."""
    async with stage(database_url, tmp_path, PANELS__DEFAULT__REQUESTS_PER_SECOND="8") as it:
        await first_life(it, Point("renewal", instant))
        it.settings["ORDER_SYNC_PANELS__DEFAULT__REQUESTS_PER_SECOND"] = "1000"
        await it.finish()
        assert it.untrue() == []


async def first_life(it: Stage, point: Point) -> None:
    """A worker that has work, and is killed at this point."""
    async with it.worker() as daemon:
        await it.base()
        killer = Killer(point, daemon.process.pid)
        it.watch(killer.watch)
        it.work()
        await asyncio.wait_for(daemon.process.wait(), 60)
        assert killer.struck


async def killed(it: Stage, daemon: Daemon, point: Point) -> None:
    """Until this worker is killed too; where all pairs are tried, not every second point is come to."""
    killer = Killer(point, daemon.process.pid)
    it.watch(killer.watch)
    settling = asyncio.create_task(it.settle())
    ended = asyncio.create_task(daemon.process.wait())
    await asyncio.wait({settling, ended}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    settling.cancel()
    await asyncio.gather(settling, return_exceptions=True)
    if daemon.process.returncode is None:
        await daemon.kill()
    assert killer.struck or ALL
