"""Asks a panel about ids around lost orders, a chunk at a time, within evidence's share of the panel's requests."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from worker.domain.evidence.planning import Allowance
from worker.domain.evidence.sightings import CHUNK, numbers_of
from worker.domain.orders.outcomes import Reason
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.jobs.machinery.batches import STATUSES, ask
from worker.jobs.machinery.observer import EvidenceObserver
from worker.jobs.machinery.upstream import Upstream

#: Seconds after which a chunk that was asked about in part is asked about from the start.
TOO_OLD = 3600.0


@dataclass(slots=True)
class Answers:
    """What a panel answered. `seen` are the ids that are ours.

    `chunks` are those of which it answered for every id, with the time of the first call: none was sent before.
    """

    chunks: dict[int, float] = field(default_factory=dict)
    seen: dict[int, OrderReport] = field(default_factory=dict)


@dataclass(slots=True)
class _Begun:
    """A chunk that takes several calls: the time of the first one, and the ids that none has answered for yet."""

    sent_at: float
    left: list[int]


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
        self._begun: dict[int, _Begun] = {}
        self.is_closed = False

    @property
    def calls(self) -> int:
        """Returns how many calls may be made now."""
        return self._allowance.calls(asyncio.get_running_loop().time())

    async def calls_of_a_chunk(self) -> int:
        """Returns how many calls a chunk takes."""
        await self._upstream.abilities.read()
        size = self._size
        return CHUNK + 1 if size == 1 else -(-CHUNK // (size - 1))

    async def chunk(self, chunk: int, known: Collection[int], canary: int, *, at_most: int, now: float) -> Answers:
        """Asks about a chunk's ids, without the `known` ones, in at most so many calls, and returns the answers.

        The canary is an order of ours: a panel that has no status for it answers for nobody. A chunk that takes more
        calls goes on the next time. `now`: the time, by the clock that the answers are kept by.
        """
        begun = self._begun.get(chunk)
        if begun is None or begun.sent_at < now - TOO_OLD:
            begun = _Begun(now, [number for number in numbers_of(chunk) if number not in known])
        found, used = Answers(), 0
        self.is_closed = False
        while used < at_most:
            one_by_one = self._size == 1
            some = begun.left[: at_most - used - 1 if one_by_one else self._size - 1]
            if begun.left and not some:
                break
            used += len(some) + 1 if one_by_one else 1
            # One by one, it has to answer last. In a batch it is first: if the batch is divided, its answer tells why.
            answers = await self._ask_about([*some, canary] if one_by_one else [canary, *some])
            found.seen |= {number: one for number in some if isinstance(one := answers.get(number), OrderReport)}
            if not isinstance(answers.get(canary), OrderReport) or not all(_is_told(answers.get(one)) for one in some):
                break
            begun.left = begun.left[len(some) :]
            self._begun[chunk] = begun
            if not begun.left:
                found.chunks[chunk] = begun.sent_at
                del self._begun[chunk]
                break
        return found

    def is_begun(self, chunk: int) -> bool:
        """Tells whether the panel has answered for a part of a chunk's ids, and is to be asked about the others."""
        return chunk in self._begun

    async def parents(self, numbers: Iterable[int]) -> dict[int, OrderReport]:
        """Returns what the panel says of these orders."""
        await self._upstream.abilities.read()
        answers = await self._ask_about([*numbers])
        return {number: one for number, one in answers.items() if isinstance(one, OrderReport)}

    @property
    def _size(self) -> int:
        return self._upstream.abilities.of(STATUSES.action).size

    async def _ask_about(self, numbers: Sequence[int]) -> dict[int, OrderReport | ItemError]:
        """Returns the answers about ids, asked in as few calls as the panel lets us."""
        answers: dict[str, OrderReport | ItemError] = {}
        ids, size = [str(number) for number in numbers], self._size
        for start in range(0, len(ids), size):
            answers |= await self._ask(ids[start : start + size])
            if self.is_closed:
                break
        return {int(number): answer for number, answer in answers.items()}

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
        return await ask(self._upstream, STATUSES, permits[0], ids, self._allowance.overdraw)


def _is_told(answer: OrderReport | ItemError | None) -> bool:
    """Says whether an answer reports an order or denies its id. No other error than "not found" denies it."""
    return isinstance(answer, OrderReport) or (isinstance(answer, ItemError) and answer.reason is Reason.NOT_FOUND)
