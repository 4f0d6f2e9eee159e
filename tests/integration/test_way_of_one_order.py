"""Sends one order through the worker, and compares the calls with docs/architecture.md."""

import asyncio
import inspect
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pkgutil import resolve_name
from types import CodeType, FrameType

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.acceptance.daemon import settings_for
from tests.integration.store.plain_sql import Database
from tests.tables_of import Page
from worker.assembly import Works, assemble
from worker.daemon import WOKEN_BY
from worker.events import follow
from worker.sandbox import Sandbox, SandboxOptions
from worker.settings.model import load
from worker.store.db.engine import make_engine
from worker.store.db.listen import notifications

ARCHITECTURE = Page("docs/architecture.md")

TO_THE_PANEL = "From the row to the panel"
TO_THE_END = "From the panel to the final state"

#: The jobs that see an order from the row to its end.
JOBS = ("submit", "statuses")

SERVICE = """
    INSERT INTO services (panel, service, type, rate, min, max, raw)
    VALUES ('default', '1', 'Default', 0.9, 10, 5000, '{}')
"""

#: Seconds that the sandbox takes for an answer. So long that the recorder writes the outcome: the claim after the
#: order's own, which might take it along, is over by then.
LATENCY = 1.0


def steps(heading: str) -> list[str]:
    """Returns the functions that a list of the page names, in its order."""
    return re.findall(r"^\d+\. `(worker[\w.]+)`", ARCHITECTURE.section(heading), re.MULTILINE)


def code_of(name: str) -> CodeType:
    """Returns the code of a function or method. Raises AttributeError or ImportError where there is none."""
    code = inspect.unwrap(resolve_name(name)).__code__
    assert isinstance(code, CodeType)
    return code


@contextmanager
def recorded(names: list[str]) -> Iterator[list[str]]:
    """Yields a list that fills with those of the functions that run, in the order in which they first do."""
    codes = {code_of(name): name for name in names}
    found: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        name = codes.get(frame.f_code) if event == "call" else None
        if name is not None and name not in found:
            found.append(name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 - some of it happens in Postgres
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(database_url: str, panel_url: str) -> AsyncIterator[Works]:
    """Runs JOBS as `worker.daemon` does, without its schedule and without the other jobs. Nothing goes on at first."""
    settings = load(settings_for(database_url, panel_url, POLLING__FASTEST="0.3"))
    work, vital = make_engine(database_url, pool_size=4), make_engine(database_url, pool_size=3)
    works = assemble(settings, work, vital)
    await works.lease.renew()
    turns = [runner.turn for runner in works.runners if runner.job in JOBS]
    loops = [*turns, *(recorder.run for recorder in works.recorders)]
    tasks = [asyncio.create_task(loop()) for loop in loops]
    tasks.append(asyncio.create_task(_listen(works, vital)))
    try:
        await until(lambda: works.listening and all(_has_run(works, job) for job in JOBS))
        yield works
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for upstream in works.upstreams:
            await upstream.client.aclose()
        await work.dispose()
        await vital.dispose()


async def _listen(works: Works, vital: AsyncEngine) -> None:
    async for table in notifications(vital):
        works.listening = True
        if table:
            works.wake(WOKEN_BY[table])


def _has_run(works: Works, job: str) -> bool:
    labels = {"job_name": job, "panel": "default"}
    name = "order_sync_job_last_success_timestamp_seconds"
    return bool(works.metrics._registry.get_sample_value(name, labels))


@pytest.mark.parametrize("heading", [TO_THE_PANEL, TO_THE_END])
def test_every_function_is_there(heading: str) -> None:
    assert steps(heading)
    for name in steps(heading):
        code_of(name)


async def test_they_are_called_in_this_order(database: Database) -> None:
    database.execute(SERVICE)
    options = SandboxOptions(balance=Decimal(1000), latency=LATENCY, speed=0)
    async with Sandbox(options) as sandbox, working(database.url, sandbox.url) as works:

        def state() -> str:
            return str(database.order(order_id).state)

        with recorded(steps(TO_THE_PANEL)) as to_the_panel:
            order_id = database.add_order()
            await until(lambda: state() == "submitted")
        assert to_the_panel == steps(TO_THE_PANEL)

        bought = sandbox.panel.book.find(database.order(order_id).panel_order_id)
        assert bought
        sandbox.panel.book.amend(bought, status="Completed")
        await until(lambda: database.scalar("SELECT due_at <= now() FROM polls"))
        with recorded(steps(TO_THE_END)) as to_the_end:
            for runner in works.runners:
                if runner.job == "statuses":
                    await runner.tick()
            await until(lambda: state() == "completed")
            *_, last = follow(database.connection, after=0, forever=False)
            assert last.state_after == "completed"
        assert to_the_end == steps(TO_THE_END)
