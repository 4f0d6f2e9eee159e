"""Keeps what was asked about a panel's ids: the ids that answered for us (sightings), and when the others denied.

Ids are asked about in chunks. A chunk counts as asked once a call answered for every id of it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from worker.domain.evidence.landmarks import Landmarks
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import OrderReport, read_order_status

#: Ids that are asked about together. A call has room for one more: the canary, a known order that has to answer.
CHUNK = 99

_CUT_SHORT = frozenset({OrderState.PARTIAL, OrderState.CANCELED})


def chunk_of(number: int) -> int:
    """Returns the chunk that an id belongs to."""
    return number // CHUNK


def numbers_of(chunk: int) -> range:
    """Returns the ids of a chunk. Id 0 is none."""
    return range(max(chunk * CHUNK, 1), (chunk + 1) * CHUNK)


@dataclass(frozen=True, slots=True)
class Sighting:
    """An id that answered with a status though no answer to an `add` ever told it. Times as in `OpenQuestion`.

    `seen_at`: when the answer that first showed it had come. `denied_at`: when the last call that denied it before was
    sent; None if none did. `charge`: the newest that the panel told. `uncut_charge`: the first one that wasn't 0, told
    while the order wasn't canceled or cut short. `most_remains`: the highest remains that was told. `is_parent`: the
    answer has the shape of a parent's. `has_spawned`: it lists child orders. `order_id`: the order that it was linked
    to.
    """

    number: int
    seen_at: float
    denied_at: float | None = None
    charge: Decimal | None = None
    uncut_charge: Decimal | None = None
    most_remains: int | None = None
    is_parent: bool = False
    has_spawned: bool = False
    order_id: int | None = None

    def told(self, report: OrderReport) -> "Sighting":
        """Returns the sighting with what a report adds to it."""
        uncut = self.uncut_charge if self.uncut_charge is not None else uncut_charge(report)
        remains = [one for one in (self.most_remains, report.remains) if one is not None]
        return replace(
            self,
            charge=report.charge,
            uncut_charge=uncut,
            most_remains=max(remains, default=None),
            is_parent=looks_like_a_parent(report),
            has_spawned=self.has_spawned or bool(report.spawned),
        )


def uncut_charge(report: OrderReport) -> Decimal | None:
    """Returns the charge of an order before the panel could have rewritten it; None if the report doesn't tell it.

    A charge of 0 says nothing: some panels tell none until the order begins.
    """
    if report.status is None or not report.charge or read_order_status(report.status)[0] in _CUT_SHORT:
        return None
    return report.charge


def looks_like_a_parent(report: OrderReport) -> bool:
    """Says whether a report has the shape of a drip-feed's or a subscription's parent: it has no numbers."""
    return report.charge is None and report.remains is None and report.start_count is None


@dataclass(frozen=True, slots=True)
class Asked:
    """When each chunk was asked about last: when the newest call was sent that answered for all of it."""

    sent_at: Mapping[int, float]

    def covered_until(self, low: int, high: int, landmarks: Landmarks, hidden: float) -> float:
        """Returns until when no id between these two was given out that didn't answer; infinity: none was at all.

        An id that was given out by some time had to answer `hidden` seconds later. So a denial that was sent then
        counts, and any denial that was sent `hidden` seconds after the id was given out for certain.
        """
        return min(self.each_covered_until(low, high, landmarks, hidden), default=math.inf)

    def each_covered_until(self, low: int, high: int, landmarks: Landmarks, hidden: float) -> Iterator[float]:
        """Yields the same for each chunk between two ids."""
        for chunk in chunks(low, high):
            counts_until = self.sent_at.get(chunk, -math.inf) - hidden
            yield math.inf if counts_until >= given_out(chunk, high, landmarks) else counts_until

    def sent_since(self, low: int, high: int, time: float) -> bool:
        """Says whether each id between these two was denied by a call that was sent at this time or later."""
        return all(self.sent_at.get(chunk, -math.inf) >= time for chunk in chunks(low, high))


def chunks(low: int, high: int) -> range:
    """Returns the chunks with the ids between these two."""
    return range(chunk_of(low + 1), chunk_of(high - 1) + 1) if high > low + 1 else range(0)


def given_out(chunk: int, high: int, landmarks: Landmarks) -> float:
    """Returns by when a chunk's ids below `high` were given out for certain."""
    return landmarks.given_out(min(numbers_of(chunk)[-1], high))
