"""One budget for a panel, whoever takes from it; and its pauses, that one probe at a time may lift."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.domain.orders.trouble import PASSING, Pause, PauseReason, PauseScope, low_balance
from worker.store.shared.budget import HORIZON, SHARE, Budget, Slots, Wait
from worker.store.shared.pauses import PROBE, Paused, Resumed

RATE = 50.0
GAP = 1 / (RATE * SHARE)
SECONDS = 2.5

ADD = (PauseScope.ADD, PauseScope.ALL)
ALL = (PauseScope.ALL,)


@pytest.fixture
async def budget(engine: AsyncEngine) -> Budget:
    budget = Budget(engine, "default", RATE)
    await budget.open()
    return budget


@dataclass
class Takers:
    """Several that take what they can get for a while, at one budget, and note when each call would start."""

    budget: Budget
    starts: list[float] = field(default_factory=list)
    longest_round_trip: float = 0.0

    async def run(self, count: int) -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        await asyncio.gather(*(self._take(seed, begin + SECONDS) for seed in range(count)))
        self.starts = sorted(start - begin for start in self.starts if start < begin + SECONDS)

    async def _take(self, seed: int, until: float) -> None:
        clock, dice = asyncio.get_running_loop().time, random.Random(seed)
        while (asked := clock()) < until:
            taken = await self.budget.take(dice.randint(1, 8), ALL)
            told = clock()
            self.longest_round_trip = max(self.longest_round_trip, told - asked)
            match taken:
                case Slots(count, first_in, gap):
                    self.starts += [told + first_in + i * gap for i in range(count)]
                case Wait(seconds):
                    await asyncio.sleep(seconds)

    @property
    def most_in_a_second(self) -> int:
        return max(sum(start <= other < start + 1 for other in self.starts) for start in self.starts)


async def test_no_second_holds_more_than_the_rate_and_little_is_left(engine: AsyncEngine, budget: Budget) -> None:
    used = 0.0
    for _ in range(3):  # a machine that stalls can lose slots, and never gains any
        takers = Takers(budget)
        await takers.run(6)
        # A start is known as well as its round trip was short.
        slack = max(0.1, takers.longest_round_trip)
        assert takers.most_in_a_second <= RATE * (1 + slack) + 1
        lost = takers.longest_round_trip / SECONDS  # what the longest stall may have cost
        used = max(used, len(takers.starts) / (RATE * SECONDS) + lost)
        if used >= 0.9:
            break
    assert used >= 0.9


async def test_slots_lie_one_after_the_other(budget: Budget) -> None:
    first = await budget.take(3, ALL)
    assert isinstance(first, Slots)
    assert (first.count, first.gap, first.next_at is None) == (3, GAP, False)
    assert 0 <= first.first_in <= HORIZON
    second = await budget.take(1, ALL)
    assert isinstance(second, Slots)
    assert second.count == 1


async def test_no_slot_is_taken_that_is_further_than_the_horizon(budget: Budget) -> None:
    taken = await budget.take(1000, ALL)
    assert isinstance(taken, Slots)
    assert taken.count == int(HORIZON / GAP) + 1


async def test_who_has_to_wait_is_told_how_long(engine: AsyncEngine) -> None:
    budget = Budget(engine, "slow", 0.01)
    assert isinstance(await budget.take(1, ALL), Wait)  # the budget is opened on the way
    taken = await budget.take(5, ALL)
    assert isinstance(taken, Slots)
    assert taken.count == 1
    wait = await budget.take(1, ALL)
    assert isinstance(wait, Wait)
    assert 90 < wait.seconds <= 100 / SHARE


async def test_what_is_given_back_can_be_taken_again(engine: AsyncEngine) -> None:
    budget = Budget(engine, "slow", 0.01)
    await budget.open()
    taken = await budget.take(1, ALL)
    assert isinstance(taken, Slots)
    assert taken.next_at is not None
    assert isinstance(await budget.take(1, ALL), Wait)
    await budget.give_back(1, taken.next_at)
    assert isinstance(await budget.take(1, ALL), Slots)


async def test_what_others_have_taken_since_is_not_given_back(engine: AsyncEngine) -> None:
    budget = Budget(engine, "quick", 20)
    await budget.open()
    first = await budget.take(1, ALL)
    assert isinstance(first, Slots)
    assert first.next_at is not None
    later = await budget.take(1, ALL)
    assert isinstance(later, Slots)
    await budget.give_back(1, first.next_at)
    third = await budget.take(1, ALL)
    assert isinstance(third, Slots)
    assert third.next_at is not None
    assert later.next_at is not None
    assert third.next_at > later.next_at


async def test_panels_have_budgets_of_their_own(engine: AsyncEngine) -> None:
    for panel in ("a", "b"):
        budget = Budget(engine, panel, 0.01)
        await budget.open()
        assert isinstance(await budget.take(1, ALL), Slots)


def pause(scope: PauseScope, reason: PauseReason = PauseReason.OUTAGE, *, first: float = 60.0) -> Pause:
    return Pause(scope, reason, "words of the panel", first=first, longest=300)


def lasts(database: Database) -> float:
    return float(database.scalar("SELECT extract(epoch FROM until - clock_timestamp()) FROM pauses"))


class TestPauses:
    async def test_one_of_add_holds_back_nothing_else(self, budget: Budget) -> None:
        assert await budget.pauses.begin(pause(PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS), probe=False) is True
        paused = await budget.take(1, ADD)
        assert isinstance(paused, Paused)
        assert paused.reason == "not_enough_funds"
        assert 50 < paused.seconds <= 60
        assert isinstance(await budget.take(1, ALL), Slots)

    async def test_one_of_all_holds_back_everything(self, budget: Budget) -> None:
        await budget.pauses.begin(pause(PauseScope.ALL), probe=False)
        assert isinstance(await budget.take(1, ADD), Paused)
        assert isinstance(await budget.take(1, ALL), Paused)

    async def test_one_panels_pause_is_no_others(self, budget: Budget, engine: AsyncEngine) -> None:
        await budget.pauses.begin(pause(PauseScope.ALL), probe=False)
        other = Budget(engine, "other", RATE)
        await other.open()
        assert isinstance(await other.take(1, ADD), Slots)

    async def test_the_longest_of_several_counts(self, budget: Budget) -> None:
        await budget.pauses.begin(pause(PauseScope.ALL, first=0), probe=False)
        await budget.pauses.begin(low_balance("0.10 left"), probe=False)
        paused = await budget.take(1, ADD)
        assert isinstance(paused, Paused)
        assert paused.reason == "low_balance"
        assert paused.seconds > 10 * 365 * 86_400

    @pytest.mark.parametrize(("scope", "scopes"), [(PauseScope.ADD, ADD), (PauseScope.ALL, ALL)])
    async def test_exactly_one_probes_when_it_is_over(
        self, budget: Budget, scope: PauseScope, scopes: tuple[PauseScope, ...]
    ) -> None:
        await budget.pauses.begin(pause(scope, first=0), probe=False)
        answers = await asyncio.gather(*(budget.take(5, scopes) for _ in range(8)))
        probes = [answer for answer in answers if isinstance(answer, Slots)]
        assert [(probe.count, probe.next_at) for probe in probes] == [(1, None)]
        others = [answer for answer in answers if isinstance(answer, Paused)]
        assert len(others) == 7
        assert all(PROBE - 10 < other.seconds <= PROBE for other in others)

    async def test_an_add_does_not_probe_a_pause_of_all_calls(self, budget: Budget) -> None:
        await budget.pauses.begin(pause(PauseScope.ALL, first=0), probe=False)
        assert await budget.take(1, ADD) == Paused("outage", 0.0)
        probe = await budget.take(1, ALL)
        assert isinstance(probe, Slots)
        assert probe.next_at is None

    async def test_only_a_probe_doubles_the_wait_up_to_its_longest(self, budget: Budget, database: Database) -> None:
        outage = Pause(PauseScope.ALL, PauseReason.OUTAGE, "down", first=100, longest=350)
        assert await budget.pauses.begin(outage, probe=False) is True
        since = database.scalar("SELECT since FROM pauses")
        until = database.scalar("SELECT until FROM pauses")
        assert await budget.pauses.begin(outage, probe=False) is False
        assert database.scalar("SELECT until FROM pauses") == until
        for expected in (200, 350, 350):
            assert await budget.pauses.begin(outage, probe=True) is False
            assert expected - 10 < lasts(database) <= expected
        row = database.one("SELECT * FROM pauses")
        assert (row.failures, row.since, row.detail) == (4, since, "down")

    async def test_a_probe_that_was_not_used_is_free_at_once(self, budget: Budget) -> None:
        await budget.pauses.begin(pause(PauseScope.ALL, first=0), probe=False)
        assert isinstance(await budget.take(1, ALL), Slots)
        assert isinstance(await budget.take(1, ALL), Paused)
        await budget.pauses.give_back_probe(PauseScope.ALL)
        answer = await budget.take(1, ALL)
        assert isinstance(answer, Slots)
        assert answer.next_at is None

    async def test_a_probe_that_fails_otherwise_is_free_for_the_rest(self, budget: Budget, database: Database) -> None:
        await budget.pauses.begin(pause(PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS, first=0), probe=False)
        assert isinstance(await budget.take(1, ADD), Slots)
        await budget.pauses.begin(pause(PauseScope.ADD, PauseReason.RATE_LIMITED, first=20), probe=True)
        await budget.pauses.give_back_probe(PauseScope.ADD, PauseReason.RATE_LIMITED)
        paused = await budget.take(1, ADD)
        assert isinstance(paused, Paused)
        assert paused.reason == "rate_limited"
        assert 10 < paused.seconds <= 20

    async def test_what_stands_is_told(self, budget: Budget, database: Database) -> None:
        assert await budget.pauses.standing() == []
        await budget.pauses.begin(pause(PauseScope.ALL), probe=False)
        ((standing, lasts_for),) = await budget.pauses.standing()
        since = database.scalar("SELECT since FROM pauses")
        assert (standing.scope, standing.reason, standing.since) == (PauseScope.ALL, PauseReason.OUTAGE, since)
        assert 50 < lasts_for <= 60

    async def test_resuming_lifts_what_an_answer_proves_to_be_over(self, budget: Budget) -> None:
        await budget.pauses.begin(pause(PauseScope.ALL, PauseReason.OUTAGE), probe=False)
        await budget.pauses.begin(pause(PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS), probe=False)
        await budget.pauses.begin(low_balance("0.10 left"), probe=False)
        assert [resumed.reason for resumed in await budget.pauses.end(PauseScope.ALL, PASSING)] == ["outage"]
        assert isinstance(await budget.take(1, ALL), Slots)
        (resumed,) = await budget.pauses.end(PauseScope.ADD, PASSING)
        assert resumed == Resumed("not_enough_funds", resumed.lasted)
        assert 0 <= resumed.lasted < 60
        assert isinstance(await budget.take(1, ADD), Paused)
        lifted = await budget.pauses.end(PauseScope.ADD, (PauseReason.LOW_BALANCE,))
        assert [resumed.reason for resumed in lifted] == ["low_balance"]
        assert isinstance(await budget.take(1, ADD), Slots)
        assert await budget.pauses.end(PauseScope.ADD, PASSING) == []

    async def test_a_pause_after_a_resumption_begins_anew(self, budget: Budget, database: Database) -> None:
        outage = Pause(PauseScope.ALL, PauseReason.OUTAGE, "down", first=100, longest=350)
        await budget.pauses.begin(outage, probe=False)
        await budget.pauses.begin(outage, probe=True)
        await budget.pauses.end(PauseScope.ALL, PASSING)
        assert await budget.pauses.begin(outage, probe=False) is True
        assert 90 < lasts(database) <= 100
