"""Decides which ids are worth asking about now, best first, and when to ask again (docs/lost-answers.md).

Nothing here is proof: a plan that asks too little only takes longer.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from worker.domain.evidence.landmarks import Landmarks
from worker.domain.evidence.owners import Suspect
from worker.domain.evidence.questions import Premises
from worker.domain.evidence.quiet_night import frontier
from worker.domain.evidence.sightings import CHUNK, Asked, Sighting, chunk_of, chunks, given_out
from worker.domain.evidence.verdicts import KnownParent

#: Seconds from the loss of an order until the worker first asks.
FIRST = 1.0

#: The share of a panel's requests that evidence may use, and how many unused calls it saves up at most.
SHARE, SAVED = 0.2, 20.0

#: An order most likely lies among the ids that were given out up to so many seconds after its call ended.
_SOON = 5.0

#: Ids that denied us are asked again once the last denial is older by half, and no sooner than after so many seconds.
_AGAIN, _OLDER = 2.0, 0.5

#: Lost orders that began within so many seconds are planned for together.
_TOGETHER = 2.0

#: The ids among which the worker searches for orders that are nobody's; and for how many seconds it counts there that
#: ids were asked about after they were given out.
_SEARCHED, _COUNTS = 4_000, 3_600.0

#: Seconds until the child orders of a parent are read again.
_READ_AGAIN = 15.0

#: Seconds between two rounds, while the youngest lost order is younger than so many seconds.
_ROUNDS = ((6.0, 1.5), (60.0, 4.0), (900.0, 15.0), (1500.0, 30.0))
_LAST_ROUNDS = 120.0
_WAITING = 5.0  #: while ids wait to be asked about


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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Lost orders between the same known orders, planned for together. Times as in `OpenQuestion`."""

    low: int | None
    high: int | None
    began_at: float
    ended_at: float
    last_at: float


def wanted_chunks(
    suspects: Iterable[Suspect], landmarks: Landmarks, asked: Asked, premises: Premises, now: float
) -> list[int]:
    """Returns the chunks that are worth asking about now, the best first; none without a known order."""
    if landmarks.newest is None:
        return []
    best: dict[int, tuple[int, float]] = {}
    for wanted in _together(suspects):
        for chunk, rank in _wanted_by(wanted, landmarks, asked, premises, now):
            if chunk not in best or rank < best[chunk]:
                best[chunk] = rank
    return sorted(best, key=lambda chunk: (best[chunk], chunk))


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


def _together(suspects: Iterable[Suspect]) -> Iterator[_Wanted]:
    """Puts lost orders together that lie in the same gap and were sent at about the same time."""
    newest: dict[tuple[int | None, int | None], _Wanted] = {}
    lost = (suspect for suspect in suspects if suspect.question.is_lost)
    for suspect in sorted(lost, key=attrgetter("question.began_at")):
        question = suspect.question
        one = _Wanted(suspect.low, suspect.high, question.began_at, question.ended_at or 0.0, suspect.last_at)
        gap = one.low, one.high
        if gap in newest and one.began_at <= newest[gap].began_at + _TOGETHER:
            before = newest[gap]
            newest[gap] = _Wanted(
                *gap, before.began_at, max(before.ended_at, one.ended_at), max(before.last_at, one.last_at)
            )
            continue
        if gap in newest:
            yield newest[gap]
        newest[gap] = one
    yield from newest.values()


def _wanted_by(
    one: _Wanted, landmarks: Landmarks, asked: Asked, premises: Premises, now: float
) -> Iterator[tuple[int, tuple[int, float]]]:
    """Yields the chunks that help with these orders, each with its rank: the lowest first."""
    first, margin = landmarks.number_at(one.began_at)
    last, margin_of_last = landmarks.number_at(min(now, one.last_at))
    soon, margin_of_soon = landmarks.number_at(min(one.ended_at + _SOON, now))
    low = int(first - margin) if one.low is None else max(int(first - margin), one.low)
    high = int(last + margin_of_last) + 1 if one.high is None else min(int(last + margin_of_last) + 1, one.high)
    for chunk in range(max(chunk_of(low), 0), chunk_of(high) + 1):
        is_likely = chunk <= chunk_of(int(soon + margin_of_soon))
        sent_at = asked.sent_at.get(chunk)
        if sent_at is None:
            yield chunk, (0 if is_likely else 2, abs(landmarks.time_at(chunk * CHUNK) - one.began_at))
        elif sent_at < _needed_at(chunk, one, landmarks, premises):
            age_then = sent_at - max(min(landmarks.time_at((chunk + 1) * CHUNK), sent_at), one.began_at)
            if now - sent_at >= max(_AGAIN, _OLDER * age_then):
                yield chunk, (1 if is_likely else 3, age_then)
    yield from _needed_for_absence(one, landmarks, asked, premises, now)


def _needed_for_absence(
    one: _Wanted, landmarks: Landmarks, asked: Asked, premises: Premises, now: float
) -> Iterator[tuple[int, tuple[int, float]]]:
    """Yields the chunks whose denial would help to prove the orders absent, once the time for it has come."""
    if one.low is None:
        return
    if one.high is not None:
        between, kind = chunks(one.low, one.high), 4
    elif now >= one.last_at + premises.hidden:
        between, kind = chunks(one.low, frontier(one.low, one.last_at, landmarks)), 5
    else:
        return
    for chunk in between:
        needed_at = _needed_at(chunk, one, landmarks, premises)
        if asked.sent_at.get(chunk, -math.inf) < needed_at <= now:
            yield chunk, (kind, abs(landmarks.time_at(chunk * CHUNK) - one.began_at))


def _needed_at(chunk: int, one: _Wanted, landmarks: Landmarks, premises: Premises) -> float:
    """Returns from when on a denial of these ids is proof. In a quiet night the ids' own times don't count."""
    if one.high is None:
        return one.last_at + premises.hidden
    return min(one.last_at, given_out(chunk, one.high, landmarks)) + premises.hidden
