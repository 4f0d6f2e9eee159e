"""What a panel's ids prove about orders whose `add` was never answered (README, promise 3).

One sequence of ids runs through the whole panel, and only our own orders answer with a status. So whatever answers
between two known orders of ours, and is none that we know, came of an unconfirmed one; and where everything was asked
about and nothing answers, nothing was bought.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum

from worker.domain.evidence.assignment import forced
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import OrderReading, read_order_status

#: What a panel's 64 bits hold.
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """An order that may have been bought, or is being bought. Times are seconds of the database's clock.

    `token` is its submission's; `ended_at` is None while the call goes on. `replied`: the panel had done with it by
    then. `due`: it may be examined again.
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
        """Until when the panel may have taken it: a request that it left unanswered, also after we gave up."""
        if self.ended_at is None:
            return self.now + settle
        return self.ended_at + (0.0 if self.replied else settle)

    def is_settled(self, settle: float, at: float) -> bool:
        """Whether the settling time was over then. A call that is still under way is never settled."""
        return self.state is OrderState.UNCONFIRMED and self.ended_at is not None and at >= self.ended_at + settle

    def is_over(self, settle: float, at: float) -> bool:
        """Whether an order, had the panel taken it, would have come to light by then."""
        return self.is_settled(settle, at) and at >= self.last_at(settle) + settle


@dataclass(frozen=True, slots=True)
class Suspect:
    """An order that may have been bought: what it would look like, and between which ids it would lie.

    `low` and `high` are ids of known orders, themselves excluded; None where there is no such order. `since`: nothing
    in between was taken before that time. `units`: how many were asked for, where that says something of `remains`.
    `is_settled`: it is long enough ago for a verdict; the others may own what is found all the same. `is_over`: it is
    so long ago that silence is proof too. `is_ordered`: the ids around it say something of the order of things.
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

    def may_lie_beside(self, other: "Suspect") -> bool:
        """Whether there are ids at which either could lie."""
        return all(a.low is None or b.high is None or a.low + 1 < b.high for a, b in ((self, other), (other, self)))

    def numbers(self, at_most: int) -> range:
        """The ids at which it could lie; of a gap wider than `at_most`, those nearest to the order before."""
        if self.low is not None:
            end = self.low + 1 + at_most
            return range(self.low + 1, end if self.high is None else min(end, self.high))
        if self.high is not None:
            return range(max(self.high - at_most, 1), self.high)
        return range(0)


def suspect_of(question: OpenQuestion, known: Sequence["KnownOrder"], *, settle: float, asked_at: float) -> Suspect:
    """What to look for, by the known orders sent around it. `asked_at`: when the panel's ids were first asked about."""
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
    """The settled suspects among those with these order ids, and all others whose gaps touch theirs."""
    left = [suspect for suspect in suspects if suspect.is_settled]
    together = [suspect for suspect in left if suspect.order_id in due]
    left = [suspect for suspect in left if suspect.order_id not in due]
    for suspect in together:  # it grows while it is walked
        together += [other for other in left if other.may_lie_beside(suspect)]
        left = [other for other in left if not other.may_lie_beside(suspect)]
    return together


@dataclass(frozen=True, slots=True)
class Linked:
    panel_order_id: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Proof that nothing was bought: everything was asked about."""


class Doubt(StrEnum):
    """Why the evidence is less than proof."""

    TOO_YOUNG = "too_young"  #: nothing was found, and it may still come to light
    NO_BOUNDS = "no_bounds"  #: no known order on one side or both, and nothing was found
    GAP_TOO_WIDE = "gap_too_wide"  #: more ids than may be asked about
    NOT_ALL_ANSWERED = "not_all_answered"  #: of some ids the panel said nothing
    AMBIGUOUS = "ambiguous"  #: what was found fits more than one order
    FITS_LOOSELY = "fits_loosely"  #: what was found might be it, and its charge doesn't say so
    MONEY_IS_GONE = "money_is_gone"  #: nothing was found, and money left the account that nothing else explains
    MAYBE_SPAWNED = "maybe_spawned"  #: what was found may have been made by a drip-feed whose orders we don't know
    NOT_RECOGNIZED = "not_recognized"  #: the panel denies the known orders around it, too
    IDS_NOT_INCREASING = "ids_not_increasing"  #: this panel's ids say nothing of the order of things


@dataclass(frozen=True, slots=True)
class Undecided:
    """It stays as it is. `candidates` are the ids that might be it."""

    doubt: Doubt
    candidates: tuple[int, ...] = ()


Verdict = Linked | Absent | Undecided


class Fit(IntEnum):
    NO = 0  #: it can't be this order
    UNLIKE = 1  #: its numbers are others, and nothing that we know of would have changed them
    MAYBE = 2  #: its numbers say nothing, or may have been rewritten
    YES = 3  #: its charge is this order's


def fit(suspect: Suspect, reading: OrderReading) -> Fit:
    """How well what a candidate shows agrees with an order.

    A charge that differs is no proof of absence: panels round, change their rates without notice, and rewrite the
    charge of what was canceled or cut short.
    """
    if reading.spawned and not suspect.is_parent:
        return Fit.NO
    if suspect.units is not None and reading.remains is not None and reading.remains > suspect.units:
        return Fit.UNLIKE
    if _is_parents(reading):
        return Fit.YES if suspect.is_parent else Fit.MAYBE
    if reading.charge is None or suspect.expected_charge is None:
        return Fit.MAYBE
    if _agree(reading.charge, suspect.expected_charge):
        return Fit.YES
    if not _is_cut_short(reading) or reading.charge > suspect.expected_charge:
        return Fit.UNLIKE
    if suspect.units and reading.remains is not None:
        delivered = suspect.units - max(reading.remains, 0)
        if _agree(reading.charge, suspect.expected_charge * delivered / suspect.units):
            return Fit.YES
    return Fit.MAYBE


def _is_parents(reading: OrderReading) -> bool:
    """Whether it has the shape of a drip-feed's or a subscription's parent: no numbers."""
    return reading.charge is None and reading.remains is None and reading.start_count is None


def _is_cut_short(reading: OrderReading) -> bool:
    return reading.status is not None and read_order_status(reading.status)[0] in {
        OrderState.PARTIAL,
        OrderState.CANCELED,
    }


def _agree(shown: Decimal, expected: Decimal) -> bool:
    """Whether a charge is another one, rounded up or down to the decimals that it shows, five at the most.

    More decimals than five aren't taken for more precision: panels compute with what they store.
    """
    exponent = shown.as_tuple().exponent
    decimals = min(max(-exponent if isinstance(exponent, int) else 0, 2), 5)
    return abs(shown - expected) < Decimal(1).scaleb(-decimals)


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of asking: `found` answered and are no order that we know, `absent` aren't ours, `known` are.

    `recognized` are the known orders around them that the panel answered for in the same breath, `unanswered` those of
    which it said nothing. What is above the id `unread_above` may have been spawned by an order whose own answer we
    don't have; None: there is no such order. `unexplained`: by order, what left the account while it may have been
    taken, less all that others may have cost; None: nobody can say.
    """

    found: Mapping[int, OrderReading]
    absent: frozenset[int]
    known: frozenset[int] = frozenset()
    recognized: frozenset[int] = frozenset()
    unanswered: frozenset[int] = frozenset()
    unread_above: int | None = None
    unexplained: Mapping[int, Decimal | None] = field(default_factory=dict)

    def was_paid(self, suspect: Suspect) -> bool:
        """Whether the balance says that it was taken, whatever the panel says of its ids."""
        gone, price = self.unexplained.get(suspect.order_id), suspect.expected_charge
        return gone is not None and price is not None and price > 0 and (gone > price or _agree(gone, price))

    def covers(self, suspect: Suspect) -> bool:
        """Whether every id at which the order could lie was answered."""
        if suspect.low is None or suspect.high is None:
            return False
        return all(
            number in self.absent or number in self.known or number in self.found
            for number in range(suspect.low + 1, suspect.high)
        )

    def may_be_spawned(self, number: int) -> bool:
        """Whether an order that isn't read may have made this one. Parents themselves are spawned by none."""
        if self.unread_above is None or number <= self.unread_above:
            return False
        return not self.found[number].spawned and not _is_parents(self.found[number])


def unread_above(suspects: Iterable[Suspect], answered: Findings, unread: Iterable[int]) -> int | None:
    """The lowest id above which there may be orders spawned by a parent that nobody has read; None: all were read.

    `answered` is what the panel said of the ids at which the parents among the suspects could lie, and `unread` are
    known parents that it said nothing of. Where all of a gap was read, so was the parent that may lie in it.
    """
    hidden = [
        suspect.low or 0
        for suspect in suspects
        if suspect.is_parent and not (suspect.is_over and answered.covers(suspect))
    ]
    return min([*hidden, *unread], default=None)


def decide(suspects: Sequence[Suspect], findings: Findings) -> dict[int, Verdict]:
    """The verdict on each settled suspect, all of them weighed together.

    Every candidate came of one of the suspects, and each suspect of at most one: so an order is linked where there is
    no other way to account for all that was found, and absent where everything was asked about and there is no way in
    which it accounts for any. Between several ways, nobody guesses.
    """
    owners = {number: _owners(number, reading, suspects) for number, reading in findings.found.items()}
    owners = {number: fits for number, fits in owners.items() if fits}
    certain = forced({number: fits for number, fits in owners.items() if not findings.may_be_spawned(number)})
    return {
        suspect.order_id: _verdict(suspect, owners, certain, findings) for suspect in suspects if suspect.is_settled
    }


def _owners(number: int, reading: OrderReading, suspects: Iterable[Suspect]) -> dict[int, Fit]:
    """Whose order this may be. Where it is one's to the last digit, those whom it is unlike are out of it."""
    fits: dict[int, Fit] = {
        s.order_id: found for s in suspects if s.may_lie_at(number) and (found := fit(s, reading)) is not Fit.NO
    }
    if Fit.YES not in fits.values():
        return fits
    return {order_id: found for order_id, found in fits.items() if found is not Fit.UNLIKE}


def _verdict(
    suspect: Suspect, owners: Mapping[int, Mapping[int, Fit]], certain: Mapping[int, int], findings: Findings
) -> Verdict:
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


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """One of our orders whose id we know, and when its call was under way, in seconds of the database's clock."""

    panel_order_id: str
    began_at: float
    ended_at: float


def ids_increase(known: Sequence[KnownOrder]) -> bool:
    """Whether these ids are whole numbers, and an order that began after another had ended has the higher one."""
    if any(number_of(order.panel_order_id) is None for order in known):
        return False
    highest_ended = -1
    by_end = sorted(known, key=lambda order: order.ended_at)
    ended = 0
    for order in sorted(known, key=lambda order: order.began_at):
        while ended < len(by_end) and by_end[ended].ended_at < order.began_at:
            highest_ended = max(highest_ended, int(by_end[ended].panel_order_id))
            ended += 1
        if int(order.panel_order_id) <= highest_ended:
            return False
    return True


def number_of(panel_order_id: str) -> int | None:
    """An id as the whole number that it is, written as we would write it when we ask about it; None: it is none."""
    if not (panel_order_id.isascii() and panel_order_id.isdigit() and len(panel_order_id) <= _MOST_DIGITS):
        return None
    number = int(panel_order_id)
    return number if str(number) == panel_order_id else None


def bounds(known: Iterable[KnownOrder], began_at: float, last_at: float) -> tuple[KnownOrder | None, KnownOrder | None]:
    """Between which orders one lies that was taken between these times, if it was taken. Ids must be increasing.

    Below: a known order whose call had ended before; above: one whose call began after.
    """
    below = [order for order in known if order.ended_at < began_at]
    above = [order for order in known if order.began_at > last_at]
    return max(below, key=_number, default=None), min(above, key=_number, default=None)


def _number(order: KnownOrder) -> int:
    return int(order.panel_order_id)
