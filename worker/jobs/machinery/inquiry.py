"""Asks a panel about ids around lost orders, a chunk at a time, within evidence's share of the panel's requests."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field

from worker.domain.evidence.planning import Allowance
from worker.domain.evidence.sightings import numbers_of
from worker.domain.orders.outcomes import Reason
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.jobs.machinery.batches import BATCH, ask
from worker.jobs.machinery.observer import EvidenceObserver
from worker.jobs.machinery.upstream import Upstream


@dataclass(slots=True)
class Answers:
    """What a panel answered. `chunks` are those of which it answered for every id, `seen` the ids that are ours."""

    chunks: list[int] = field(default_factory=list)
    seen: dict[int, OrderReport] = field(default_factory=dict)


class Inquiry:
    """Calls of `status` about ids. `is_closed`: no call was let through at the last try."""

    def __init__(
        self,
        upstream: Upstream,
        allowance: Allowance,
        observer: EvidenceObserver,
        may_ask: Callable[[], Awaitable[bool]],
    ) -> None:
        """`may_ask` says just before each call whether this worker is still the one that asks."""
        self._upstream = upstream
        self._allowance = allowance
        self._observer = observer
        self._may_ask = may_ask
        self.is_closed = False

    @property
    def calls(self) -> int:
        """Returns how many calls may be made now."""
        return self._allowance.calls(asyncio.get_running_loop().time())

    async def chunk(self, chunk: int, known: Collection[int], canary: int) -> Answers:
        """Returns what the panel says of a chunk's ids, without the `known` ones.

        The canary is an order of ours: a panel that has no status for it answers for nobody.
        """
        numbers = [number for number in numbers_of(chunk) if number not in known]
        answers = await self._ask([*map(str, numbers), str(canary)])
        reports = {number: one for number in numbers if isinstance(one := answers.get(str(number)), OrderReport)}
        is_answered = isinstance(answers.get(str(canary)), OrderReport) and all(
            number in reports or _is_denied(answers.get(str(number))) for number in numbers
        )
        return Answers([chunk] if is_answered else [], reports)

    async def parents(self, numbers: Iterable[int]) -> dict[int, OrderReport]:
        """Returns what the panel says of these orders."""
        wanted, found = [str(number) for number in numbers], dict[int, OrderReport]()
        for start in range(0, len(wanted), BATCH):
            answers = await self._ask(wanted[start : start + BATCH])
            found |= {int(number): one for number, one in answers.items() if isinstance(one, OrderReport)}
        return found

    async def _ask(self, ids: list[str]) -> dict[str, OrderReport | ItemError]:
        permits = await self._upstream.gate.enter()
        self.is_closed = True
        if not isinstance(permits, list):
            return {}
        if not await self._may_ask():
            await self._upstream.gate.give_back(permits)
            return {}
        self.is_closed = False
        self._allowance.spend(1)
        self._observer.ids_asked(self._upstream.name, len(ids))
        return await ask(self._upstream.gate, permits[0], ids, self._upstream.client.statuses)


def _is_denied(answer: OrderReport | ItemError | None) -> bool:
    """Says whether an answer denies an id. No other error than "not found" does."""
    return isinstance(answer, ItemError) and answer.reason is Reason.NOT_FOUND
