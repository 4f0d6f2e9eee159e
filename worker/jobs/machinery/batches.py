"""Asks a panel about many ids, in batches as large as it takes, so that one bad id never spoils its batch."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from worker.domain.orders.abilities import BATCH, Ability, Action
from worker.domain.orders.outcomes import Answered, NotSent, Reason, Refused, Reply, Scope, Unknown
from worker.domain.orders.statuses import CancelTaken, ItemError, OrderReport, RefillTaken
from worker.jobs.machinery.gate import Gate, Permit
from worker.jobs.machinery.upstream import Upstream
from worker.panel import PanelClient

T = TypeVar("T")
R = TypeVar("R")

#: Seconds after which a question begins no further call: the claims of its ids hold little longer. What it hasn't asked
#: about by then is asked about next time.
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A question about ids: the client's calls about many ids and about one."""

    action: Action
    many: Callable[[PanelClient], Callable[[Sequence[str]], Awaitable[Reply[dict[str, T | ItemError]]]]]
    one: Callable[[PanelClient], Callable[[str], Awaitable[Reply[T | ItemError]]]]


STATUSES: Question[OrderReport] = Question(Action.STATUS, lambda client: client.statuses, lambda client: client.status)
REFILLS: Question[str | RefillTaken] = Question(
    Action.REFILL, lambda client: client.refills, lambda client: client.refill
)
REFILL_STATUSES: Question[str] = Question(
    Action.REFILL_STATUS, lambda client: client.refill_statuses, lambda client: client.refill_status
)
CANCELS: Question[CancelTaken] = Question(Action.CANCEL, lambda client: client.cancels, lambda client: client.cancel)


async def enter_with(gate: Gate, claim: Callable[[], Awaitable[list[T]]]) -> tuple[Permit, list[T]] | None:
    """Returns a permit for one call, and the claimed items. None if there is no permit, or nothing to claim."""
    permits = await gate.enter()
    if not isinstance(permits, list):
        return None
    claimed: list[T] = []
    try:
        claimed = await claim()
    finally:
        if not claimed:
            await gate.give_back(permits)
    return (permits[0], claimed) if claimed else None


async def sizes(upstream: Upstream, action: Action, calls: int) -> list[int]:
    """Returns how many ids to claim for each of so many calls.

    Once a day the first is a full batch, although the panel took less the last time.
    """
    await upstream.abilities.read()
    usual = upstream.abilities.of(action).size
    first = BATCH if upstream.abilities.try_is_due(action) else usual
    return [first, *[usual] * (calls - 1)]


async def ask(
    upstream: Upstream,
    question: Question[T],
    permit: Permit,
    ids: Sequence[str],
    may_go_on: Callable[[], bool] = lambda: True,
) -> dict[str, T | ItemError]:
    """Returns the panel's answer for each id; an id without an answer is missing.

    `may_go_on` is asked before each call except the first.

    If the panel refuses a batch as a whole, each half is asked again, until the bad id stands alone. What the answers
    show of the panel's abilities is kept; further batches are no larger.
    """
    asking = _Asking(upstream, question, permit, may_go_on)
    try:
        await upstream.abilities.read()
        return {**(await asking.about(ids)).answers}
    finally:
        await asking.give_back()


@dataclass(frozen=True, slots=True)
class _Told(Generic[T]):
    """What the panel told of some ids. `most`: it answered for all of them at once, and none of them was an error.

    It is then the number of ids; 0 for one id that was asked about in the form for one.
    """

    answers: Mapping[str, T | ItemError]
    most: int | None = None


class _Asking(Generic[T]):
    """One question about ids, and all calls that it takes."""

    def __init__(
        self, upstream: Upstream, question: Question[T], permit: Permit, may_go_on: Callable[[], bool]
    ) -> None:
        self._gate = upstream.gate
        self._abilities = upstream.abilities
        self._action = question.action
        self._many = question.many(upstream.client)
        self._one = question.one(upstream.client)
        self._permit: Permit | None = permit
        self._until = _clock() + PATIENCE
        self._may_go_on = may_go_on
        self._is_over = False  #: no more calls can be made

    async def give_back(self) -> None:
        """Gives the first permit back, if no call used it."""
        if self._permit is not None:
            await self._gate.give_back([self._permit])

    async def about(self, ids: Sequence[str]) -> _Told[T]:
        most = self._ability.most
        if most is not None and len(ids) > most and await self._abilities.claim_try(self._action):
            return await self._try(ids, most)
        return await self._together(ids)

    @property
    def _ability(self) -> Ability:
        return self._abilities.of(self._action)

    async def _together(self, ids: Sequence[str], cut_before: tuple[int, Ability] | None = None) -> _Told[T]:
        """Asks about ids in as few calls as the panel lets us.

        `cut_before`: the call before answered for the first so many of its ids only, and these are the others; with
        the ability of before that call.
        """
        before = self._ability
        if len(ids) > before.size:
            return await self._in_parts(ids)
        if len(ids) == 1:
            told = await self._alone(ids[0])
            if cut_before is not None and told.answers:
                await self._shown(*cut_before)
            return told
        match await self._call(partial(self._many, ids)):
            case Answered(answers):
                return await self._answered(ids, answers, before, cut_before)
            case Refused(reason) if reason.scope is not Scope.PANEL:
                return await self._halves(ids, before, is_lasting=reason.scope is Scope.ITEM)
            case Unknown(replied=True) if not before.takes_batches:
                return await self._first_alone(ids, before)
            case Refused() | NotSent() | Unknown():
                return _Told({})

    async def _in_parts(self, ids: Sequence[str]) -> _Told[T]:
        answers: dict[str, T | ItemError] = {}
        start = 0
        while start < len(ids):
            size = self._ability.size
            answers |= (await self._together(ids[start : start + size])).answers
            start += size
        return _Told(answers)

    async def _answered(
        self,
        ids: Sequence[str],
        answers: Mapping[str, T | ItemError],
        before: Ability,
        cut_before: tuple[int, Ability] | None,
    ) -> _Told[T]:
        reached = _reached(ids, answers)
        self._abilities.note(self._action, self._ability.answered(reached))
        if cut_before is not None and ids[0] in answers:
            await self._shown(*cut_before)
        if before.reached <= reached == len(answers) < len(ids) and reached:
            # It may have cut the batch off: then it answers for the others if it is asked about them.
            others = await self._together(ids[reached:], (reached, before))
            return _Told({**answers, **others.answers})
        is_whole = len(answers) == len(ids) and not any(isinstance(one, ItemError) for one in answers.values())
        return _Told(answers, len(ids) if is_whole else None)

    async def _halves(self, ids: Sequence[str], before: Ability, *, is_lasting: bool) -> _Told[T]:
        """Asks about each half of a batch that was refused. If both are answered, the batch was too large."""
        middle = len(ids) // 2
        first = await self._together(ids[:middle])
        second = await self._together(ids[middle:])
        if is_lasting and first.most is not None and second.most is not None:
            await self._shown(max(first.most, second.most), before)
        return _Told({**first.answers, **second.answers})

    async def _first_alone(self, ids: Sequence[str], before: Ability) -> _Told[T]:
        """Asks about the first id of a batch that got a reply which says nothing of any, and goes on if that helps."""
        first = await self._alone(ids[0])
        if first.most is None:
            return first
        await self._shown(first.most, before)
        others = await self._together(ids[1:])
        return _Told({**first.answers, **others.answers})

    async def _alone(self, one: str) -> _Told[T]:
        """Asks about one id: as a batch, and in the form for one id if the panel may not know batches."""
        before = self._ability
        if before.most == 0:
            return await self._in_own_form(one)
        match await self._call(partial(self._many, [one])):
            case Answered(answers) if not _is_refused(answers.get(one)):
                self._abilities.note(self._action, self._ability.answered(len(answers)))
                is_whole = one in answers and not isinstance(answers[one], ItemError)
                return _Told(answers, 1 if is_whole else None)
            case Answered(answers):
                refused = answers
            case Refused(reason, text) if reason.scope is not Scope.PANEL:
                refused = {one: ItemError(reason, text)}
            case Unknown(replied=True):
                refused = {}
            case Refused() | NotSent() | Unknown():
                return _Told({})
        self._abilities.note(self._action, self._ability.refused())
        if before.takes_batches or _is_for_now(refused.get(one)):
            return _Told(refused)
        told = await self._in_own_form(one)
        if told.most is not None:
            await self._shown(told.most, before)
            return told
        return _Told(_more_telling(refused, told.answers, one))

    async def _in_own_form(self, one: str) -> _Told[T]:
        match await self._call(partial(self._one, one)):
            case Answered(ItemError() as error):
                return _Told({one: error})
            case Answered(answer):
                return _Told({one: answer}, 0)
            case Refused(reason, text) if reason.scope is not Scope.PANEL:
                return _Told({one: ItemError(reason, text)})
            case Refused() | NotSent() | Unknown():
                return _Told({})

    async def _try(self, ids: Sequence[str], most: int) -> _Told[T]:
        """Asks about more ids at once than the panel took."""
        answers: Mapping[str, T | ItemError] = {}
        match await self._call(partial(self._many, ids)):
            case Answered(told):
                answers = {one: answer for one, answer in told.items() if not _is_refused(answer)}
            case Refused() | NotSent() | Unknown():
                pass
        if _reached(ids, answers) > most:
            await self._abilities.lifted(self._action)
            return _Told(answers)
        others = await self._together([one for one in ids if one not in answers])
        return _Told({**answers, **others.answers})

    async def _shown(self, most: int, before: Ability) -> None:
        """Keeps what two calls together have shown; `before`: the ability before the first of them."""
        known = self._ability
        ability = known.shown(most, before)
        self._abilities.note(self._action, ability)
        if ability.most is not None and ability.most != known.most:
            await self._abilities.found(self._action, ability.most)

    async def _call(self, call: Callable[[], Awaitable[Reply[R]]]) -> Reply[R]:
        """Makes a call with the first permit, or one of its own; `NotSent` if there is none, or the time is over."""
        permit, self._permit = self._permit, None
        if permit is None and not self._is_over and _clock() < self._until and self._may_go_on():
            permits = await self._gate.enter()
            permit = permits[0] if isinstance(permits, list) else None
        if permit is None:
            self._is_over = True
            return NotSent("no more calls are made for this question")
        async with permit:
            reply = await call()
        await permit.report(reply)
        return reply


def _reached(ids: Sequence[str], answers: Mapping[str, object]) -> int:
    """Returns the number of ids up to the last one with an answer."""
    return max((position for position, one in enumerate(ids, 1) if one in answers), default=0)


def _is_refused(answer: object) -> bool:
    """Says whether the answer about one id is the refusal of the whole call, which may be about its form."""
    return isinstance(answer, ItemError) and answer.whole


def _is_for_now(answer: object) -> bool:
    return isinstance(answer, ItemError) and answer.reason.scope is Scope.LATER


def _more_telling(
    batch: Mapping[str, T | ItemError], alone: Mapping[str, T | ItemError], one: str
) -> Mapping[str, T | ItemError]:
    """Returns the error that says more of the id itself, of those to its two forms."""
    first, second = batch.get(one), alone.get(one)
    is_about_the_form = isinstance(first, ItemError) and first.reason is Reason.BAD_REQUEST
    denies_the_id = isinstance(second, ItemError) and second.reason is Reason.NOT_FOUND
    return alone if second is not None and (first is None or is_about_the_form or denies_the_id) else batch


def _clock() -> float:
    return asyncio.get_running_loop().time()
