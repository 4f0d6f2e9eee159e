"""Tells a person what evidence knows of orders in doubt: what was asked, what was seen, and whose it may be.

It decides nothing. What it tells is kept beside the verdict and rewritten when it changes, so numbers are rounded.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from worker.domain.evidence.owners import Lineup, Suspect, WhyNot
from worker.domain.evidence.questions import Premises
from worker.domain.evidence.quiet_night import frontier
from worker.domain.evidence.sightings import CHUNK, chunk_of, chunks
from worker.domain.evidence.verdicts import Absent, Knowledge, Linked, Undecided, Verdict, Weighing

T = TypeVar("T")

#: Most ids, and most orders for each of them, that are told.
MOST_IDS, MOST_ORDERS = 10, 5

#: It isn't told whose an id can't be where more orders than the first may be around it, or more than the second are in
#: doubt: nobody would read it.
_MANY, _CROWD = 64, 1_000

#: About so many chunks are enough to tell a share.
_SAMPLE = 200

#: Why an id isn't an order's own that it could have by itself: with it, some other id would have no owner.
TAKEN = "taken"


def progress(
    order_ids: Collection[int], weighing: Weighing, known: Knowledge, premises: Premises
) -> dict[int, dict[str, Any]]:
    """Returns, by order, what a person is shown of these lost orders.

    `between`: the ids between which it lies, null where nothing bounds it. `ids`: about how many of them the panel was
    asked about. `counts`: the share of them, in hundredths, that it denied late enough; null where it isn't known yet
    up to which id it has to. `until`: when the worker can know at the earliest that it wasn't bought, in seconds of the
    database's clock; null where it never can. `found`: how many ids may be its own. `candidates`: the first of them,
    each with its `charge`, when it was `seen_at`, the orders that may own it `also` (and how many `more`), and the
    orders that may not, with `WhyNot` or "taken". `others`: ids among them that can't be its own, and why.
    """
    told = _Told(weighing, known, premises)
    return {
        suspect.question.order_id: told.about(suspect)
        for suspect in known.suspects
        if suspect.question.order_id in order_ids
    }


def candidates_of(verdict: Verdict) -> tuple[int, ...]:
    """Returns the ids that may be the order's own, by a verdict on it."""
    match verdict:
        case Linked(panel_order_id):
            return (int(panel_order_id),)
        case Absent():
            return ()
        case Undecided(_, candidates):
            return candidates


class _Told:
    def __init__(self, weighing: Weighing, known: Knowledge, premises: Premises) -> None:
        self._known = known
        self._premises = premises
        self._asked: list[int] = sorted(known.asked.sent_at)
        self._covered_until = self._each_covered_until()
        self._sightings = {sighting.number: sighting for sighting in known.sightings}
        self._candidates: dict[int, Sequence[int]] = {}
        self._may_own: dict[int, list[int]] = {}
        for order_id, verdict in weighing.verdicts.items():
            self._candidates[order_id] = candidates_of(verdict)
            for number in self._candidates[order_id]:
                self._may_own.setdefault(number, []).append(order_id)
        self._may_not: dict[int, dict[int, str]] = {}
        self._others: dict[int, dict[int, str]] = {}
        if len(known.suspects) <= _CROWD:
            self._exclude()

    def _exclude(self) -> None:
        """Works out which orders among those around an id can't own it."""
        known = self._known
        lineup = Lineup(known.suspects, known.prices, self._premises, shapes_tell=known.shapes_tell)
        for sighting in known.sightings if known.is_ordered else ():
            owners = lineup.owners(sighting)
            if len(owners.stretch) > _MANY:
                continue
            may_own = self._may_own.get(sighting.number, ())
            for at in owners.stretch:
                suspect = known.suspects[at]
                order_id = suspect.question.order_id
                if not suspect.question.is_lost or order_id in may_own:
                    continue
                why = lineup.why_not(suspect, sighting) or (TAKEN if at in owners.possible else WhyNot.PRICE)
                if why is WhyNot.IDS:
                    continue
                self._may_not.setdefault(sighting.number, {})[order_id] = why
                self._others.setdefault(order_id, {})[sighting.number] = why

    def about(self, suspect: Suspect) -> dict[str, Any]:
        order_id, low = suspect.question.order_id, suspect.low
        end = self._end(suspect)
        candidates, others = self._candidates.get(order_id, ()), self._others.get(order_id, {})
        return {
            "between": [low, suspect.high],
            "ids": self._ids(low, end),
            "counts": None if low is None or end is None else self._counts(low, end, suspect),
            "until": None if low is None else round(suspect.last_at + self._premises.hidden),
            "found": len(candidates),
            "candidates": [self._candidate(number, order_id) for number in candidates[:MOST_IDS]],
            "others": [self._seen(number) | {"why": others[number]} for number in sorted(others)[:MOST_IDS]],
        }

    def _end(self, suspect: Suspect) -> int | None:
        """Returns the id up to which the panel has to deny all; None where that isn't known yet."""
        if suspect.low is None or suspect.high is not None:
            return suspect.high
        if self._known.now < suspect.last_at + self._premises.hidden:
            return None
        return frontier(suspect.low, suspect.last_at, self._known.landmarks)

    def _ids(self, low: int | None, end: int | None) -> int:
        first = 0 if low is None else bisect_left(self._asked, chunk_of(low + 1))
        last = len(self._asked) if end is None else bisect_left(self._asked, chunk_of(end - 1) + 1)
        ids = max(last - first, 0) * CHUNK
        if low is not None and end is not None:
            ids = min(ids, max(end - low - 1, 0))
        return _two_digits(ids)

    def _counts(self, low: int, end: int, suspect: Suspect) -> int:
        """Returns the share of the chunks of which the denials count, as `Asked.covered_until` has it."""
        if suspect.high is None:
            late_enough, sent_at = suspect.last_at + self._premises.hidden, self._known.asked.sent_at
            return _share(chunks(low, end), lambda chunk: sent_at.get(chunk, -math.inf) >= late_enough)
        first, until = self._covered_until[end]
        return _share(until[chunk_of(low + 1) - first :], lambda time: time >= suspect.last_at)

    def _each_covered_until(self) -> dict[int, tuple[int, list[float]]]:
        """Works out until when each chunk below an upper bound is covered, once for all orders that have this bound.

        Returns the first chunk, and the times from it on.
        """
        lowest: dict[int, int] = {}
        for suspect in self._known.suspects:
            if suspect.low is not None and suspect.high is not None:
                lowest[suspect.high] = min(suspect.low, lowest.get(suspect.high, suspect.low))
        known, hidden = self._known, self._premises.hidden
        return {
            high: (chunk_of(low + 1), list(known.asked.each_covered_until(low, high, known.landmarks, hidden)))
            for high, low in lowest.items()
        }

    def _seen(self, number: int) -> dict[str, Any]:
        sighting = self._sightings[number]
        charge = sighting.uncut_charge if sighting.charge is None else sighting.charge
        return {"id": str(number), "charge": None if charge is None else f"{charge:f}"}

    def _candidate(self, number: int, order_id: int) -> dict[str, Any]:
        also = [other for other in self._may_own[number] if other != order_id]
        may_not = self._may_not.get(number, {})
        return self._seen(number) | {
            "seen_at": round(self._sightings[number].seen_at),
            "also": also[:MOST_ORDERS],
            "more": len(also[MOST_ORDERS:]),
            "not": {str(other): may_not[other] for other in list(may_not)[:MOST_ORDERS]},
        }


def _share(values: Sequence[T], counts: Callable[[T], bool]) -> int:
    """Returns for which share of the values something is so, in steps of five hundredths. All is 100, and only all.

    Of many, it tries some.
    """
    some = values[:: len(values) // _SAMPLE + 1]
    share = int(20 * sum(map(counts, some)) / len(some)) * 5 if some else 100
    return share if share < 100 or all(map(counts, values)) else 95  # noqa: PLR2004 - hundredths


def _two_digits(number: int) -> int:
    step = int(10 ** max(len(str(number)) - 2, 0))
    return number // step * step
