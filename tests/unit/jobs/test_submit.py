"""Around the calls of `add`: their outcomes are written, whatever else fails, and nobody waits for ever."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.changes import Change, OrderRecord
from worker.domain.orders.outcomes import Accepted, AddOutcome, Reason, Refused
from worker.domain.orders.services import Untyped
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import Claimed, settled
from worker.jobs.machinery.breaker import Breaker
from worker.jobs.machinery.gate import Gate
from worker.jobs.machinery.in_flight import InFlight
from worker.jobs.machinery.recorder import Recorder
from worker.jobs.machinery.upstream import Upstream
from worker.jobs.submit import Submit
from worker.store.queue.claim import Claim, Claims
from worker.store.queue.settle import Outcomes, SettleApartError, Settlements
from worker.store.shared.budget import Budget, Slots
from worker.store.shared.pauses import Paused, Pauses

if TYPE_CHECKING:
    from worker.jobs.machinery.abilities import PanelAbilities
    from worker.jobs.machinery.freshness import Freshness
    from worker.jobs.machinery.lease import Lease
    from worker.panel import PanelClient

WORKER = uuid4()


class Queue:
    """Orders that are claimed two at a time, with what goes along; and what was settled without a claim."""

    def __init__(self, orders: int) -> None:
        self.left = orders
        self.with_claims: list[int] = []
        self.alone: list[int] = []
        self.as_claimed = True
        self.away = False

    async def runnable(self, _panel: str, at_most: int) -> int:
        return min(self.left, at_most)

    async def claim(
        self,
        _panel: str,
        _worker: UUID,
        at_most: int,
        _decide: object,
        *,
        read_at_least: int,
        probe: bool,
        outcomes: Outcomes = (),
    ) -> Claim:
        if outcomes and not self.as_claimed:
            raise SettleApartError
        self.with_claims += [claimed.token for claimed, _ in outcomes]
        tokens = range(self.left, max(self.left - min(at_most, 2), 0), -1)
        self.left -= len(tokens)
        sendable = tuple(Claimed(token, token, 1, AddRequest("1")) for token in tokens)
        return Claim(sendable, (), 0, settled=_changes(outcomes))

    async def settle(self, outcomes: Outcomes) -> list[Change]:
        while self.away:  # noqa: ASYNC110 - as long as the test lasts
            await asyncio.sleep(60)
        self.alone += [claimed.token for claimed, _ in outcomes]
        return _changes(outcomes)

    async def open_claims(self, _panel: str, _worker: UUID) -> list[Claimed]:
        return []


def _changes(outcomes: Outcomes) -> list[Change]:
    record = OrderRecord(OrderState.SUBMITTING)
    return [settled(claimed, outcome, record) for claimed, outcome in outcomes]


class Panel:
    outcome: Callable[[], AddOutcome] = staticmethod(lambda: Accepted("1"))

    async def add(self, _request: AddRequest, may_send: object) -> AddOutcome:
        await asyncio.sleep(0)
        return self.outcome()


class AnyBudget:
    """Everything may be sent, and a pause can't be put down."""

    def __init__(self) -> None:
        self.pausing = asyncio.Event()
        self.fails = False
        self.meanwhile: Callable[[], None] = lambda: None
        self.taken = self.given_back = 0

    async def take(self, want: int, _scopes: object) -> Slots | Paused:
        self.meanwhile()
        if self.pausing.is_set():
            return Paused("none", 1)
        self.taken += want
        return Slots(want, 0.0, 0.0, datetime.now(UTC))

    async def give_back(self, slots: int, _next_at: object) -> None:
        self.given_back += slots

    async def begin(self, *_: object, **__: object) -> bool:
        self.pausing.set()
        if self.fails:
            raise ConnectionError
        await asyncio.sleep(60)
        return True


class Alive:
    def current(self) -> UUID:
        return WORKER

    def holds(self, _worker: UUID) -> bool:
        return True


class Deaf:
    def __init__(self) -> None:
        self.failed: list[str] = []

    def job_succeeded(self, job: str, panel: str) -> None: ...

    def job_failed(self, job: str, panel: str) -> None:
        self.failed.append(job)


class World:
    def __init__(self, orders: int) -> None:
        self.queue, self.panel, self.budget, self.observer = Queue(orders), Panel(), AnyBudget(), Deaf()
        self.in_flight = InFlight(self.observer)
        self.recorder = Recorder("shop", cast("Settlements", self.queue), self.observer)
        self.gate = Gate("shop", cast("Budget", self.budget), Breaker("shop", cast("Pauses", self.budget)), 4)
        self.submit = Submit(
            Upstream(
                "shop",
                cast("PanelClient", self.panel),
                self.gate,
                self.in_flight,
                cast("PanelAbilities", None),
            ),
            claims=cast("Claims", self.queue),
            lease=cast("Lease", Alive()),
            recorder=self.recorder,
            freshness=cast("Freshness", None),
            untyped=Untyped("DEFAULT_TYPE"),
            wake=lambda: None,
        )


@pytest.fixture
def world() -> World:
    return World(orders=6)


async def _worked(world: World) -> None:
    recording = asyncio.create_task(world.recorder.run())
    async with asyncio.timeout(10):
        await world.submit.run()
        await world.in_flight.finished()
    recording.cancel()


def _tokens(told: list[Any]) -> list[int]:
    return sorted(line["order_id"] for line in told if line["event"] == "order_submitted")


async def test_outcomes_go_with_the_next_claim_and_the_last_ones_alone(world: World) -> None:
    with capture_logs() as told:
        await _worked(world)
    assert world.queue.with_claims != []
    assert sorted(world.queue.with_claims + world.queue.alone) == [1, 2, 3, 4, 5, 6]
    assert _tokens(told) == [1, 2, 3, 4, 5, 6]


async def test_what_can_not_go_with_a_claim_is_written_and_told_before_it(world: World) -> None:
    world.queue.as_claimed = False
    with capture_logs() as told:
        await _worked(world)
    assert world.queue.with_claims == []
    assert sorted(world.queue.alone) == [1, 2, 3, 4, 5, 6]
    assert _tokens(told) == [1, 2, 3, 4, 5, 6]


async def test_nothing_is_claimed_for_leave_that_came_too_late(world: World) -> None:
    """The worker began to drain while it waited for its turn in the budget."""
    world.budget.meanwhile = world.gate.close
    await _worked(world)
    assert world.queue.left == 6
    assert world.budget.given_back == world.budget.taken > 0


async def test_a_pause_that_can_not_be_put_down_loses_no_outcome(world: World) -> None:
    world.panel.outcome = lambda: Refused(Reason.NOT_ENOUGH_FUNDS, "no money")
    world.budget.fails = True
    with capture_logs() as told:
        await _worked(world)
    assert world.queue.with_claims + world.queue.alone != []
    assert world.recorder.unwritten == []
    assert {line["event"] for line in told} >= {"order_requeued", "call_failed"}
    assert set(world.observer.failed) == {"submit"}


async def test_a_call_that_is_given_up_does_not_wait_for_what_nobody_writes(world: World) -> None:
    """As when a drain has run out: the database is away, a pause is on its way to it, and the recorder is gone."""
    world.panel.outcome = lambda: Refused(Reason.NOT_ENOUGH_FUNDS, "no money")
    world.queue.away = True
    before = asyncio.all_tasks()
    submitting = asyncio.create_task(world.submit.run())
    await asyncio.wait_for(world.budget.pausing.wait(), 10)
    given_up = asyncio.all_tasks() - before
    for task in given_up:
        task.cancel()
    _, still_there = await asyncio.wait(given_up, timeout=5)
    assert not still_there
    assert submitting.done()
    assert world.recorder.unwritten != []
