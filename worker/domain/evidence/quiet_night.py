"""Settles the last order before a quiet night: no later order tells where the ids ended (rule C).

Two witnesses have to agree. No id answers up to a frontier that the panel can't have passed unless it was three times
faster than ever seen; and the balance fell by exactly what known orders cost. Either alone has a hole.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from worker.domain.evidence.landmarks import Landmarks
from worker.domain.evidence.owners import Suspect

#: How much faster than in its fastest ten minutes a panel may be, and how many ids more it may have given out.
_FASTER, _OVER, _MORE = 3.0, 600.0, 300

#: So many of the newest spans with orders of ours have to add up before a balance counts as a witness. Spans that are
#: older than the newest so many readings don't count.
_TRIAL, _NEWEST = 3, 500


def frontier(low: int, last_at: float, landmarks: Landmarks) -> int | None:
    """Returns an id that the panel hadn't given out by `last_at`, when `low` was known to be given out before.

    None where no known order tells when that was.
    """
    known_at = landmarks.known_before(low)
    if known_at is None:
        return None
    seconds = max(last_at - known_at, 0.0)
    return low + int(_FASTER * landmarks.fastest_pace(_OVER) * seconds) + _MORE


@dataclass(frozen=True, slots=True)
class BalanceReading:
    """What was left in the account: when it was asked for, and when the answer had come."""

    asked_at: float
    read_at: float
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Paid:
    """An order that the panel took for certain, at some time from `since` to `until`.

    `charge` is its first one; None if nobody knows it. `uncut_until`: when the newest call was sent that showed it
    neither canceled nor cut short, so that no money had come back; minus infinity if none did. `closed_at`: when an
    answer had come that showed it at its end, so that no money moves any more; infinity if none did.
    """

    since: float
    until: float
    charge: Decimal | None
    uncut_until: float
    closed_at: float
    is_parent: bool = False


def unpaid(suspects: Sequence[Suspect], balances: Sequence[BalanceReading], paid: Iterable[Paid]) -> frozenset[int]:
    """Returns the lost orders for which the balance proves that nothing was paid, by id.

    `balances` are in the order of time. `paid` are all known and linked orders that were open at some time since the
    readings that count. No id may have answered that isn't explained.
    """
    ledger = _Ledger(suspects, balances[-_NEWEST:], paid)
    lost = [suspect for suspect in suspects if suspect.question.is_lost]
    return frozenset(
        suspect.question.order_id for suspect in lost if ledger.proves_unpaid(suspect) and ledger.has_added_up
    )


class _Ledger:
    """Compares the balance with what known orders cost, between readings at which no call was under way."""

    def __init__(self, suspects: Sequence[Suspect], balances: Sequence[BalanceReading], paid: Iterable[Paid]) -> None:
        self._paid = list(paid)
        self._unclear = sorted((one.question.began_at, one.last_at) for one in suspects)
        self._parents = [one.question.began_at for one in suspects if one.question.is_parent]
        under_way = _Times([*self._unclear, *((one.since, one.until) for one in self._paid)])
        self._readings = [one for one in balances if not under_way.meet(one.asked_at, one.read_at)]
        self._trial: bool | None = None

    def proves_unpaid(self, suspect: Suspect) -> bool:
        """Says whether nothing left the account beside the cost of known orders while the panel may have taken it.

        All money that other lost orders may have cost in that time would be missing as well.
        """
        before = [one for one in self._readings if one.read_at < suspect.question.began_at]
        after = [one for one in self._readings if one.asked_at > suspect.last_at]
        return bool(before and after) and self._missing(before[-1], after[0]) == 0

    @property
    def has_added_up(self) -> bool:
        """Says whether this panel's balance fell by what it charged, each of the last times that it could be told."""
        if self._trial is None:
            self._trial = self._adds_up()
        return self._trial

    def _adds_up(self) -> bool:
        unclear, count = _Times(self._unclear), 0
        for before, after in reversed(list(pairwise(self._readings))):
            if unclear.meet(before.asked_at, after.read_at) or not self._between(before, after):
                continue
            missing = self._missing(before, after)
            if missing is None:
                continue
            if missing != 0:
                return False
            count += 1
            if count == _TRIAL:
                return True
        return False

    def _between(self, before: BalanceReading, after: BalanceReading) -> bool:
        return any(before.read_at < one.since <= after.asked_at for one in self._paid)

    def _missing(self, before: BalanceReading, after: BalanceReading) -> Decimal | None:
        """Returns what left the account beside the first charges of known orders; None where that can't be told."""
        if any(began_at <= after.read_at for began_at in self._parents):
            return None
        missing = before.amount - after.amount
        for one in self._paid:
            if one.since > after.read_at or one.closed_at <= before.asked_at:
                continue
            if one.is_parent or one.uncut_until < after.read_at:
                return None  # its child orders cost something, or money may have come back
            if one.since > before.read_at:
                if one.charge is None:
                    return None
                missing -= one.charge
        return missing


class _Times:
    """Spans of time, some of which overlap."""

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        self._begins: list[float] = []
        self._ends: list[float] = []
        for begins, ends in sorted(spans):
            if self._ends and begins <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], ends)
            else:
                self._begins.append(begins)
                self._ends.append(ends)

    def meet(self, begins: float, ends: float) -> bool:
        """Says whether one of them has a moment in common with this one."""
        return bisect_left(self._ends, begins) < bisect_right(self._begins, ends)
