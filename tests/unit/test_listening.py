"""A notification wakes a job at once, and once more for rows that were inserted meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from worker import daemon

if TYPE_CHECKING:
    from worker.assembly import Works


class Woken:
    """Works of which only the wake-ups are seen."""

    listening = False

    def __init__(self) -> None:
        self.jobs: asyncio.Queue[tuple[str, float]] = asyncio.Queue()

    def wake(self, job: str) -> None:
        self.jobs.put_nowait((job, asyncio.get_running_loop().time()))


async def one_word(_: AsyncEngine) -> AsyncIterator[str]:
    yield "orders"
    await asyncio.Event().wait()


async def test_a_job_that_is_woken_runs_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "notifications", one_word)
    works = Woken()
    listening = asyncio.create_task(daemon._listen(cast("Works", works), cast("AsyncEngine", None)))
    async with asyncio.timeout(10):
        (job, at), (again, later) = await works.jobs.get(), await works.jobs.get()
    listening.cancel()
    assert (job, again) == ("submit", "submit")
    assert later - at >= daemon.WAKE_AGAIN * 0.99  # call_later may be early by the clock's resolution
