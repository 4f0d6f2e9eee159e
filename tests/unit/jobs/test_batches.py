"""One bad id never spoils its batch, and a panel that takes fewer ids than the document says is found out."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.unit.jobs.panel_of_ids import NOT_FOUND, READING, FakePermit, Panel, World
from worker.domain.orders.abilities import Action
from worker.domain.orders.outcomes import Answered, NotSent, Outcome, Reason, Refused, Scope, Unknown
from worker.domain.orders.statuses import CancelTaken, ItemError
from worker.jobs.machinery import batches
from worker.jobs.machinery.batches import CANCELS, STATUSES, ask, enter_with, sizes

if TYPE_CHECKING:
    from worker.jobs.machinery.gate import Gate, Permit

HUNDRED = [str(one) for one in range(1, 101)]


class Asked(World):
    """Keeps what the last question cost."""

    async def ask(self, ids: Sequence[str], question: Any = STATUSES, **more: Any) -> dict[str, Any]:
        self.gate.calls = 0
        self.panel.asked.clear()
        permit = cast("Permit", FakePermit(self.gate))
        return await ask(self.upstream, question, permit, ids, **more)

    @property
    def most(self) -> int | None:
        return self.upstream.abilities.of(Action.STATUS).most


def told(ids: Sequence[str], *bad: str) -> dict[str, Any]:
    return {one: NOT_FOUND if one in bad else READING for one in ids}


@given(st.sets(st.integers(1, 100)), st.sets(st.integers(1, 100)))
async def test_the_bad_ids_alone_are_told_as_errors(ids: set[int], bad: set[int]) -> None:
    asked, wrong = [str(one) for one in sorted(ids | {101})], [str(one) for one in bad]
    world = Asked(Panel(*wrong))
    for _ in range(2):
        assert await world.ask(asked) == told(asked, *wrong)
    assert (world.most, world.table.limits) == (None, {})


async def test_one_bad_id_in_a_hundred_costs_a_call_for_each_halving() -> None:
    world = Asked(Panel("17"))
    await world.ask(HUNDRED)
    assert world.gate.calls == len(world.gate.reported) <= 15


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.scope is Scope.PANEL])
async def test_what_is_true_of_the_panel_is_no_items_error_and_asked_once(reason: Reason) -> None:
    world = Asked(Panel("1", refusal=Refused(reason, "no")))
    assert await world.ask(["1", "2"]) == {}
    assert world.gate.reported == [Refused(reason, "no")]


@pytest.mark.parametrize("failure", [NotSent("refused"), Unknown("timeout")])
async def test_silence_is_no_news(failure: Outcome) -> None:
    world = Asked(Panel("1", refusal=failure))
    assert await world.ask(["1", "2"]) == {}
    assert world.gate.reported == [failure]


async def test_what_was_learnt_before_the_gate_closed_is_kept() -> None:
    world = Asked(Panel("4"), leaves=1)
    assert await world.ask(["1", "2", "3", "4"]) == told(["1", "2"])
    assert world.gate.leaves == -1  # it isn't asked again


@pytest.mark.parametrize("refusal", [Refused(Reason.BAD_REQUEST, "no"), Unknown("what?", replied=True)])
@pytest.mark.parametrize("count", [1, 2, 3, 20, 100])
async def test_a_panel_that_knows_no_batches_is_found_out_and_told_once(count: int, refusal: Outcome) -> None:
    ids = HUNDRED[:count]
    world = Asked(Panel(most=0, refusal=refusal))
    with capture_logs() as logged:
        assert await world.ask(ids) == told(ids)
        assert world.gate.calls <= count + 9
        await world.ask(ids)
        assert (world.most, world.table.limits) == (0, {"status": 0})
        world.restart()
        assert await world.ask(ids) == told(ids)
    assert world.panel.asked == ids
    (line,) = logged
    assert line == {
        "event": "panel_takes_fewer_ids",
        "log_level": "warning",
        "panel": "shop",
        "action": Action.STATUS,
        "most_ids": 0,
    }


async def test_a_bad_id_of_a_panel_that_knows_no_batches_is_told() -> None:
    world = Asked(Panel("1", "3", most=0, refusal=Refused(Reason.BAD_REQUEST, "what?")))
    assert await world.ask(HUNDRED) == told(HUNDRED, "1", "3")


@pytest.mark.parametrize("most", [1, 2, 3, 10, 20, 25, 50, 60, 99])
async def test_a_limit_of_a_batch_is_found_out(most: int) -> None:
    world = Asked(Panel(most=most))
    for _ in range(2):
        assert await world.ask(HUNDRED) == told(HUNDRED)
    assert world.most is not None
    assert most / 2 <= world.most <= most
    await world.ask(HUNDRED)
    assert world.gate.calls == -(-100 // world.most)


async def test_a_limit_is_found_out_beside_bad_ids() -> None:
    world = Asked(Panel("1", "30", "77", most=20))
    for _ in range(2):
        assert await world.ask(HUNDRED) == told(HUNDRED, "1", "30", "77")
    assert world.most == 13


@pytest.mark.parametrize("most", [1, 2, 20, 60, 99])
async def test_a_panel_that_answers_for_the_first_ids_alone_is_asked_about_the_others(most: int) -> None:
    world = Asked(Panel(most=most, cuts=True))
    for _ in range(2):
        assert await world.ask(HUNDRED) == told(HUNDRED)
        assert world.gate.calls == -(-100 // most)
    await world.ask(HUNDRED)
    assert world.most == most


async def test_an_id_without_news_is_no_cut_batch() -> None:
    world = Asked(Panel())
    await world.ask(HUNDRED)
    world.panel.trouble = [Answered(told(HUNDRED[:99]))]
    assert await world.ask(HUNDRED) == told(HUNDRED[:99])
    assert world.gate.calls == 1


@pytest.mark.parametrize("refusals", [1, 2, 3, 6])
async def test_trouble_that_passes_shows_no_limit(refusals: int) -> None:
    world = Asked(Panel())
    for _ in range(3):
        world.panel.trouble = [Refused(Reason.REFUSED, "нельзя")] * refusals
        assert await world.ask(HUNDRED) == told(HUNDRED)
        assert await world.ask(HUNDRED) == told(HUNDRED)
        assert world.gate.calls == 1
    assert world.table.limits == {}


async def test_a_busy_panel_shows_no_limit() -> None:
    world = Asked(Panel())
    for _ in range(3):
        world.panel.trouble = [Refused(Reason.BUSY, "try again later")]
        assert await world.ask(HUNDRED) == told(HUNDRED)
    assert world.table.limits == {}


async def test_batches_that_were_refused_at_once_show_one_sign_together() -> None:
    world = Asked(Panel())
    world.panel.trouble = [Refused(Reason.REFUSED, "нельзя")] * 8
    found = await asyncio.gather(*(world.ask(HUNDRED) for _ in range(8)))
    assert found == [told(HUNDRED)] * 8
    assert world.table.limits == {}


async def test_a_panel_that_forgets_batches_is_found_out() -> None:
    world = Asked(Panel())
    await world.ask(HUNDRED)
    world.panel.most = 0
    for _ in range(2):
        await world.ask(HUNDRED[:20])
    assert world.most == 0


async def test_a_larger_batch_is_tried_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Asked(Panel(most=0))
    for _ in range(2):
        await world.ask(HUNDRED)
    assert await sizes(world.upstream, Action.STATUS, 3) == [1, 1, 1]
    world.table.day_is_over = True
    world.restart()
    with capture_logs() as logged:
        assert await sizes(world.upstream, Action.STATUS, 3) == [100, 1, 1]
        assert await world.ask(HUNDRED) == told(HUNDRED)
        assert (world.panel.asked[0], world.panel.asked[1:]) == (HUNDRED, HUNDRED)
        assert await sizes(world.upstream, Action.STATUS, 3) == [1, 1, 1]
        world.panel.most = 100
        world.table.day_is_over = True
        monkeypatch.setattr("worker.jobs.machinery.abilities.READ_EVERY", 0.0)
        assert await sizes(world.upstream, Action.STATUS, 1) == [100]
        assert await world.ask(HUNDRED) == told(HUNDRED)
        assert world.panel.asked == [HUNDRED]
        assert await sizes(world.upstream, Action.STATUS, 2) == [100, 100]
    assert world.table.tries == 2
    assert [line["event"] for line in logged] == ["panel_takes_more_ids"]


async def test_what_one_action_takes_says_nothing_of_another() -> None:
    world = Asked(Panel(most=0, answer=CancelTaken()))
    for _ in range(2):
        assert await world.ask(["1"], CANCELS) == {"1": CancelTaken()}
    assert world.table.limits == {"cancel": 0}
    assert await sizes(world.upstream, Action.STATUS, 1) == [100]


async def test_an_error_that_names_its_id_is_about_the_id() -> None:
    world = Asked(Panel())
    error = Answered({"1": ItemError(Reason.BAD_REQUEST, "cannot")})
    world.panel.trouble = [error]
    assert await world.ask(["1"], CANCELS) == error.value
    assert world.gate.calls == 1


async def test_no_call_is_begun_once_the_claims_may_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PATIENCE", 0.0)
    world = Asked(Panel(most=0))
    assert await world.ask(HUNDRED) == {}
    assert world.gate.calls == 1


async def test_who_asks_may_say_when_it_is_enough() -> None:
    world = Asked(Panel(most=0))
    left = iter([True] * 12)
    await world.ask(HUNDRED, may_go_on=lambda: next(left, False))
    assert world.gate.calls == 13


async def test_a_database_that_is_away_costs_no_permit() -> None:
    world = Asked(Panel())
    world.table.is_away = True
    with pytest.raises(ConnectionError):
        await world.ask(HUNDRED)
    assert len(world.gate.given_back) == 1


class GateWithOnePermit:
    def __init__(self) -> None:
        self.given_back: list[str] = []

    async def enter(self) -> list[str]:
        return ["the permit"]

    async def give_back(self, permits: list[str]) -> None:
        self.given_back += permits


async def test_a_permit_is_kept_only_for_what_was_claimed() -> None:
    async def claim() -> list[str]:
        return ["an order"]

    async def nothing() -> list[str]:
        return []

    async def broken() -> list[str]:
        raise RuntimeError("the database is away")

    gate = GateWithOnePermit()
    assert await enter_with(cast("Gate", gate), claim) == ("the permit", ["an order"])
    assert gate.given_back == []
    assert await enter_with(cast("Gate", gate), nothing) is None
    with pytest.raises(RuntimeError):
        await enter_with(cast("Gate", gate), broken)
    assert gate.given_back == ["the permit"] * 2
