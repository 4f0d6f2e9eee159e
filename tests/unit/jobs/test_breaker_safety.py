"""Tests the breaker and the rules for orders with any outcomes: no trouble of the panel rejects an order."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.changes import OrderRecord
from worker.domain.orders.outcomes import Accepted, AddOutcome, Answered, NotSent, Reason, Refused, Scope, Unknown
from worker.domain.orders.refusals import ANY_WORDS, SAME_WORDS, TRIES, blamed_on_panel
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import Claimed, settled
from worker.domain.orders.trouble import ADD_OUTAGE_AFTER, Pause, PauseReason, PauseScope
from worker.jobs.machinery.breaker import Breaker
from worker.store.shared.pauses import Resumed

REFUSING = (PauseScope.ADD, PauseReason.REFUSING)
OUTAGE = (PauseScope.ADD, PauseReason.OUTAGE)


@dataclass
class World:
    """A panel's pauses and orders, as the database keeps them for one worker."""

    standing: set[tuple[str, str]] = field(default_factory=set)
    states: dict[int, OrderState] = field(default_factory=dict)
    counted: Counter[int] = field(default_factory=Counter)  #: refusals in unknown words that count against each order
    attempts: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.breaker = Breaker("shop", cast("Any", self), self.excuse)

    async def begin(self, pause: Pause, *, probe: bool) -> bool:
        is_new = (pause.scope, pause.reason) not in self.standing
        self.standing.add((pause.scope, pause.reason))
        return is_new

    async def prolong(self, pause: Pause) -> bool:
        return (pause.scope, pause.reason) in self.standing

    async def end(self, scope: PauseScope, reasons: tuple[PauseReason, ...]) -> list[Resumed]:
        over = {(scope, reason) for reason in reasons} & self.standing
        self.standing -= over
        return [Resumed(reason, 1.0) for _, reason in over]

    async def give_back_probe(self, scope: PauseScope, failed: PauseReason | None = None) -> None: ...

    async def excuse(self) -> None:
        self.counted.clear()

    async def add(self, number: int, outcome: AddOutcome, *, in_flight: bool = False) -> None:
        """Sends an order. `in_flight`: before a pause that stands began, so it is no probe."""
        probe = not in_flight and any(scope == PauseScope.ADD for scope, _ in self.standing)
        await self.breaker.report(outcome, adding=True, probe=probe, subject=("1", str(number)))
        self.attempts[number] += 1
        judged = blamed_on_panel(outcome) if REFUSING in self.standing else outcome
        claimed = Claimed(number, 1, self.attempts[number], AddRequest("1"), self.counted[number])
        change = settled(claimed, judged, OrderRecord(OrderState.SUBMITTING), tries=TRIES)
        if change.after.error_code == Reason.REFUSED:
            self.counted[number] += 1
        self.states[number] = change.after.state


words = st.text(max_size=3)
outcomes = st.one_of(
    st.builds(Refused, st.just(Reason.REFUSED), words),
    st.builds(Refused, st.sampled_from(Reason), words),
    st.just(Accepted("1")),
    st.just(NotSent("no route")),
    st.builds(Unknown, words, st.booleans()),
)
calls = st.tuples(st.integers(0, 9), outcomes, st.booleans())


@given(st.lists(calls, max_size=60))
def test_an_order_is_rejected_only_for_its_own_trouble(calls: list[tuple[int, AddOutcome, bool]]) -> None:
    async def run() -> None:
        world = World()
        refused = Counter[int]()
        for number, outcome, in_flight in calls:
            await world.add(number, outcome, in_flight=in_flight)
            match outcome:
                case Refused(Reason.REFUSED):
                    refused[number] += 1
                    rejected = world.states[number] is OrderState.REJECTED
                    assert not (rejected and (REFUSING in world.standing or refused[number] < TRIES))
                case Refused(reason):
                    assert (world.states[number] is OrderState.REJECTED) is (reason.scope is Scope.ITEM)
                case _:
                    assert world.states[number] is not OrderState.REJECTED

    asyncio.run(run())


@given(st.data(), st.integers(SAME_WORDS, 30), st.booleans())
def test_a_panel_that_refuses_everybody_in_any_words_rejects_nobody(
    data: st.DataObject, orders: int, same: bool
) -> None:
    """Each order is tried again only when all others were, as their waits have it."""

    async def run() -> None:
        world = World()
        word = data.draw(words)
        queue = range(orders if same else max(orders, ANY_WORDS))
        for number in [*queue, *queue, *queue, *queue]:
            text = word if same else data.draw(words)
            await world.add(number, Refused(Reason.REFUSED, text))
        assert set(world.states.values()) == {OrderState.PENDING}
        assert world.standing == {REFUSING}
        for number in queue:
            await world.add(number, Accepted(str(number)))
        assert set(world.states.values()) == {OrderState.SUBMITTED}
        assert world.standing == set()

    asyncio.run(run())


@given(st.data(), words)
def test_one_order_that_gets_any_text_pauses_nothing_while_others_are_accepted(data: st.DataObject, text: str) -> None:
    async def run() -> None:
        world = World()
        for number in range(1, 40):
            if data.draw(st.booleans()):
                await world.add(0, Refused(Reason.REFUSED, text))
            await world.add(number, Accepted(str(number)))
            assert world.standing == set()

    asyncio.run(run())


others = st.sampled_from([Answered({}), Unknown("what?", replied=True), Refused(Reason.NOT_FOUND, "no")])


@given(st.lists(others, max_size=30), st.integers(1, 16))
def test_an_outage_of_add_is_noticed_and_lasts_whatever_else_is_answered(answers: list[Any], in_flight: int) -> None:
    async def run() -> None:
        world = World()
        number = 0
        while OUTAGE not in world.standing:
            await world.add(number, Unknown("timeout"))
            for answer in answers:
                await world.breaker.report(answer, adding=False, probe=False)
            number += 1
        assert number == ADD_OUTAGE_AFTER
        for late in range(number, number + in_flight):
            await world.add(late, Unknown("timeout"), in_flight=True)
        for answer in answers:
            await world.breaker.report(answer, adding=False, probe=True)
        await world.add(99, Unknown("timeout"))
        assert world.standing == {OUTAGE}
        await world.add(99, Accepted("1"))
        assert world.standing == set()

    asyncio.run(run())
