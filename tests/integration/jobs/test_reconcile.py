"""The rounds in which lost orders are settled: one worker's job over a real Postgres and a real panel."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.integration.jobs.examiner import SETTLE, Examiner, ended, examining
from tests.integration.store.plain_sql import Database
from worker.domain.evidence import planning
from worker.domain.evidence.sightings import chunk_of
from worker.jobs import reconcile
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions, Where

AFTER, BEFORE = Where.AFTER, Where.BEFORE


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    options = SandboxOptions(balance=Decimal(100_000), foreign=2, seed=5, speed=0, keep_requests=100_000)
    async with Sandbox(options) as sandbox:
        yield sandbox


@pytest.fixture
async def it(database: Database, sandbox: Sandbox) -> AsyncIterator[Examiner]:
    async with examining(database, sandbox) as it:
        yield it


def asked_twice(it: Examiner) -> set[int]:
    """The ids about which more than one call asked, save for those of known orders."""
    times = Counter(number for numbers in it.asked() for number in numbers[1:])
    return {number for number, count in times.items() if count > 1}


async def over(it: Examiner, seconds: float) -> None:
    """Until so many seconds have passed since the last call."""
    since = "SELECT clock_timestamp() > max(ended_at) + make_interval(secs => %s) FROM submissions"
    async with asyncio.timeout(30):
        while not it.database.scalar(since, [seconds]):  # noqa: ASYNC110 - it is the database's clock
            await asyncio.sleep(0.05)


async def test_an_order_that_was_taken_is_linked_at_once(it: Examiner) -> None:
    await it.send(1000)
    (lost,) = await it.send(700, lost=AFTER)
    await it.until(lambda: it.state(lost) == "submitted", seconds=5)
    (taken,) = (order for order in it.sandbox.panel.book.orders.values() if order.quantity == 700)
    assert it.database.order(lost).panel_order_id == str(taken.id)


async def test_an_order_that_was_not_taken_is_sent_again_once_it_would_have_shown(it: Examiner) -> None:
    await it.send(1000)
    (lost,) = await it.send(700, lost=BEFORE)
    await it.examine()
    assert it.verdict(lost)["doubt"] == "too_young"
    await over(it, SETTLE)
    await it.send(1001)
    await it.until(lambda: it.state(lost) == "pending")
    await it.send(1002)
    assert [order.quantity for order in it.sandbox.panel.book.orders.values()] == [1000, 1001, 700, 1002]


async def test_nothing_is_settled_before_the_newest_ids_were_searched(
    it: Examiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "MOST_CHUNKS", 1)
    await it.send(*range(1000, 1100))  # three ids each: a search takes several rounds
    (lost,) = await it.send(700, lost=AFTER)
    while it.database.scalar("SELECT NOT EXISTS (SELECT FROM guards WHERE searched_at IS NOT NULL)"):
        assert it.verdict(lost) is None
        await it.examine()
    assert len(it.asked()) > 2
    await it.until(lambda: it.state(lost) == "submitted")


class TestAsking:
    async def test_no_id_is_asked_about_twice_at_once(self, it: Examiner) -> None:
        """Also where its order is known by then, or another lost order has asked before."""
        await it.send(1000)
        await it.send(*range(100, 130), lost=AFTER)
        await it.send(1001)
        for _ in range(3):
            await it.examine()
        assert len(it.asked()) > 1
        assert asked_twice(it) == set()

    async def test_another_worker_goes_on_where_one_has_died(
        self, it: Examiner, database: Database, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await it.send(*range(1000, 1150))
        await it.send(700, lost=AFTER)
        monkeypatch.setattr(reconcile, "MOST_CHUNKS", 100)
        sandbox.faults.add(Fault(kind=FaultKind.LATE, action="status", seconds=0.3))
        examining_ = asyncio.create_task(it.examine())
        await sandbox.journal.reached("status", 3)  # two of them are answered
        await ended([examining_])
        sandbox.faults.clear()
        await it.works.lease.end()
        async with examining(database, sandbox) as other:
            await other.until(lambda: database.scalar("SELECT bool_and(state = 'submitted') FROM orders"))
        assert len(it.asked()) > 3
        third = set(it.asked()[2])
        assert asked_twice(it) <= third  # whose answer nobody has

    async def test_a_worker_that_examines_no_longer_asks_no_further(
        self, it: Examiner, database: Database, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was frozen during a call, and another one has taken over."""
        await it.send(*range(1000, 1150))
        await it.send(700, lost=AFTER)
        monkeypatch.setattr(reconcile, "MOST_CHUNKS", 100)
        sandbox.faults.add(Fault(kind=FaultKind.LATE, action="status", seconds=0.5, count=1))
        examining_ = asyncio.create_task(it.examine())
        await sandbox.journal.reached("status", 1)
        async with examining(database, sandbox) as other:
            other_id = other.works.lease.current()
            database.execute(
                "UPDATE guards SET worker_id = %s, examined_until = now() + interval '1 minute'", [other_id]
            )
            await examining_
        assert len(it.asked()) == 1

    async def test_a_search_that_begins_again_goes_on(
        self, it: Examiner, database: Database, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reconcile, "MOST_CHUNKS", 2)
        await it.send(*range(1000, 1150))
        await it.examine()
        await it.works.lease.end()
        async with examining(database, sandbox) as other:
            await other.until(
                lambda: database.scalar("SELECT EXISTS (SELECT FROM guards WHERE searched_at > now() - interval '1 h')")
            )
        assert len(it.asked()) > 2
        assert asked_twice(it) == set()

    async def test_a_known_order_that_does_not_answer_yet_vouches_for_nothing(
        self, it: Examiner, sandbox: Sandbox
    ) -> None:
        """Where one is known that had the time to come to light, the panel is asked about that one."""
        await it.send(1000)
        await over(it, 2 * SETTLE)
        sandbox.clock.advance(3600)
        sandbox.quirks.on("unknown_at_first")
        await it.send(*range(1001, 1060))
        await it.send(700, lost=BEFORE)
        await it.examine()
        first, *_ = sandbox.panel.book.orders
        assert {numbers[0] for numbers in it.asked()} == {first}
        assert it.database.all("SELECT FROM asked_ids") != []


async def test_what_was_asked_is_forgotten_when_no_open_question_needs_it(
    it: Examiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_SEARCHED", 200)
    monkeypatch.setattr(reconcile, "TIDY_EVERY", 0.0)
    await it.send(1000)
    await it.send(700, lost=AFTER)
    await it.until(lambda: it.state(2) == "submitted")
    assert it.database.all("SELECT FROM asked_ids") != []
    await it.send(*range(1001, 1200))
    await it.send(701, lost=AFTER)
    await it.until(lambda: it.state(202) == "submitted")
    lowest = it.database.scalar("SELECT min(chunk) FROM asked_ids")
    assert lowest >= chunk_of(max(it.sandbox.panel.book.orders) - 400)
