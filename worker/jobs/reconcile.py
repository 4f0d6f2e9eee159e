"""Settles unconfirmed orders by evidence, in rounds: asks the panel about ids, reads what is known, and weighs it all.

One worker examines each panel. It begins a second after a loss, and goes on, ever more slowly, until nothing is in
doubt. All that it learns is in the database, so another worker goes on where it ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TypeVar

import structlog

from worker.domain.evidence.landmarks import Landmarks, ids_increase
from worker.domain.evidence.owners import Suspect, suspects_of
from worker.domain.evidence.planning import (
    FIRST,
    Allowance,
    is_searchable,
    needed_from,
    next_round,
    parents_to_read,
    search,
    wanted_chunks,
)
from worker.domain.evidence.prices import PriceBook, Rates, grain_of
from worker.domain.evidence.progress import progress
from worker.domain.evidence.questions import Premises
from worker.domain.evidence.settlement import is_for_a_person, verdict_detail
from worker.domain.evidence.sightings import CHUNK, Asked, chunk_of
from worker.domain.evidence.verdicts import (
    Absent,
    Doubt,
    Knowledge,
    KnownParent,
    Undecided,
    Verdict,
    Weighing,
    weigh,
)
from worker.domain.orders.changes import Change
from worker.jobs.machinery.inquiry import Answers, Inquiry
from worker.jobs.machinery.lease import Lease
from worker.jobs.machinery.observer import EvidenceObserver
from worker.jobs.machinery.upstream import Upstream
from worker.store.evidence.asking import Asking
from worker.store.evidence.guards import Guard, Guards
from worker.store.evidence.money import Money
from worker.store.evidence.prices import Prices
from worker.store.evidence.reading import Reading, Snapshot
from worker.store.evidence.settling import Settling

_log = structlog.get_logger()

T = TypeVar("T")

#: Most chunks of one round: what was found is weighed soon.
MOST_CHUNKS = 8

#: Seconds for which a worker examines unless it says that it goes on, beyond the time of a call.
EXAMINES = 20.0

#: Seconds until a worker that doesn't examine sees whether it has to.
STAND_BY = 5.0

#: Open questions beyond which the weighing is done in a thread: it must not hold up the event loop.
MANY = 50

#: Seconds between two times at which a worker notes what is known by now, and forgets what nobody needs.
TIDY_EVERY = 60.0

#: Seconds between two searches for orders that are nobody's; and between two readings on demand, of the catalogue, of
#: orders that may have given money back, and of how the panel answers for parents. Where orders come to light sooner
#: than usual, no catalogue is waited for longer than a share of that time.
SEARCH_EVERY = 86_400.0
CATALOGUE_EVERY, _OF_HIDDEN = 60.0, 0.2
POLLS_EVERY = 300.0
SHAPES_EVERY = 600.0


@dataclass(frozen=True, slots=True)
class Records:
    """Where evidence about one panel is kept."""

    reading: Reading
    prices: Prices
    asking: Asking
    settling: Settling
    money: Money
    guards: Guards


@dataclass(frozen=True, slots=True)
class OnDemand:
    """What evidence has done: `wake` runs its own job again and `poll` that of polls; the others read their subject."""

    wake: Callable[[], None]
    poll: Callable[[], None]
    catalogue: Callable[[], Awaitable[None]]
    balance: Callable[[], Awaitable[None]]


class Reconcile:
    """Examines the unconfirmed orders of one panel, one worker for all."""

    def __init__(
        self,
        upstream: Upstream,
        records: Records,
        lease: Lease,
        premises: Premises,
        on_demand: OnDemand,
        *,
        allowance: Allowance,
        observer: EvidenceObserver,
        timeout: float,
        suggest_only: bool = False,
    ) -> None:
        """`timeout`: seconds that a call may take. `suggest_only`: verdicts are noted and not acted upon."""
        self._upstream = upstream
        self._records = records
        self._lease = lease
        self._premises = premises
        self._on_demand = on_demand
        self._inquiry = Inquiry(upstream, allowance, observer, self._still_examines)
        self._observer = observer
        self._examines = timeout + EXAMINES
        self._suggest_only = suggest_only
        self._mark: object = None  #: changes whenever an order comes into doubt
        self._next_at = 0.0  #: when the next round is due, by the event loop's clock
        self._search_at = 0.0  #: when to see whether a search is due
        self._search: list[int] | None = None  #: the chunks that a search still has to ask about
        self._parents_read: dict[int, float] = {}
        self._catalogue_at = 0.0
        self._polls_at = 0.0
        self._shapes = 0.0, False
        self._tidy_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Does one round if it is due, and has itself woken for the next one."""
        number, mark = await self._records.reading.in_doubt()
        now = _clock()
        if not number:
            self._mark = None
            if now < self._search_at:
                return
        elif mark != self._mark:  # some order has just come into doubt
            first = now + FIRST
            self._next_at = first if self._mark is None else min(self._next_at, first)
            self._mark = mark
        if number and now < self._next_at:
            self._wake_in(self._next_at - now)
            return
        guard = await self._take_guard()
        if guard is None:
            self._search_at = now + SEARCH_EVERY / 24
            if number:
                self._wake_in(STAND_BY)
            return
        delay = await self._round(guard)
        if delay is not None:
            self._next_at = _clock() + delay
            self._wake_in(delay)

    async def _take_guard(self) -> Guard | None:
        """Makes this worker the one that examines, for the time of a call; None: another one does."""
        worker_id = self._lease.current()
        return None if worker_id is None else await self._records.guards.take(worker_id, self._examines)

    async def _still_examines(self) -> bool:
        return await self._take_guard() is not None

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_demand.wake)

    async def _round(self, guard: Guard) -> float | None:
        """Asks, reads, weighs and settles once. Returns the seconds until the next round; None if none is needed."""
        known = await self._records.reading.snapshot()
        landmarks = Landmarks(known.landmarks)
        suspects = suspects_of(known.questions, landmarks, self._premises)
        asked_before = Asked(known.asked)
        wanted = await _off_the_loop(
            suspects, partial(wanted_chunks, suspects, landmarks, asked_before, self._premises, known.now)
        )
        is_ordered = known.are_numbers and ids_increase(known.landmarks)
        calls = await self._inquiry.calls_of_a_chunk()
        is_searched = is_ordered and is_searchable(calls)
        searched = self._to_search(guard, landmarks, known) if is_searched else self._without_search()
        wanted = [*searched, *wanted] if is_ordered else []
        asked = await self._ask(wanted, known, landmarks, calls)
        if wanted:
            known = await self._records.reading.snapshot()
            landmarks = Landmarks(known.landmarks)
            suspects = suspects_of(known.questions, landmarks, self._premises)
        if self._search == []:
            await self._records.guards.searched()
            _log.info("ids_searched", panel=self._upstream.name, found=len(known.sightings))
            self._search, self._search_at = None, _clock() + SEARCH_EVERY
            guard = replace(guard, searched_at=known.now)
        if guard.searched_at is not None or not is_searched:
            await self._weigh(known, landmarks, suspects, guard, is_ordered=is_ordered)
        if _clock() >= self._tidy_at:
            self._tidy_at = _clock() + TIDY_EVERY
            await self._records.asking.tidy(needed_from(suspects, landmarks))
        lost = [suspect for suspect in suspects if suspect.question.is_lost]
        if not lost and self._search is None:
            return None
        return next_round(lost, known.now, waiting=len(wanted) > asked)

    def _without_search(self) -> list[int]:
        """Puts off the search for orders that are nobody's. Such a search asks about ids alone."""
        self._search, self._search_at = None, _clock() + SEARCH_EVERY / 24
        return []

    def _to_search(self, guard: Guard, landmarks: Landmarks, known: Snapshot) -> list[int]:
        """Returns the newest chunks, as far as a search for orders that are nobody's still has to ask about them."""
        if self._search is None:
            if guard.searched_at is not None and known.now < guard.searched_at + SEARCH_EVERY:
                self._search_at = _clock() + guard.searched_at + SEARCH_EVERY - known.now
                return []
            if landmarks.newest is None:
                self._search_at = _clock() + STAND_BY
                return []
            self._search = search(landmarks, Asked(known.asked), self._premises, known.now)
        return self._search

    async def _ask(self, wanted: Sequence[int], known: Snapshot, landmarks: Landmarks, calls: int) -> int:
        """Asks about the first of these chunks, as far as it may now; each takes so many calls.

        Returns how many it is done with for now, answered or not. A chunk of several calls goes on the next time.
        """
        ours = {landmark.number for landmark in known.landmarks} - {sighting.number for sighting in known.sightings}
        some = list(dict.fromkeys(wanted))[: min(-(-self._inquiry.calls // calls), MOST_CHUNKS)]
        # One that may not have come to light yet would vouch for nothing.
        shown = Landmarks(one for one in known.landmarks if one.latest < known.now - self._premises.hidden)
        for chunk in some:
            canary = shown.nearest(chunk * CHUNK) or landmarks.nearest(chunk * CHUNK)
            if canary is None:
                break
            answers = await self._inquiry.chunk(chunk, ours, canary, at_most=self._inquiry.calls, now=known.now)
            if self._inquiry.is_closed:
                break
            await self._note(answers, known)
        return sum(not self._inquiry.is_begun(chunk) for chunk in some)

    async def _note(self, answers: Answers, known: Snapshot) -> None:
        """Writes the answers at once: should this worker die, another one need not ask again."""
        if not answers.chunks and not answers.seen:
            return
        seen = answers.seen.keys() - await self._records.asking.known(answers.seen.keys())
        denied = {number: known.asked[chunk_of(number)] for number in seen if chunk_of(number) in known.asked}
        reports = {number: answers.seen[number] for number in seen}
        await self._records.asking.note(answers.chunks, reports, denied)
        if self._search is not None:
            self._search = [chunk for chunk in self._search if chunk not in answers.chunks]

    async def _weigh(
        self, known: Snapshot, landmarks: Landmarks, suspects: Sequence[Suspect], guard: Guard, *, is_ordered: bool
    ) -> None:
        known, parents = await self._without_children(known)
        weighed = Knowledge(
            known.now,
            suspects,
            landmarks,
            known.sightings,
            Asked(known.asked),
            await self._prices(known, suspects, parents),
            parents,
            shapes_tell=await self._shapes_tell(),
            is_ordered=is_ordered,
            is_shared=guard.is_shared,
        )
        weighing = await _off_the_loop(suspects, partial(weigh, weighed, self._premises))
        if weighing.nobodys and not guard.is_shared:
            await self._records.guards.shared()
            _log.error("shared_account", panel=self._upstream.name, panel_order_ids=list(map(str, weighing.nobodys)))
        if absent := [one for one in suspects if weighing.verdicts.get(one.question.order_id) == Absent()]:
            unexplained = await self._unexplained(absent)
            weighed = replace(weighed, unexplained=unexplained)
            weighing = await _off_the_loop(suspects, partial(weigh, weighed, self._premises))
        quiet = [one for one in suspects if _doubt(weighing, one) is Doubt.QUIET]
        if quiet and not known.sightings:
            weighed = replace(weighed, unpaid=await self._records.money.unpaid(suspects))
            weighing = await _off_the_loop(suspects, partial(weigh, weighed, self._premises))
        await self._settle(weighing, weighed)
        await self._read_on_demand(weighing, weighed)

    async def _without_children(self, known: Snapshot) -> tuple[Snapshot, list[KnownParent]]:
        """Returns the knowledge without child orders that their parents list, and the parents with when they did."""
        parents = [replace(one, read_at=self._parents_read.get(one.number, one.read_at)) for one in known.parents]
        unread = parents_to_read(parents, known.sightings, self._premises, known.now)
        own = [sighting.number for sighting in known.sightings if sighting.is_parent]
        if not unread and not (own and len(own) < len(known.sightings)):
            return known, parents
        sent_at = await self._records.reading.now()
        answers = await self._inquiry.parents([*(parent.number for parent in unread), *own])
        self._parents_read |= dict.fromkeys(answers, sent_at)
        listed = {int(child) for report in answers.values() for child in report.spawned if child.isdigit()}
        if spawned := {sighting.number for sighting in known.sightings} & listed:
            await self._records.asking.spawned(spawned)
        left = [sighting for sighting in known.sightings if sighting.number not in spawned]
        parents = [replace(one, read_at=self._parents_read.get(one.number, one.read_at)) for one in known.parents]
        return replace(known, sightings=left), parents

    async def _prices(self, known: Snapshot, suspects: Sequence[Suspect], parents: Sequence[KnownParent]) -> PriceBook:
        if not known.sightings:
            return PriceBook((), Rates(), grain_of(()))
        numbers = sorted(sighting.number for sighting in known.sightings)
        around = [suspect for suspect in suspects if suspect.may_lie_at_any(numbers)]
        services = {suspect.question.service for suspect in around} | {parent.service for parent in parents}
        times = {suspect.question.began_at for suspect in around} | {parent.began_at for parent in parents}
        return await self._records.prices.book(services, times | {sighting.seen_at for sighting in known.sightings})

    async def _shapes_tell(self) -> bool:
        until, tell = self._shapes
        if _clock() >= until:
            tell = await self._records.reading.shapes_tell()
            self._shapes = _clock() + SHAPES_EVERY, tell
        return tell

    async def _unexplained(self, absent: Sequence[Suspect]) -> Mapping[int, Decimal | None]:
        return {one.question.order_id: await self._records.money.unexplained(one) for one in absent}

    async def _settle(self, weighing: Weighing, known: Knowledge) -> None:
        by_order = {suspect.question.order_id: suspect.question for suspect in known.suspects}
        verdicts = [(by_order[order_id], verdict) for order_id, verdict in weighing.verdicts.items()]
        open_ids = {
            order_id
            for order_id, verdict in weighing.verdicts.items()
            if isinstance(verdict, Undecided) or self._suggest_only
        }
        shown = await _off_the_loop(known.suspects, partial(progress, open_ids, weighing, known, self._premises))
        changes = await self._records.settling.settle(verdicts, shown, suggest_only=self._suggest_only)
        for change, verdict in changes:
            question = by_order[change.order_id]
            self._tell(change, verdict, known.now - (question.ended_at or question.began_at))

    def _tell(self, change: Change, verdict: Verdict, in_doubt_for: float) -> None:
        about = {
            "order_id": change.order_id,
            "panel": self._upstream.name,
            "state": change.after.state,
            **verdict_detail(verdict),
        }
        if change.changes_state:
            _log.info("order_reconciled", **about, in_doubt_for=round(in_doubt_for, 1))
        elif is_for_a_person(verdict):
            _log.warning("order_undecided", **about)
        else:
            _log.info("order_examined", **about)
        kind = str(verdict.doubt) if isinstance(verdict, Undecided) else about["verdict"]
        self._observer.weighed(self._upstream.name, kind, in_doubt_for if change.changes_state else None)

    async def _read_on_demand(self, weighing: Weighing, known: Knowledge) -> None:
        """Has the catalogue or the balance read, where that would tell more about an order."""
        doubts = {one.question.order_id: _doubt(weighing, one) for one in known.suspects}
        loosely = Doubt.FITS_LOOSELY in doubts.values()
        if (loosely or known.prices.wants_reading) and _clock() >= self._catalogue_at:
            self._catalogue_at = _clock() + min(CATALOGUE_EVERY, _OF_HIDDEN * self._premises.hidden)
            await self._on_demand.catalogue()
        alone = [one.last_at for one in known.suspects if one.high is None and one.last_at + 1 <= known.now]
        read_at = await self._records.money.read_at() if alone else 0.0
        if alone and read_at < max(alone):
            await self._on_demand.balance()
        quiet = [one for one in known.suspects if doubts[one.question.order_id] is Doubt.QUIET]
        if quiet and _clock() >= self._polls_at:
            self._polls_at = _clock() + POLLS_EVERY
            await self._records.money.poll_again(
                seen_since=read_at, open_since=min(one.question.began_at for one in quiet) - SEARCH_EVERY
            )
            self._on_demand.poll()


async def _off_the_loop(suspects: Sequence[Suspect], call: Callable[[], T]) -> T:
    """Calls a function that may take long for many suspects."""
    return await asyncio.to_thread(call) if len(suspects) > MANY else call()


def _doubt(weighing: Weighing, suspect: Suspect) -> Doubt | None:
    verdict = weighing.verdicts.get(suspect.question.order_id)
    return verdict.doubt if isinstance(verdict, Undecided) else None


def _clock() -> float:
    return asyncio.get_running_loop().time()
