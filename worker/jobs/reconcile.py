"""Settles unconfirmed orders by evidence: asks the panel about the ids around each, and weighs all of them together."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import structlog

from worker.domain.evidence.bounds import number_of
from worker.domain.evidence.settlement import verdict_detail
from worker.domain.evidence.suspects import OpenQuestion, Suspect, suspect_of, weighed_together
from worker.domain.evidence.verdicts import Absent, Doubt, Findings, Undecided, Verdict, decide, unread_above
from worker.domain.orders.changes import Change
from worker.domain.orders.outcomes import Reason
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.jobs.machinery.batches import BATCH, ask
from worker.jobs.machinery.upstream import Upstream
from worker.store.records.evidence import Evidence
from worker.store.shared.periodic_work import PeriodicWork

_log = structlog.get_logger()

#: Most orders that are examined together, those that wait longest first.
MOST = 100


@dataclass(frozen=True, slots=True)
class Rules:
    """The bounds of an examination.

    `settle`: seconds before an order is examined. A panel may take as long for a request that it left unanswered, and
    until an order shows up. `max_ids`: most ids that are asked about for one gap. `suggest_only`: verdicts are recorded
    and not acted upon.
    """

    settle: float
    max_ids: int
    suggest_only: bool = False


#: Identifies an open question: the token of its call, and when the call ended.
_Key = tuple[int, float | None]


def _key(question: OpenQuestion) -> _Key:
    return question.token, question.ended_at


@dataclass(slots=True)
class _Inquiry:
    """The calls of one examination. `cut_short`: the gate closed, or the panel was paused, before all were made."""

    upstream: Upstream
    cut_short: bool = False

    async def statuses(self, numbers: list[str]) -> dict[str, OrderReport | ItemError]:
        """Returns the panel's answer for each id, as far as it answered."""
        answers: dict[str, OrderReport | ItemError] = {}
        for start in range(0, len(numbers), BATCH):
            permits = await self.upstream.gate.enter()
            if not isinstance(permits, list):
                self.cut_short = True
                break
            batch = numbers[start : start + BATCH]
            answers |= await ask(self.upstream.gate, permits[0], batch, self.upstream.client.statuses)
        return answers


class Reconcile:
    """Examines the unconfirmed orders of one panel that are due, one worker for all."""

    def __init__(self, upstream: Upstream, evidence: Evidence, job: PeriodicWork, rules: Rules) -> None:
        self._upstream = upstream
        self._evidence = evidence
        self._job = job
        self._rules = rules

    async def run(self) -> None:
        if not await self._job.claim():
            return
        seen: set[int] = set()
        while examined := await self._examine(seen):
            seen |= examined

    async def _examine(self, seen: Collection[int]) -> set[int]:
        """Examines the orders that are due and not in `seen`, and others with them. Returns the ids of all."""
        questions = await self._evidence.questions()
        settle = self._rules.settle
        due = [one.order_id for one in questions if one.due and one.is_settled(settle, one.now)]
        due = [order_id for order_id in due if order_id not in seen][:MOST]
        if not due:
            return set()
        asked_at = min(question.now for question in questions)
        suspects = await self._suspects(questions, asked_at)
        asked = weighed_together(suspects.values(), due)
        inquiry = _Inquiry(self._upstream)
        findings = await self._ask(inquiry, asked)
        # A call that was in flight while we asked may have ended, and may have placed an order that we found.
        examined = {suspect.order_id for suspect in asked}
        questions = await self._evidence.questions()
        suspects = await self._suspects(questions, asked_at, suspects)
        if findings.found:
            since = min(suspect.since for suspect in asked)
            findings = await self._without_children(inquiry, findings, [*suspects.values()], since=since)
            findings = await self._without_known(findings)
        questions = [question for question in questions if question.order_id in examined]
        verdicts = await self._verdicts([*suspects.values()], findings, questions)
        for question in questions:
            if question.order_id in verdicts:
                verdict = self._widened(verdicts[question.order_id], suspects[_key(question)])
                # Cut short, an examination counts for proof alone. Doubts stay as the last whole one left them.
                if not (inquiry.cut_short and isinstance(verdict, Undecided)):
                    await self._settle(question, verdict)
        return examined | set(due)

    async def _suspects(
        self, questions: Iterable[OpenQuestion], asked_at: float, known: Mapping[_Key, Suspect] = MappingProxyType({})
    ) -> dict[_Key, Suspect]:
        """Returns the suspect of each question.

        Those that are `known` stay as they are: orders that were sent since could only narrow their gaps.
        """
        settle = self._rules.settle
        new = [question for question in questions if _key(question) not in known]
        neighbours = await self._evidence.neighbours([(one.began_at, one.last_at(settle)) for one in new])
        found = {
            _key(question): suspect_of(question, around, settle=settle, asked_at=asked_at)
            for question, around in zip(new, neighbours, strict=True)
        }
        return {_key(one): known[_key(one)] if _key(one) in known else found[_key(one)] for one in questions}

    def _numbers(self, suspects: Iterable[Suspect]) -> set[int]:
        return {number for suspect in suspects for number in suspect.numbers(self._rules.max_ids)}

    async def _ask(self, inquiry: _Inquiry, suspects: Sequence[Suspect]) -> Findings:
        """Asks the panel about the ids at which these orders can lie.

        It asks about their bounds too, which are orders of ours: a panel that doesn't know them proves nothing.
        """
        numbers = self._numbers(suspects)
        landmarks = frozenset[int]().union(*(suspect.bounds for suspect in suspects))
        known = frozenset(map(int, await self._evidence.known(_texts(numbers))))
        answers = await inquiry.statuses(_texts(numbers - known | landmarks))
        said = _sorted_out(answers)
        return Findings(
            {number: reading for number, reading in said.found.items() if number not in landmarks},
            said.absent - landmarks,
            known,
            recognized=landmarks & said.found.keys(),
            unanswered=landmarks - set(map(int, answers)),
        )

    async def _without_children(
        self, inquiry: _Inquiry, findings: Findings, suspects: Sequence[Suspect], since: float
    ) -> Findings:
        """Returns the findings without child orders, which drip-feeds and subscriptions placed.

        Reads the parents after the findings, so that they know of all children found. Parents among the suspects are
        read at each id at which they can lie.
        """
        parents = await self._evidence.parents(since)
        listed = await inquiry.statuses(parents)
        maybe = self._numbers(suspect for suspect in suspects if suspect.is_parent)
        said = _sorted_out(await inquiry.statuses(_texts(maybe)))
        read = [answer for answer in listed.values() if isinstance(answer, OrderReport)]
        spawned = {number for reading in [*read, *said.found.values()] for number in reading.spawned}
        unread = [number_of(parent) or 0 for parent in parents if not isinstance(listed.get(parent), OrderReport)]
        return replace(_with_known(findings, spawned), unread_above=unread_above(suspects, said, unread))

    async def _without_known(self, findings: Findings) -> Findings:
        """Returns the findings without orders that rows have got meanwhile."""
        return _with_known(findings, await self._evidence.known(_texts(findings.found)))

    async def _verdicts(
        self, suspects: Sequence[Suspect], findings: Findings, questions: Sequence[OpenQuestion]
    ) -> dict[int, Verdict]:
        """Returns the verdict on each order. Where the ids say that nothing was bought, the balance has to agree."""
        verdicts = decide(suspects, findings)
        unexplained = {}
        for question in questions:
            if verdicts.get(question.order_id) == Absent():
                last_at = question.last_at(self._rules.settle)
                unexplained[question.order_id] = await self._evidence.unexplained(question, last_at)
        return decide(suspects, replace(findings, unexplained=unexplained)) if unexplained else verdicts

    def _widened(self, verdict: Verdict, suspect: Suspect) -> Verdict:
        """Names the doubt GAP_TOO_WIDE if the gap has more ids than may be asked about."""
        if verdict != Undecided(Doubt.NOT_ALL_ANSWERED):
            return verdict
        return (
            Undecided(Doubt.GAP_TOO_WIDE)
            if len(suspect.numbers(self._rules.max_ids + 1)) > self._rules.max_ids
            else verdict
        )

    async def _settle(self, question: OpenQuestion, verdict: Verdict) -> None:
        change = await self._evidence.settle(question, verdict, suggest_only=self._rules.suggest_only)
        if change is not None:
            self._log_verdict(change, verdict)

    def _log_verdict(self, change: Change, verdict: Verdict) -> None:
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


def _sorted_out(answers: Mapping[str, OrderReport | ItemError]) -> Findings:
    """Sorts answers into orders and denials. Only the error "not found" denies an order: no other error proves it."""
    return Findings(
        {int(number): answer for number, answer in answers.items() if isinstance(answer, OrderReport)},
        frozenset(
            int(number)
            for number, answer in answers.items()
            if isinstance(answer, ItemError) and answer.reason is Reason.NOT_FOUND
        ),
    )


def _with_known(findings: Findings, numbers: Collection[str]) -> Findings:
    known = frozenset(int(number) for number in findings.found if str(number) in numbers)
    found = {number: reading for number, reading in findings.found.items() if number not in known}
    return replace(findings, found=found, known=findings.known | known)


def _texts(numbers: Iterable[int]) -> list[str]:
    return [str(number) for number in sorted(numbers)]
