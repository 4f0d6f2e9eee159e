"""Decides which ids are worth asking about now, best first, and when to ask again (docs/lost-answers.md).

Nothing here is proof: a plan that asks too little only takes longer.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import TypeAlias

from worker.domain.evidence.landmarks import Landmarks
from worker.domain.evidence.owners import Suspect
from worker.domain.evidence.questions import Premises
from worker.domain.evidence.quiet_night import frontier
from worker.domain.evidence.sightings import CHUNK, Asked, Sighting, chunk_of, chunks, given_out
from worker.domain.evidence.verdicts import KnownParent

#: Seconds from the loss of an order until the worker first asks.
FIRST = 1.0

#: The share of a panel's requests that evidence may use, and how many unused calls it saves up at most. It may overdraw
#: as many for an answer that takes more calls than expected, and makes up for them by waiting.
SHARE, SAVED = 0.2, 20.0

#: An order most likely lies among the ids that were given out up to so many seconds after its call ended.
_SOON = 5.0

#: Ids that denied us are asked again once the last denial is older by half, and no sooner than after so many seconds.
_AGAIN, _OLDER = 2.0, 0.5

#: The ids among which the worker searches for orders that are nobody's; and for how many seconds it counts there that
#: ids were asked about after they were given out.
_SEARCHED, _COUNTS = 4_000, 3_600.0

#: Most calls that a chunk may take for such a search.
_MOST_CALLS = 10

#: Seconds until the child orders of a parent are read again.
_READ_AGAIN = 15.0

#: Seconds between two rounds, while the youngest lost order is younger than so many seconds.
_ROUNDS = ((6.0, 1.5), (60.0, 4.0), (900.0, 15.0), (1500.0, 30.0))
_LAST_ROUNDS = 120.0
_WAITING = 5.0  #: while ids wait to be asked about


#: What is worth more comes first: a kind, and a distance or an age in seconds.
_Rank: TypeAlias = tuple[int, float]


class Allowance:
    """The calls that evidence may make now. It saves up unused ones, to a limit."""

    def __init__(self, requests_per_second: float) -> None:
        self._a_second = SHARE * requests_per_second
        self._saved = SAVED
        self._at = -math.inf

    def calls(self, now: float) -> int:
        """Returns how many calls may be made now, in seconds of any clock that doesn't go back."""
        if now > self._at > -math.inf:
            self._saved = min(SAVED, self._saved + (now - self._at) * self._a_second)
        self._at = now
        return max(int(self._saved), 0)

    def spend(self, calls: int) -> None:
        self._saved -= calls

    def overdraw(self) -> bool:
        """Spends a call that nobody planned for; returns whether it may be made."""
        if self._saved <= -SAVED:
            return False
        self._saved -= 1
        return True


def wanted_chunks(
    suspects: Iterable[Suspect], landmarks: Landmarks, asked: Asked, premises: Premises, now: float
) -> list[int]:
    """Returns the chunks that are worth asking about now, the best first; none without a known order."""
    lost = [suspect for suspect in suspects if suspect.question.is_lost]
    if landmarks.newest is None or not lost:
        return []
    plan = _Plan(lost, landmarks, asked, premises, now)
    best: dict[int, _Rank] = {}
    for chunk, rank in chain(plan.around_the_calls(), plan.for_absence()):
        if chunk not in best or rank < best[chunk]:
            best[chunk] = rank
    return sorted(best, key=lambda chunk: (best[chunk], chunk))


def is_searchable(calls_of_a_chunk: int) -> bool:
    """Says whether it is worth its calls to search for orders that are nobody's: not where a panel takes few ids."""
    return calls_of_a_chunk <= _MOST_CALLS


def search(landmarks: Landmarks, asked: Asked, premises: Premises, now: float) -> list[int]:
    """Returns the newest chunks in which orders that are nobody's would show, without those that were asked about.

    There are none below the first known order.
    """
    newest, oldest = landmarks.newest, landmarks.oldest
    if newest is None or oldest is None:
        return []
    return [
        chunk
        for chunk in chunks(max(oldest, newest - _SEARCHED), newest)
        if not _is_searched(asked.sent_at.get(chunk, -math.inf), given_out(chunk, newest, landmarks), premises, now)
    ]


def _is_searched(sent_at: float, given_out_at: float, premises: Premises, now: float) -> bool:
    """Says whether a call that was sent at a time would have shown the orders among ids that were given out by then."""
    return sent_at >= given_out_at + premises.hidden or (sent_at >= given_out_at and sent_at >= now - _COUNTS)


def needed_from(suspects: Iterable[Suspect], landmarks: Landmarks) -> int:
    """Returns the lowest chunk of which it matters when it was asked about: for an open question, or for a search."""
    lows = [suspect.low for suspect in suspects]
    if landmarks.newest is not None:
        lows.append(landmarks.newest - _SEARCHED)
    return chunk_of(max(min((0 if low is None else low for low in lows), default=0), 0))


def next_round(lost: Sequence[Suspect], now: float, *, waiting: bool) -> float:
    """Returns the seconds until the next round. `waiting`: there was more to ask about than was allowed."""
    youngest = max((suspect.question.ended_at or now for suspect in lost), default=now)
    seconds = next((seconds for age, seconds in _ROUNDS if now - youngest < age), _LAST_ROUNDS)
    return min(seconds, _WAITING) if waiting else seconds


def parents_to_read(
    parents: Iterable[KnownParent], sightings: Iterable[Sighting], premises: Premises, now: float
) -> list[KnownParent]:
    """Returns the parents whose child orders are worth reading now, since an id that answered may be one of them."""
    maybe = [sighting for sighting in sightings if not sighting.is_parent]
    newest = max((sighting.seen_at for sighting in maybe), default=-math.inf)
    highest = max((sighting.number for sighting in maybe), default=0)
    return [
        parent
        for parent in parents
        if parent.number < highest
        and parent.read_at < newest + premises.lag
        and now >= parent.read_at + min(premises.lag, _READ_AGAIN)
    ]


class _Plan:
    """Finds the chunks that help with lost orders.

    If a chunk isn't worth asking about for the order that may be taken last, of all those that it may hold, it isn't
    for any of them. So each chunk is tried once, however many orders were lost.
    """

    def __init__(
        self, lost: Iterable[Suspect], landmarks: Landmarks, asked: Asked, premises: Premises, now: float
    ) -> None:
        self._lost = sorted(lost, key=attrgetter("last_at"), reverse=True)
        self._began = sorted(suspect.question.began_at for suspect in self._lost)
        self._landmarks = landmarks
        self._sent_at = asked.sent_at
        self._hidden = premises.hidden
        self._now = now

    def around_the_calls(self) -> Iterator[tuple[int, _Rank]]:
        """Yields the chunks from about the time of each call until the order can't be taken any more."""
        untried = _Untried()
        for suspect in self._lost:
            question, now = suspect.question, self._now
            first, margin = self._landmarks.number_at(question.began_at)
            last, margin_of_last = self._landmarks.number_at(min(now, suspect.last_at))
            soon, margin_of_soon = self._landmarks.number_at(min((question.ended_at or now) + _SOON, now))
            low = max(int(first - margin), suspect.low or 0, 0)
            high = int(min(last + margin_of_last + 1, math.inf if suspect.high is None else suspect.high))
            for chunk in untried.between(chunk_of(low), chunk_of(high)):
                rank = self._rank(chunk, suspect, is_likely=chunk <= chunk_of(int(soon + margin_of_soon)))
                if rank is not None:
                    yield chunk, rank

    def _rank(self, chunk: int, suspect: Suspect, *, is_likely: bool) -> _Rank | None:
        """Returns how much a chunk is worth for an order; None if it isn't yet or any more."""
        sent_at = self._sent_at.get(chunk)
        if sent_at is None:
            return (0 if is_likely else 2), self._distance(chunk)
        given_out = min(self._landmarks.time_at((chunk + 1) * CHUNK), sent_at)
        age_then = sent_at - max(given_out, suspect.question.began_at)
        if sent_at >= self._needed_at(chunk, suspect) or self._now - sent_at < max(_AGAIN, _OLDER * age_then):
            return None
        return (1 if is_likely else 3), age_then

    def for_absence(self) -> Iterator[tuple[int, _Rank]]:
        """Yields the chunks whose denial would help to prove an order absent, once the time for it has come."""
        over = [suspect for suspect in self._lost if suspect.last_at + self._hidden <= self._now]
        for suspects in (over, self._lost[: len(self._lost) - len(over)]):
            untried = _Untried()
            for suspect in suspects:
                end, kind = suspect.high, 4
                if suspect.low is not None and end is None and suspects is over:
                    end, kind = frontier(suspect.low, suspect.last_at, self._landmarks), 5
                if suspect.low is None or end is None:
                    continue
                between = chunks(suspect.low, end)
                for chunk in untried.between(between.start, between.stop - 1):
                    needed_at = self._needed_at(chunk, suspect)
                    if self._sent_at.get(chunk, -math.inf) < needed_at <= self._now:
                        yield chunk, (kind, self._distance(chunk))

    def _needed_at(self, chunk: int, suspect: Suspect) -> float:
        """Returns from when on a denial of these ids is proof. In a quiet night the ids' own times don't count."""
        if suspect.high is None:
            return suspect.last_at + self._hidden
        return min(suspect.last_at, given_out(chunk, suspect.high, self._landmarks)) + self._hidden

    def _distance(self, chunk: int) -> float:
        """Returns how far these ids are from the next lost call, in seconds."""
        time = self._landmarks.time_at(chunk * CHUNK)
        at = bisect_left(self._began, time)
        return min(abs(time - began_at) for began_at in self._began[max(at - 1, 0) : at + 1])


class _Untried:
    """Chunks that weren't tried before. Those that were are stepped over at once."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}

    def between(self, first: int, last: int) -> Iterator[int]:
        chunk = self._from(first)
        while chunk <= last:
            yield chunk
            self._next[chunk] = chunk + 1
            chunk = self._from(chunk)

    def _from(self, chunk: int) -> int:
        end = chunk
        while end in self._next:
            end = self._next[end]
        while chunk in self._next:
            self._next[chunk], chunk = end, self._next[chunk]
        return end
