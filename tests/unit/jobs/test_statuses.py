"""How far polls run ahead of the writing of their answers."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from worker.domain.orders.abilities import BATCH
from worker.domain.orders.news import News
from worker.domain.orders.outcomes import Answered, Reply
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.jobs.machinery.abilities import PanelAbilities
from worker.jobs.machinery.breaker import Breaker
from worker.jobs.machinery.gate import Gate
from worker.jobs.machinery.in_flight import InFlight
from worker.jobs.machinery.upstream import Upstream
from worker.jobs.statuses import AHEAD, TOGETHER, Statuses
from worker.store.queue.polls import PollClaim, Polled, Polls
from worker.store.shared.budget import Budget, Slots

if TYPE_CHECKING:
    from worker.panel import PanelClient
    from worker.store.shared.abilities import Abilities
    from worker.store.shared.pauses import Pauses

#: Polls that are claimed together.
CLAIMED = TOGETHER * BATCH


class Due:
    """Polls that are due, and their answers, written once they may be."""

    def __init__(self, polls: int) -> None:
        self.left = polls
        self.written = 0
        self.writing = asyncio.Event()

    async def any_due(self, _panel: str) -> bool:
        return self.left > 0

    async def claim(self, _panel: str, at_most: int) -> list[PollClaim]:
        await asyncio.sleep(0)
        orders = range(self.left, max(self.left - at_most, 0), -1)
        self.left -= len(orders)
        return [PollClaim(order, str(order), datetime.now(UTC), None) for order in orders]

    async def record(self, polled: Iterable[Polled], **_: object) -> dict[PollClaim, News]:
        await self.writing.wait()
        self.written += sum(len(batch.claims) for batch in polled)
        return {}


class Panel:
    """Answers at once, and says nothing of any order."""

    async def statuses(self, _ids: Sequence[str]) -> Reply[dict[str, OrderReport | ItemError]]:
        await asyncio.sleep(0)
        return Answered({})

    status = statuses


class AnyBudget:
    async def take(self, want: int, _scopes: object) -> Slots:
        return Slots(want, 0.0, 0.0, datetime.now(UTC))

    async def give_back(self, *_: object) -> None: ...


class NoLimits:
    async def known(self) -> dict[str, tuple[int, float]]:
        return {}


class Deaf:
    def job_succeeded(self, job: str, panel: str) -> None: ...

    def job_failed(self, job: str, panel: str) -> None: ...


@pytest.fixture
def due() -> Due:
    return Due(20 * CLAIMED)


async def test_no_more_is_asked_about_than_is_soon_written(due: Due) -> None:
    in_flight = InFlight(Deaf())
    budget = AnyBudget()
    gate = Gate("shop", cast("Budget", budget), Breaker("shop", cast("Pauses", budget)), TOGETHER)
    abilities = PanelAbilities("shop", cast("Abilities", NoLimits()))
    statuses = Statuses(Upstream("shop", cast("PanelClient", Panel()), gate, in_flight, abilities), cast("Polls", due))
    running = asyncio.create_task(statuses.run())
    for _ in range(10_000):
        await asyncio.sleep(0)
    # Besides the groups that wait, one is written, and two at most were claimed before too many waited.
    assert 20 * CLAIMED - due.left <= (AHEAD + 3 * TOGETHER) * BATCH < 10 * CLAIMED
    due.writing.set()
    async with asyncio.timeout(10):
        await running
        await in_flight.finished()
    assert due.written == 20 * CLAIMED
