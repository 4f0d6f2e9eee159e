"""Describes the orders that an id on the panel may belong to, and between which ids each of them would lie."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from worker.domain.evidence.bounds import KnownOrder, bounds, ids_increase
from worker.domain.orders.states import OrderState


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """An order whose `add` has no usable answer: it may have been bought, or its call is still in flight.

    Times are seconds of the database's clock. `token` names its submission. `ended_at` is None while the call is in
    flight. `replied`: the panel replied, so it was done with the request by then. `due`: the worker may examine the
    order again.
    """

    order_id: int
    token: int
    state: OrderState
    expected_charge: Decimal | None
    units: int | None
    is_parent: bool
    replied: bool
    began_at: float
    ended_at: float | None
    now: float
    due: bool

    def last_at(self, settle: float) -> float:
        """Returns until when the panel may have taken it.

        A panel may take a request that it left unanswered, also after we gave up waiting.
        """
        if self.ended_at is None:
            return self.now + settle
        return self.ended_at + (0.0 if self.replied else settle)

    def is_settled(self, settle: float, at: float) -> bool:
        """Says whether the settling time was over at that time. A call in flight is never settled."""
        return self.state is OrderState.UNCONFIRMED and self.ended_at is not None and at >= self.ended_at + settle

    def is_over(self, settle: float, at: float) -> bool:
        """Says whether the order would have come to light by that time, had the panel taken it."""
        return self.is_settled(settle, at) and at >= self.last_at(settle) + settle


@dataclass(frozen=True, slots=True)
class Suspect:
    """An unconfirmed order that an id on the panel may belong to, or one that is just being sent.

    It would lie between the ids `low` and `high`, which belong to known orders; None where no known order bounds it.
    The panel took nothing in between before `since`. `units` are those that `remains` counts down from; None where
    `remains` may count something else.

    Only a suspect that `is_settled` gets a verdict; the others may own an id all the same. For one that `is_over`,
    silence is proof too: it would have come to light. `is_ordered`: the ids around it increase with time.
    """

    order_id: int
    expected_charge: Decimal | None
    units: int | None
    is_parent: bool
    low: int | None
    high: int | None
    since: float = 0.0
    is_settled: bool = True
    is_over: bool = True
    is_ordered: bool = True

    @property
    def bounds(self) -> frozenset[int]:
        return frozenset(bound for bound in (self.low, self.high) if bound is not None)

    def may_lie_at(self, panel_order_id: int) -> bool:
        return (self.low is None or panel_order_id > self.low) and (self.high is None or panel_order_id < self.high)

    def shares_ids_with(self, other: "Suspect") -> bool:
        """Says whether there are ids at which either of the two could lie."""
        return all(a.low is None or b.high is None or a.low + 1 < b.high for a, b in ((self, other), (other, self)))

    def numbers(self, at_most: int) -> range:
        """Returns the ids at which it could lie; in a gap wider than `at_most`, those nearest to the lower bound.

        Without a lower bound, they are those nearest to the upper bound; without any bound, there are none.
        """
        if self.low is not None:
            end = self.low + 1 + at_most
            return range(self.low + 1, end if self.high is None else min(end, self.high))
        if self.high is not None:
            return range(max(self.high - at_most, 1), self.high)
        return range(0)


def suspect_of(question: OpenQuestion, known: Sequence[KnownOrder], *, settle: float, asked_at: float) -> Suspect:
    """Makes a suspect of an open question, by the known orders that were sent around it.

    `asked_at` is when the worker began to ask about the panel's ids.
    """
    is_ordered = ids_increase(known)
    low, high = bounds(known if is_ordered else (), question.began_at, question.last_at(settle))
    return Suspect(
        question.order_id,
        question.expected_charge,
        question.units,
        question.is_parent,
        None if low is None else int(low.panel_order_id),
        None if high is None else int(high.panel_order_id),
        since=0.0 if low is None else low.began_at,
        is_settled=question.is_settled(settle, asked_at),
        is_over=question.is_over(settle, asked_at),
        is_ordered=is_ordered,
    )


def weighed_together(suspects: Iterable[Suspect], due: Collection[int]) -> list[Suspect]:
    """Returns the settled suspects with these order ids, and all settled ones that share ids with any of them.

    A suspect that shares ids with one of those others counts too, and so on.
    """
    left = [suspect for suspect in suspects if suspect.is_settled]
    together = [suspect for suspect in left if suspect.order_id in due]
    left = [suspect for suspect in left if suspect.order_id not in due]
    for suspect in together:  # it grows during the loop
        together += [other for other in left if other.shares_ids_with(suspect)]
        left = [other for other in left if not other.shares_ids_with(suspect)]
    return together
