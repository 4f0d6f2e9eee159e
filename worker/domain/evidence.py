"""What a panel's ids prove about orders whose `add` was never answered (contract, promise 3).

One sequence of ids runs through the whole panel, and only our own orders answer with a status. So whatever answers
between two known orders of ours, and is none that we know, came of an unconfirmed one; and where everything was asked
about and nothing answers, nothing was bought.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum

from worker.domain.states import OrderState
from worker.domain.status import OrderReading, read_order_status


@dataclass(frozen=True, slots=True)
class Suspect:
    """An order that may have been bought: what it would look like, and between which ids it would lie.

    `low` and `high` are ids of known orders, themselves excluded; None where there is no such order. `units`: how many
    were asked for, where that says something of `remains`. `is_settled`: it is long enough ago for a verdict; the
    others may own what is found all the same. `is_over`: it is so long ago that silence is proof too.
    """

    order_id: int
    expected_charge: Decimal | None
    units: int | None
    is_parent: bool
    low: int | None
    high: int | None
    is_settled: bool = True
    is_over: bool = True

    def may_lie_at(self, panel_order_id: int) -> bool:
        return (self.low is None or panel_order_id > self.low) and (self.high is None or panel_order_id < self.high)


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
    IDS_NOT_INCREASING = "ids_not_increasing"  #: this panel's ids say nothing of the order of things


@dataclass(frozen=True, slots=True)
class Undecided:
    """It stays as it is. `candidates` are the ids that might be it."""

    doubt: Doubt
    candidates: tuple[int, ...] = ()


Verdict = Linked | Absent | Undecided


class Fit(IntEnum):
    NO = 0  #: it can't be this order
    MAYBE = 1  #: nothing speaks against it
    YES = 2  #: its charge is this order's


def fit(suspect: Suspect, reading: OrderReading) -> Fit:
    """How well what a candidate shows agrees with an order.

    A charge that differs is no proof of absence: panels round, change their rates without notice, and rewrite the
    charge of what was canceled or cut short.
    """
    if reading.spawned and not suspect.is_parent:
        return Fit.NO
    if suspect.units is not None and reading.remains is not None and reading.remains > suspect.units:
        return Fit.NO
    if reading.charge is None:
        return Fit.YES if suspect.is_parent else Fit.MAYBE
    if suspect.expected_charge is None:
        return Fit.MAYBE
    if _agree(reading.charge, suspect.expected_charge):
        return Fit.YES
    if suspect.units and reading.remains is not None and _is_cut_short(reading):
        delivered = suspect.units - max(reading.remains, 0)
        if _agree(reading.charge, suspect.expected_charge * delivered / suspect.units):
            return Fit.YES
    return Fit.MAYBE


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
    """What came of asking: `found` answered and are no order that we know, `absent` aren't ours, `known` are."""

    found: Mapping[int, OrderReading]
    absent: frozenset[int]
    known: frozenset[int]

    def covers(self, suspect: Suspect) -> bool:
        """Whether every id at which the order could lie was answered."""
        if suspect.low is None or suspect.high is None:
            return False
        return all(
            number in self.absent or number in self.known or number in self.found
            for number in range(suspect.low + 1, suspect.high)
        )


def decide(suspects: Sequence[Suspect], findings: Findings) -> dict[int, Verdict]:
    """The verdict on each settled suspect, all of them weighed together.

    Every candidate came of one of the suspects, and each suspect of at most one: so an order is linked where there is
    no other way to account for all that was found, and absent where everything was asked about and there is no way in
    which it accounts for any. Between several ways, nobody guesses.
    """
    owners = {number: _owners(number, reading, suspects) for number, reading in findings.found.items()}
    owners = {number: fits for number, fits in owners.items() if fits}
    certain = _forced({number: set(fits) for number, fits in owners.items()})
    verdicts: dict[int, Verdict] = {}
    for suspect in suspects:
        if suspect.is_settled:
            verdicts[suspect.order_id] = _verdict(suspect, owners, certain, findings)
    return verdicts


def _owners(number: int, reading: OrderReading, suspects: Iterable[Suspect]) -> dict[int, Fit]:
    """Whose order this may be. Where it is one's to the last digit, those whom it might fit loosely are out of it."""
    fits = {s.order_id: fit(s, reading) for s in suspects if s.may_lie_at(number)}
    best = max(fits.values(), default=Fit.NO)
    return {order_id: found for order_id, found in fits.items() if found is best and found is not Fit.NO}


def _verdict(
    suspect: Suspect, owners: Mapping[int, Mapping[int, Fit]], certain: Mapping[int, int], findings: Findings
) -> Verdict:
    own = tuple(sorted(number for number, fits in owners.items() if suspect.order_id in fits))
    for number in own:
        if certain.get(number) == suspect.order_id:
            if owners[number][suspect.order_id] is Fit.YES:
                return Linked(str(number))
            return Undecided(Doubt.FITS_LOOSELY, own)
    open_to_it = tuple(number for number in own if number not in certain)
    if open_to_it:
        return Undecided(Doubt.AMBIGUOUS, open_to_it)
    if findings.covers(suspect):
        return Absent() if suspect.is_over else Undecided(Doubt.TOO_YOUNG)
    return Undecided(Doubt.NO_BOUNDS if None in {suspect.low, suspect.high} else Doubt.NOT_ALL_ANSWERED)


def _forced(owners: Mapping[int, set[int]]) -> dict[int, int]:
    """For each candidate, its owner, where all ways of giving each candidate an owner of its own agree on it.

    None is forced among those for whom there is no such way at all: then somebody else orders on this account.
    """
    forced: dict[int, int] = {}
    for component in _components(owners):
        matching = _matching(component)
        forced |= {
            number: owner
            for number, owner in (matching or {}).items()
            if _matching({**component, number: component[number] - {owner}}) is None
        }
    return forced


def _components(owners: Mapping[int, set[int]]) -> list[dict[int, set[int]]]:
    """The candidates in groups that have no owner in common."""
    groups: list[dict[int, set[int]]] = []
    for number, possible in owners.items():
        touching = [group for group in groups if any(possible & others for others in group.values())]
        groups = [group for group in groups if group not in touching]
        merged = {number: possible}
        for group in touching:
            merged |= group
        groups.append(merged)
    return groups


def _matching(owners: Mapping[int, set[int]]) -> dict[int, int] | None:
    """An owner for each candidate, none owning two; None where that can't be (Kuhn's augmenting paths)."""
    owned: dict[int, int] = {}

    def place(number: int, tried: set[int]) -> bool:
        for owner in sorted(owners[number] - tried):
            tried.add(owner)
            if owner not in owned or place(owned[owner], tried):
                owned[owner] = number
                return True
        return False

    for number in sorted(owners):
        if not place(number, set()):
            return None
    return {number: owner for owner, number in owned.items()}


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """One of our orders whose id we know, and when its call was under way, in seconds of the database's clock."""

    panel_order_id: str
    began_at: float
    ended_at: float


def ids_increase(known: Sequence[KnownOrder]) -> bool:
    """Whether these ids are whole numbers, and an order that began after another had ended has the higher one."""
    if not all(order.panel_order_id.isascii() and order.panel_order_id.isdigit() for order in known):
        return False
    highest_ended = 0
    by_end = sorted(known, key=lambda order: order.ended_at)
    ended = 0
    for order in sorted(known, key=lambda order: order.began_at):
        while ended < len(by_end) and by_end[ended].ended_at < order.began_at:
            highest_ended = max(highest_ended, int(by_end[ended].panel_order_id))
            ended += 1
        if int(order.panel_order_id) <= highest_ended:
            return False
    return True


def bounds(known: Iterable[KnownOrder], began_at: float, last_at: float) -> tuple[int | None, int | None]:
    """Between which ids an order lies that was taken between these times, if it was taken.

    Below: a known order whose call had ended before; above: one whose call began after. Ids must be increasing.
    """
    below = [int(order.panel_order_id) for order in known if order.ended_at < began_at]
    above = [int(order.panel_order_id) for order in known if order.began_at > last_at]
    return max(below, default=None), min(above, default=None)
