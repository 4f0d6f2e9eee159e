"""Which outcomes of calls pause a panel, and which resume it."""

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from worker.domain.orders.outcomes import Accepted, Answered, NotSent, Outcome, Reason, Refused, Unknown
from worker.domain.orders.refusals import ANY_WORDS, SAME_WORDS
from worker.domain.orders.trouble import (
    ADD_OUTAGE_AFTER,
    OUTAGE_AFTER,
    PASSING,
    Pause,
    PauseReason,
    PauseScope,
    low_balance,
)
from worker.jobs.machinery.breaker import Breaker
from worker.store.shared.pauses import Resumed

NO_MONEY = Refused(Reason.NOT_ENOUGH_FUNDS, "no money")
BAD_LINK = Refused(Reason.LINK_REFUSED, "bad link")
TIMEOUT = Unknown("timeout")


class Pauses:
    """Keeps the pauses of one panel, and every call about them."""

    def __init__(self) -> None:
        self.standing: set[tuple[PauseScope, PauseReason]] = set()
        self.prolonged: list[PauseReason] = []
        self.ended_probes: list[tuple[PauseScope, PauseReason | None]] = []
        self.excused = 0

    async def begin(self, pause: Pause, *, probe: bool) -> bool:
        is_new = (pause.scope, pause.reason) not in self.standing
        self.standing.add((pause.scope, pause.reason))
        if probe and not is_new:
            self.prolonged.append(pause.reason)
        return is_new

    async def prolong(self, pause: Pause) -> bool:
        if stands := (pause.scope, pause.reason) in self.standing:
            self.prolonged.append(pause.reason)
        return stands

    async def excuse(self) -> None:
        self.excused += 1

    async def end(self, scope: PauseScope, reasons: tuple[PauseReason, ...]) -> list[Resumed]:
        over = {(scope, reason) for reason in reasons} & self.standing
        self.standing -= over
        return [Resumed(reason, 2.25) for _, reason in over]

    async def give_back_probe(self, scope: PauseScope, failed: PauseReason | None = None) -> None:
        self.ended_probes.append((scope, failed))


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def breaker(pauses: Pauses) -> Breaker:
    return Breaker("shop", cast("Any", pauses), pauses.excuse)


async def report(breaker: Breaker, *outcomes: Outcome, adding: bool = False, probe: bool = False) -> list[Any]:
    """Reports the outcomes, those of `add` for one order each, and returns what is logged."""
    with capture_logs() as logged:
        for number, outcome in enumerate(outcomes):
            subject = ("1", f"https://example.com/{number}") if adding else None
            await breaker.report(outcome, adding=adding, probe=probe, subject=subject)
    return logged


async def test_trouble_of_the_panel_pauses_it_and_is_logged_once(breaker: Breaker, pauses: Pauses) -> None:
    logged = await report(breaker, NO_MONEY, NO_MONEY, adding=True)
    assert pauses.standing == {(PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS)}
    assert logged == [
        {
            "event": "panel_paused",
            "log_level": "warning",
            "panel": "shop",
            "reason": PauseReason.NOT_ENOUGH_FUNDS,
            "scope": PauseScope.ADD,
            "error": "no money",
        }
    ]


@pytest.mark.parametrize("outcome", [Accepted("1"), Answered({}), BAD_LINK])
async def test_an_answer_or_a_refusal_of_one_order_pauses_nothing(
    breaker: Breaker, pauses: Pauses, outcome: Outcome
) -> None:
    assert await report(breaker, outcome, outcome, adding=True) == []
    assert pauses.standing == set()
    assert pauses.ended_probes == []


@pytest.mark.parametrize("failure", [NotSent("refused"), TIMEOUT])
async def test_failures_in_a_row_are_an_outage(breaker: Breaker, pauses: Pauses, failure: Outcome) -> None:
    assert await report(breaker, *[failure] * (OUTAGE_AFTER - 1)) == []
    assert [line["event"] for line in await report(breaker, failure)] == ["panel_paused"]
    assert pauses.standing == {(PauseScope.ALL, PauseReason.OUTAGE)}


@pytest.mark.parametrize(
    ("answer", "adding"),
    [(Accepted("1"), True), (BAD_LINK, True), (NO_MONEY, True), (Answered({}), False), (BAD_LINK, False)],
)
async def test_any_answer_between_them_ends_the_row(
    breaker: Breaker, pauses: Pauses, answer: Outcome, adding: bool
) -> None:
    failures = [TIMEOUT] * ((ADD_OUTAGE_AFTER if adding else OUTAGE_AFTER) - 1)
    await report(breaker, *failures, answer, *failures, adding=adding)
    assert PauseReason.OUTAGE not in {reason for _, reason in pauses.standing}


async def test_adds_in_doubt_are_an_outage_of_add_whatever_else_is_answered(breaker: Breaker, pauses: Pauses) -> None:
    for _ in range(ADD_OUTAGE_AFTER):
        assert pauses.standing == set()
        await report(breaker, TIMEOUT, adding=True)
        await report(breaker, Answered({}))
    assert pauses.standing == {(PauseScope.ADD, PauseReason.OUTAGE)}


async def test_only_an_answered_add_ends_an_outage_of_add(breaker: Breaker, pauses: Pauses) -> None:
    pauses.standing = {(PauseScope.ADD, PauseReason.OUTAGE)}
    await report(breaker, Answered({}), probe=True)
    await report(breaker, TIMEOUT, Unknown("what?", replied=True), adding=True, probe=True)
    assert pauses.standing == {(PauseScope.ADD, PauseReason.OUTAGE)}
    assert pauses.prolonged == [PauseReason.OUTAGE] * 2
    assert pauses.ended_probes[1:] == [(PauseScope.ADD, PauseReason.OUTAGE)] * 2
    await report(breaker, BAD_LINK, adding=True, probe=True)
    assert pauses.standing == set()


async def test_a_probe_that_nobody_can_read_ends_an_outage_of_all_calls(breaker: Breaker, pauses: Pauses) -> None:
    pauses.standing = {(scope, PauseReason.OUTAGE) for scope in PauseScope}
    await report(breaker, Unknown("what?", replied=True), probe=True)
    assert pauses.standing == {(PauseScope.ADD, PauseReason.OUTAGE)}


@pytest.mark.parametrize(
    "texts", [["нельзя"] * SAME_WORDS, [chr(0x3B1 + number) for number in range(ANY_WORDS)]], ids=["same", "any"]
)
async def test_unknown_words_for_order_after_order_pause_the_panel(
    breaker: Breaker, pauses: Pauses, texts: list[str]
) -> None:
    refusals = [Refused(Reason.REFUSED, text) for text in texts]
    assert await report(breaker, *refusals[:-1], BAD_LINK, adding=True) == []
    (paused,) = await report(breaker, *refusals, adding=True)
    assert (paused["reason"], paused["error"]) == (PauseReason.REFUSING, texts[-1])
    assert pauses.standing == {(PauseScope.ADD, PauseReason.REFUSING)}
    assert pauses.excused == 1


async def test_only_an_acceptance_ends_the_pause_for_unknown_words(breaker: Breaker, pauses: Pauses) -> None:
    pauses.standing = {(PauseScope.ADD, PauseReason.REFUSING)}
    await report(breaker, Refused(Reason.REFUSED, "нельзя"), adding=True, probe=True)
    assert pauses.prolonged == [PauseReason.REFUSING]
    assert pauses.ended_probes == [(PauseScope.ADD, PauseReason.REFUSING)]
    await report(breaker, BAD_LINK, TIMEOUT, adding=True, probe=True)  # no news: the next order probes at once
    assert pauses.ended_probes[1:] == [(PauseScope.ADD, None)] * 2
    assert pauses.standing == {(PauseScope.ADD, PauseReason.REFUSING)}
    await report(breaker, Accepted("1"), adding=True, probe=True)
    assert pauses.standing == set()
    assert pauses.excused == 1


async def test_unknown_words_of_a_probe_begin_no_pause_of_their_own(breaker: Breaker, pauses: Pauses) -> None:
    pauses.standing = {(PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS)}
    await report(breaker, Refused(Reason.REFUSED, "нельзя"), adding=True, probe=True)
    assert pauses.standing == {(PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS)}
    assert pauses.prolonged == []


async def test_a_failed_probe_prolongs_an_outage_at_once(breaker: Breaker, pauses: Pauses) -> None:
    await report(breaker, *[TIMEOUT] * OUTAGE_AFTER)
    await report(breaker, Answered({}))  # from a call that was in flight: only a probe ends a pause
    assert pauses.standing == {(PauseScope.ALL, PauseReason.OUTAGE)}
    assert await report(breaker, TIMEOUT, probe=True) == []
    assert pauses.prolonged == [PauseReason.OUTAGE]
    assert pauses.ended_probes == [(PauseScope.ALL, PauseReason.OUTAGE)]


async def test_one_failed_add_that_probes_is_no_outage_of_all_calls(breaker: Breaker, pauses: Pauses) -> None:
    await report(breaker, TIMEOUT, adding=True, probe=True)
    assert pauses.standing == set()
    assert pauses.ended_probes == [(PauseScope.ADD, None)]


@pytest.mark.parametrize("adding", [True, False])
async def test_an_answered_probe_ends_the_pauses_that_it_can_probe(
    breaker: Breaker, pauses: Pauses, adding: bool
) -> None:
    pauses.standing = {(scope, reason) for scope in PauseScope for reason in PauseReason}
    logged = await report(breaker, Answered({}), adding=adding, probe=True)
    probed, other = (PauseScope.ADD, PauseScope.ALL) if adding else (PauseScope.ALL, PauseScope.ADD)
    lasting = {(probed, reason) for reason in (PauseReason.LOW_BALANCE, PauseReason.OTHER_ACCOUNT)}
    assert pauses.standing == {(other, reason) for reason in PauseReason} | lasting
    assert {line["reason"] for line in logged} == set(PASSING)
    assert all((line["event"], line["paused_for"]) == ("panel_resumed", 2.2) for line in logged)
    assert pauses.ended_probes == [(probed, None)]


async def test_a_probe_may_end_one_pause_and_prolong_another(breaker: Breaker, pauses: Pauses) -> None:
    pauses.standing = {(PauseScope.ADD, reason) for reason in (PauseReason.NOT_ENOUGH_FUNDS, PauseReason.RATE_LIMITED)}
    logged = await report(breaker, NO_MONEY, adding=True, probe=True)
    assert pauses.standing == {(PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS)}
    assert pauses.prolonged == [PauseReason.NOT_ENOUGH_FUNDS]
    assert [(line["event"], line["reason"]) for line in logged] == [("panel_resumed", PauseReason.RATE_LIMITED)]
    assert pauses.ended_probes == [(PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS)]


async def test_a_low_balance_pauses_until_the_balance_says_otherwise(breaker: Breaker, pauses: Pauses) -> None:
    await breaker.pause(low_balance("the balance is 1, below 5"))
    await report(breaker, Accepted("1"), adding=True, probe=True)
    assert pauses.standing == {(PauseScope.ADD, PauseReason.LOW_BALANCE)}
    await breaker.resume(PauseScope.ADD, (PauseReason.LOW_BALANCE,))
    assert pauses.standing == set()
