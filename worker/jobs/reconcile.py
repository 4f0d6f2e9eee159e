"""Unconfirmed orders, settled by evidence: the ids around each are asked about, and all are weighed together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from worker.domain.evidence import (
    Doubt,
    Findings,
    KnownOrder,
    Suspect,
    Undecided,
    Verdict,
    bounds,
    decide,
    ids_increase,
)
from worker.domain.orders import Change, verdict_detail
from worker.domain.outcome import Reason
from worker.domain.states import OrderState
from worker.domain.status import ItemError, OrderReading
from worker.jobs.batches import BATCH, ask
from worker.jobs.upstream import Upstream
from worker.store.evidence import Evidence, OpenQuestion
from worker.store.periodic import PeriodicJob

_log = structlog.get_logger()


#: How many orders are examined in one run, those that wait longest first.
MOST = 100


@dataclass(frozen=True, slots=True)
class Rules:
    """`settle`: seconds before an order is examined; as long may a panel take for a request that it left unanswered,
    and for an order to come to light. `max_ids`: the most that are asked about for one gap. `suggest_only`: verdicts
    are told, and not acted upon.
    """

    settle: float
    max_ids: int
    suggest_only: bool = False


class Reconcile:
    def __init__(self, upstream: Upstream, evidence: Evidence, job: PeriodicJob, rules: Rules) -> None:
        self._upstream = upstream
        self._evidence = evidence
        self._job = job
        self._rules = rules

    async def run(self) -> None:
        if not await self._job.claim():
            return
        questions = await self._evidence.questions()
        ripe = [question for question in questions if self._is_ripe(question) and question.due][:MOST]
        if not ripe:
            return
        suspects, disordered = await self._suspects(questions)
        asked = [suspects[question.order_id] for question in ripe if question.order_id in suspects]
        findings = await self._ask(asked, since=min(question.began_at for question in questions))
        # What was under way while we asked may have ended, and be the owner of what we found.
        questions = await self._evidence.questions()
        suspects, disordered = await self._suspects(questions)
        findings = await self._without_known(findings)
        verdicts = decide(list(suspects.values()), findings)
        for question in ripe:
            verdict: Verdict | None = verdicts.get(question.order_id)
            if question.order_id in disordered:
                verdict = Undecided(Doubt.IDS_NOT_INCREASING)
            if verdict is not None:
                await self._settle(question, self._widened(verdict, suspects.get(question.order_id)))

    def _is_ripe(self, question: OpenQuestion) -> bool:
        """Whether the settling time is over. A call that is still under way is never ripe."""
        return (
            question.state is OrderState.UNCONFIRMED
            and question.ended_at is not None
            and question.now >= question.ended_at + self._rules.settle
        )

    async def _suspects(self, questions: Iterable[OpenQuestion]) -> tuple[dict[int, Suspect], set[int]]:
        """The suspects by order, and those orders around which the ids say nothing of the order of things."""
        suspects: dict[int, Suspect] = {}
        disordered: set[int] = set()
        for question in questions:
            last_at = self._last_at(question)
            known = await self._evidence.neighbours(question.token, last_at)
            if ids_increase(known):
                suspects[question.order_id] = self._suspect(question, known, last_at)
            else:
                disordered.add(question.order_id)
        return suspects, disordered

    def _last_at(self, question: OpenQuestion) -> float:
        """Until when the panel may have taken it: a request that it left unanswered, also after we gave up."""
        if question.ended_at is None:
            return question.now + self._rules.settle
        return question.ended_at + (0.0 if question.replied else self._rules.settle)

    def _suspect(self, question: OpenQuestion, known: list[KnownOrder], last_at: float) -> Suspect:
        low, high = bounds(known, question.began_at, last_at)
        return Suspect(
            question.order_id,
            question.expected_charge,
            question.units,
            question.is_parent,
            low,
            high,
            is_settled=self._is_ripe(question),
            is_over=question.now >= last_at + self._rules.settle,
        )

    async def _ask(self, suspects: Iterable[Suspect], since: float) -> Findings:
        numbers = self._numbers(suspects)
        known = await self._evidence.known(numbers)
        answers = await self._statuses([number for number in numbers if number not in known])
        found = {int(number): answer for number, answer in answers.items() if isinstance(answer, OrderReading)}
        absent = {int(number) for number, answer in answers.items() if _is_denial(answer)}
        if found:
            spawned = await self._spawned(since, found.values())
            found = {number: reading for number, reading in found.items() if str(number) not in spawned}
            known |= spawned
        return Findings(found, frozenset(absent), frozenset(int(number) for number in known))

    def _numbers(self, suspects: Iterable[Suspect]) -> list[str]:
        """The ids at which these orders could lie; of a gap wider than the limit, those nearest to the order before."""
        numbers: set[int] = set()
        for suspect in suspects:
            if suspect.low is not None:
                end = suspect.low + 1 + self._rules.max_ids
                numbers.update(range(suspect.low + 1, end if suspect.high is None else min(end, suspect.high)))
            elif suspect.high is not None:
                numbers.update(range(max(suspect.high - self._rules.max_ids, 1), suspect.high))
        return [str(number) for number in sorted(numbers)]

    async def _statuses(self, numbers: list[str]) -> dict[str, OrderReading | ItemError]:
        answers: dict[str, OrderReading | ItemError] = {}
        for start in range(0, len(numbers), BATCH):
            passes = await self._upstream.gate.enter()
            if not isinstance(passes, list):
                break
            batch = numbers[start : start + BATCH]
            answers |= await ask(self._upstream.gate, passes[0], batch, self._upstream.client.statuses)
        return answers

    async def _spawned(self, since: float, found: Iterable[OrderReading]) -> set[str]:
        """The ids of orders that drip-feeds and subscriptions made: ours, and no row's."""
        parents = await self._statuses(await self._evidence.parents(since))
        readings = [*found, *(answer for answer in parents.values() if isinstance(answer, OrderReading))]
        return {number for reading in readings for number in reading.spawned}

    async def _without_known(self, findings: Findings) -> Findings:
        numbers = await self._evidence.known([str(number) for number in findings.found])
        known = frozenset(int(number) for number in numbers)
        found: Mapping[int, OrderReading] = {n: r for n, r in findings.found.items() if n not in known}
        return Findings(found, findings.absent, findings.known | known)

    def _widened(self, verdict: Verdict, suspect: Suspect | None) -> Verdict:
        """The doubt by its true name, where the gap is wider than may be asked about."""
        if verdict != Undecided(Doubt.NOT_ALL_ANSWERED) or suspect is None:
            return verdict
        wide = suspect.low is None or suspect.high is None or suspect.high - suspect.low - 1 > self._rules.max_ids
        return Undecided(Doubt.GAP_TOO_WIDE) if wide else verdict

    async def _settle(self, question: OpenQuestion, verdict: Verdict) -> None:
        change = await self._evidence.settle(question, verdict, suggest_only=self._rules.suggest_only)
        if change is not None:
            self._tell(change, verdict)

    def _tell(self, change: Change, verdict: Verdict) -> None:
        about = {
            "order_id": change.order_id,
            "panel": self._upstream.name,
            "state": change.after.state,
            **verdict_detail(verdict),
        }
        if change.changes_state:
            _log.info("order_reconciled", **about)
        else:
            _log.warning("order_undecided", **about)


def _is_denial(answer: OrderReading | ItemError) -> bool:
    """Whether the panel said in so many words that this isn't an order of ours. Any other error is no proof of it."""
    return isinstance(answer, ItemError) and answer.reason is Reason.NOT_FOUND
