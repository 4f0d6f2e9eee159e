"""Decides what a panel's ids prove about orders whose `add` has no usable answer (docs/lost-answers.md).

One sequence of ids runs through the whole panel, and the panel answers with a status for our own orders alone. So an
id that answers between two known orders, and belongs to no order that we know, belongs to an unconfirmed one. If the
panel denies every id at which an order could lie, it didn't take that order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from worker.domain.evidence.assignment import forced
from worker.domain.evidence.fit import Fit, charges_agree, fit, looks_like_a_parent
from worker.domain.evidence.suspects import Suspect
from worker.domain.orders.statuses import OrderReport


@dataclass(frozen=True, slots=True)
class Linked:
    """Proof that the order has this id on the panel."""

    panel_order_id: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Proof that the order wasn't bought: the panel answered for every id that it could have."""


class Doubt(StrEnum):
    """The reasons why evidence is less than proof."""

    TOO_YOUNG = "too_young"  #: nothing was found, and the order may still come to light
    NO_BOUNDS = "no_bounds"  #: no known order on one side or both, and nothing was found
    GAP_TOO_WIDE = "gap_too_wide"  #: more ids between the bounds than the worker may ask about
    NOT_ALL_ANSWERED = "not_all_answered"  #: the panel said nothing of some ids
    AMBIGUOUS = "ambiguous"  #: an id was found that fits more than one order
    FITS_LOOSELY = "fits_loosely"  #: an id was found that may be the order's, but its charge doesn't say so
    MONEY_IS_GONE = "money_is_gone"  #: nothing was found, and money left the account that nothing else explains
    MAYBE_SPAWNED = "maybe_spawned"  #: an id was found that may be a child order of a drip-feed that we couldn't read
    NOT_RECOGNIZED = "not_recognized"  #: the panel denies the known orders around it, too
    IDS_NOT_INCREASING = "ids_not_increasing"  #: the panel's ids don't follow the order of time


@dataclass(frozen=True, slots=True)
class Undecided:
    """Less than proof: the order stays unconfirmed. `candidates` are the ids that may be its own."""

    doubt: Doubt
    candidates: tuple[int, ...] = ()


Verdict = Linked | Absent | Undecided


@dataclass(frozen=True, slots=True)
class Findings:
    """The answers that the worker got by asking about ids.

    `found` are the ids that answered and belong to no order that we know, `absent` those that aren't ours, `known`
    those of our known orders. `recognized` are the bounds that the panel answered for when asked with the others,
    `unanswered` the bounds of which it said nothing.

    An id above `unread_above` may be a child order of a parent that the worker couldn't read; None: it read all
    parents. `unexplained` has, by order, the money that left the account while the panel may have taken the order,
    less everything that other orders may have cost; None: nobody can say.
    """

    found: Mapping[int, OrderReport]
    absent: frozenset[int]
    known: frozenset[int] = frozenset()
    recognized: frozenset[int] = frozenset()
    unanswered: frozenset[int] = frozenset()
    unread_above: int | None = None
    unexplained: Mapping[int, Decimal | None] = field(default_factory=dict)

    def was_paid(self, suspect: Suspect) -> bool:
        """Says whether the balance shows that the panel took the order, whatever it says of its ids."""
        gone, price = self.unexplained.get(suspect.order_id), suspect.expected_charge
        return gone is not None and price is not None and price > 0 and (gone > price or charges_agree(gone, price))

    def covers(self, suspect: Suspect) -> bool:
        """Says whether the panel answered for every id at which the order could lie."""
        if suspect.low is None or suspect.high is None:
            return False
        return all(
            number in self.absent or number in self.known or number in self.found
            for number in range(suspect.low + 1, suspect.high)
        )

    def may_be_spawned(self, number: int) -> bool:
        """Says whether this id may be a child order of an unread parent. A parent is no child of another."""
        if self.unread_above is None or number <= self.unread_above:
            return False
        return not self.found[number].spawned and not looks_like_a_parent(self.found[number])


def unread_above(suspects: Iterable[Suspect], answered: Findings, unread: Iterable[int]) -> int | None:
    """Returns the lowest id above which there may be child orders of an unread parent; None: all parents were read.

    `answered` is what the panel said of the ids at which the parents among the suspects could lie. `unread` are the
    known parents of which it said nothing. Where the panel answered for a whole gap, the worker has read the parent
    that may lie there.
    """
    hidden = [
        suspect.low or 0
        for suspect in suspects
        if suspect.is_parent and not (suspect.is_over and answered.covers(suspect))
    ]
    return min([*hidden, *unread], default=None)


def decide(suspects: Sequence[Suspect], findings: Findings) -> dict[int, Verdict]:
    """Returns the verdict on each settled suspect, by order, after weighing all suspects together.

    Each id that was found belongs to one of the suspects, and each suspect has at most one id. So an order is linked
    where no other assignment accounts for everything that was found. It is absent where the panel answered for every
    id that it could have, and no assignment gives it one. Between several assignments, nobody guesses.
    """
    owners = {number: _suspects_of(number, report, suspects) for number, report in findings.found.items()}
    owners = {number: fits for number, fits in owners.items() if fits}
    certain = forced({number: fits for number, fits in owners.items() if not findings.may_be_spawned(number)})
    return {
        suspect.order_id: _verdict(suspect, owners, certain, findings) for suspect in suspects if suspect.is_settled
    }


def _suspects_of(number: int, report: OrderReport, suspects: Iterable[Suspect]) -> dict[int, Fit]:
    """Returns the suspects that this id may belong to, with how well it fits each.

    If its charge is the one that some suspect expects, it can't belong to those that it is unlike.
    """
    fits: dict[int, Fit] = {
        suspect.order_id: how_well
        for suspect in suspects
        if suspect.may_lie_at(number) and (how_well := fit(suspect, report)) is not Fit.NO
    }
    if Fit.YES not in fits.values():
        return fits
    return {order_id: how_well for order_id, how_well in fits.items() if how_well is not Fit.UNLIKE}


def _verdict(
    suspect: Suspect, owners: Mapping[int, Mapping[int, Fit]], certain: Mapping[int, int], findings: Findings
) -> Verdict:
    """Returns the verdict on one suspect.

    `owners` has for each id the suspects that it may belong to, and `certain` the only one to whom it can belong,
    where there is one.
    """
    if not suspect.is_ordered:
        return Undecided(Doubt.IDS_NOT_INCREASING)
    own = tuple(sorted(number for number, fits in owners.items() if suspect.order_id in fits))
    if unrecognized := suspect.bounds - findings.recognized:
        is_silent = unrecognized <= findings.unanswered
        return Undecided(Doubt.NOT_ALL_ANSWERED if is_silent else Doubt.NOT_RECOGNIZED, own)
    for number in own:
        if certain.get(number) == suspect.order_id:
            if owners[number][suspect.order_id] is Fit.YES:
                return Linked(str(number))
            return Undecided(Doubt.FITS_LOOSELY, own)
    open_to_it = tuple(number for number in own if number not in certain)
    if any(findings.may_be_spawned(number) for number in open_to_it):
        return Undecided(Doubt.MAYBE_SPAWNED, open_to_it)
    if open_to_it:
        return Undecided(Doubt.AMBIGUOUS, open_to_it)
    if findings.covers(suspect):
        if not suspect.is_over:
            return Undecided(Doubt.TOO_YOUNG)
        return Undecided(Doubt.MONEY_IS_GONE) if findings.was_paid(suspect) else Absent()
    return Undecided(Doubt.NO_BOUNDS if None in {suspect.low, suspect.high} else Doubt.NOT_ALL_ANSWERED)
