"""Tests how evidence asks about a chunk of ids, also of panels that take fewer ids than a chunk has."""

import pytest

from tests.unit.jobs.panel_of_ids import READING, Panel, World
from worker.domain.evidence.planning import SAVED, Allowance
from worker.domain.evidence.sightings import CHUNK, numbers_of
from worker.jobs.machinery.inquiry import TOO_OLD, Answers, Inquiry

#: The order of ours that has to answer, and ids of the chunk: two that are ours, and the first.
CANARY, OURS, FIRST = 5, (1000, 1080), numbers_of(10)[0]


class Observer:
    def __init__(self) -> None:
        self.ids = 0

    def ids_asked(self, panel: str, ids: int) -> None:
        self.ids += ids

    def weighed(self, panel: str, verdict: str, seconds: float | None = None) -> None: ...


class Asker:
    """Asks about one chunk of a panel that takes so many ids at once: None: 100; 0: one."""

    def __init__(self, most: int | None = None) -> None:
        self.world = World(Panel(most=100 if most is None else most))
        self.world.panel.ours = {str(CANARY), *map(str, OURS)}
        if most is not None:
            self.world.table.limits = {"status": most}
        self.observer = Observer()
        self.inquiry = Inquiry(self.world.upstream, Allowance(0.001), self.observer, self._may_ask)

    async def _may_ask(self) -> bool:
        return True

    async def ask(self, at_most: int, now: float = 1.0, known: tuple[int, ...] = ()) -> Answers:
        self.world.gate.calls = 0
        await self.inquiry.calls_of_a_chunk()
        return await self.inquiry.chunk(10, known, CANARY, at_most=at_most, now=now)


@pytest.mark.parametrize(("most", "calls"), [(None, 1), (50, 3), (20, 6), (2, 99), (1, 100), (0, 100)])
async def test_what_a_chunk_costs(most: int | None, calls: int) -> None:
    asker = Asker(most)
    assert await asker.inquiry.calls_of_a_chunk() == calls
    found = await asker.ask(calls)
    assert asker.world.gate.calls == calls
    assert found == Answers({10: 1.0}, dict.fromkeys(OURS, READING))
    assert asker.observer.ids >= CHUNK + 1


@pytest.mark.parametrize(("most", "at_most", "rounds"), [(20, 2, 3), (0, 20, 6), (0, 2, 99)])
async def test_a_chunk_goes_on_where_it_ended(most: int, at_most: int, rounds: int) -> None:
    asker = Asker(most)
    seen: dict[int, object] = {}
    for number in range(1, rounds + 1):
        found = await asker.ask(at_most, now=float(number))
        seen |= found.seen
        assert found.chunks == ({10: 1.0} if number == rounds else {})  # no denial is older than the first call
        assert asker.inquiry.is_begun(10) is (number < rounds)
        assert asker.world.gate.calls <= at_most
    assert seen.keys() == {*OURS}


async def test_ids_that_are_known_are_not_asked_about() -> None:
    asker = Asker()
    found = await asker.ask(1, known=(*OURS, FIRST))
    assert (found.seen, found.chunks) == ({}, {10: 1.0})
    assert not {*map(str, OURS)} & {*asker.world.panel.asked[0]}


@pytest.mark.parametrize("most", [None, 20, 0])
async def test_a_panel_that_denies_the_canary_answers_for_nobody(most: int | None) -> None:
    asker = Asker(most)
    asker.world.panel.ours = {*map(str, OURS)}
    for now in (1.0, 2.0):
        found = await asker.ask(20, now=now)
        assert found.chunks == {}
        assert not asker.inquiry.is_begun(10)
    assert found.seen  # what is ours is ours all the same
    asker.world.panel.ours.add(str(CANARY))
    found = await asker.ask(200, now=3.0)
    assert found.chunks == {10: 3.0}


async def test_what_was_asked_about_long_ago_is_asked_about_anew() -> None:
    asker = Asker(0)
    await asker.ask(50)
    assert (await asker.ask(100, now=2.0 + TOO_OLD)).chunks == {10: 2.0 + TOO_OLD}


async def test_nobody_is_asked_while_the_gate_is_closed() -> None:
    asker = Asker(0)
    asker.world.gate.leaves = 30
    await asker.ask(20)
    await asker.ask(20)
    assert asker.inquiry.is_closed
    asker.world.gate.leaves = 1000
    assert (await asker.ask(100, now=2.0)).chunks == {10: 1.0}
    assert not asker.inquiry.is_closed


async def test_to_find_out_that_a_panel_takes_one_id_is_overdrawn_and_made_up_for() -> None:
    asker = Asker()
    asker.world.panel.most = 0
    for _ in range(2):
        found = await asker.ask(1)
        assert (found.chunks, asker.inquiry.is_begun(10)) == ({}, False)
        assert asker.world.gate.calls <= 2 * SAVED + 1
    assert asker.world.table.limits == {"status": 0}
    assert asker.inquiry.calls == 0


async def test_parents_are_read_as_far_as_the_panel_takes_ids() -> None:
    asker = Asker(1)
    assert await asker.inquiry.parents([*OURS, FIRST]) == dict.fromkeys(OURS, READING)
    assert asker.world.panel.asked == [["1000"], ["1080"], [str(FIRST)]]
