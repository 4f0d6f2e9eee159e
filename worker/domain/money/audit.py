"""Explains a panel's balance: compares its readings with what orders took from the account and gave back.

No reading tells exactly when money moved: a balance was true at some time between question and answer, and a refund
came at some time between two polls. So the audit compares within bounds. Between two readings, it adds up what
certainly moved and what may have moved, which leaves bounds for what is unexplained. While these bounds include 0 for
all pairs of readings, the audit reports nothing: it reports only what no order of events can explain.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise

from worker.domain.amounts import NOTHING, ZERO, Amount, total
from worker.domain.money.causes import MOST_CAUSES, PossibleCause, possible_causes
from worker.domain.money.movements import Cause, History, Movement, movements_of

#: The coarsest and the finest unit in which a panel can count: a balance of whole units doesn't prove that the panel
#: knows nothing smaller.
_COARSEST, _FINEST = Decimal("0.01"), Decimal("1e-8")

#: The share of the time between the first and the last reading that an audit may leave out at each end.
_ENDS = 1 / 4


@dataclass(frozen=True, slots=True)
class BalanceReading:
    """A balance that a panel reported. It held at some time from `asked_at` to `at`."""

    asked_at: datetime
    at: datetime
    balance: Decimal
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A rise or a fall of the balance, at some time from `since` to `until`, that no record explains.

    `amount` is negative for a fall. `suspects` are the likeliest possible causes of a fall, `suspected` is the number
    of all.
    """

    since: datetime
    until: datetime
    amount: Amount
    suspects: tuple[PossibleCause, ...] = ()
    suspected: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an audit: opening - charges + refunds + top_ups + unexplained = closing, each within its bounds.

    `rises` add up to `top_ups`: money from outside, or refunds that no poll has seen yet. `falls` add up to
    `unexplained`, which is never above 0. `slack` is the amount that could be missing on top without any reading
    showing it. `doubtful` are orders that the panel may or may not have accepted. `spawning` are subscriptions that
    were open meanwhile: no status reports the cost of their child orders, so `spawned` is all other money that moved,
    theirs or not.
    """

    currency: str | None
    readings: int
    opening: BalanceReading
    closing: BalanceReading
    charges: Amount
    refunds: Amount
    charged_orders: int
    refunded_orders: int
    rises: tuple[Difference, ...]
    falls: tuple[Difference, ...]
    top_ups: Amount
    unexplained: Amount
    slack: Decimal
    spawned: Amount
    doubtful: tuple[int, ...]
    spawning: tuple[int, ...]

    @property
    def certainly_missing(self) -> Decimal:
        """Returns the smallest amount that is missing for certain; 0 if none is."""
        return max(-self.unexplained.high, NOTHING)


def audit(
    readings: Sequence[BalanceReading],
    histories: Iterable[History],
    *,
    opening_within: timedelta = timedelta(0),
    closing_within: timedelta = timedelta(0),
) -> Report | None:
    """Audits the balance from the first reading to the last; returns None if there aren't two.

    The report begins at the reading within `opening_within` of the first at which the least money was in flight, and
    ends at such a reading within `closing_within` of the last. It leaves out at most a quarter of the time at each end,
    and all readings up to the last one in another currency than the newest.
    """
    told = list(histories)
    readings = _one_after_another(readings)
    grain, blur = _grain(readings, told)
    movements = [movement for history in told for movement in movements_of(history, grain)]
    flow = _Flow(_limited(movements, readings), blur)
    readings = _between_quiet_ends(readings, flow, opening_within, closing_within)
    if len(readings) <= 1:
        return None
    return _report(readings, movements, flow)


def _one_after_another(readings: Sequence[BalanceReading]) -> list[BalanceReading]:
    kept: list[BalanceReading] = []
    for reading in sorted(readings, key=lambda one: one.at):
        if kept and None not in (currencies := {kept[-1].currency, reading.currency}) and len(currencies) > 1:
            kept.clear()
        if not kept or reading.asked_at >= kept[-1].at:
            kept.append(reading)
    return kept


def _grain(readings: Sequence[BalanceReading], told: Sequence[History]) -> tuple[Decimal, Decimal]:
    """Returns the smallest amount that the panel knows, and how far off a balance with fewer decimals may be."""
    charges = [one.charge for history in told for one in history.told if one.charge is not None]
    shown = min((_unit(reading.balance) for reading in readings), default=_COARSEST)
    finest = min((_unit(charge.normalize()) for charge in charges), default=shown)
    return min(shown, finest), NOTHING if finest >= shown else shown


def _unit(amount: Decimal) -> Decimal:
    exponent = amount.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    return max(min(Decimal(1).scaleb(-places), _COARSEST), _FINEST)


def _between_quiet_ends(
    readings: Sequence[BalanceReading], flow: "_Flow", opening_within: timedelta, closing_within: timedelta
) -> Sequence[BalanceReading]:
    """Returns the readings between the two ends at which the least money was in flight, as far apart as possible."""
    if not readings:
        return readings
    most = (readings[-1].at - readings[0].at) * _ENDS
    first, last = readings[0].at + min(opening_within, most), readings[-1].at - min(closing_within, most)
    early = [index for index, reading in enumerate(readings) if reading.at <= first]
    late = [index for index, reading in enumerate(readings) if reading.at >= last]
    begin = min(early, key=lambda index: (flow.in_flight(readings[index]), index))
    end = min(late, key=lambda index: (flow.in_flight(readings[index]), -index))
    return readings[begin : end + 1]


class _Sums:
    """Sums the amounts of movements up to a time: of those that may have begun, and of those that are over."""

    def __init__(self, movements: Iterable[Movement]) -> None:
        found = list(movements)
        self._begun = _running(found, lambda movement: movement.begins)
        self._over = _running([one for one in found if one.ends is not None], lambda movement: movement.ends)

    def begun(self, at: datetime) -> Amount:
        return self._at(self._begun, at)

    def over(self, at: datetime) -> Amount:
        return self._at(self._over, at)

    @staticmethod
    def _at(running: tuple[list[datetime], list[Amount]], at: datetime) -> Amount:
        times, sums = running
        return sums[bisect_right(times, at)]


def _running(
    movements: list[Movement], time: Callable[[Movement], datetime | None]
) -> tuple[list[datetime], list[Amount]]:
    dated = sorted(((at, one.amount) for one in movements if (at := time(one)) is not None), key=lambda pair: pair[0])
    return [at for at, _ in dated], [*accumulate((amount for _, amount in dated), initial=ZERO)]


@dataclass(frozen=True, slots=True)
class _Point:
    """A reading less all that the records explain up to it, with bounds for comparing it with earlier and later ones.

    `later.as_later - earlier.as_earlier` is what is unexplained between two readings. The two bounds differ because an
    inexact amount, once it has certainly moved, is the same amount at both readings.
    """

    as_earlier: Amount
    as_later: Amount


class _Flow:
    """Adds up all movements as they stand at each reading. A reading may be off by `blur`."""

    def __init__(self, movements: Iterable[Movement], blur: Decimal) -> None:
        found = list(movements)
        self.blur = blur
        self._taken = _Sums(one for one in found if not one.back)
        self._given = _Sums(one for one in found if one.back)
        self._doubtful = _Sums(one for one in found if one.cause is Cause.DOUBT)

    def in_flight(self, reading: BalanceReading) -> Decimal:
        """Returns how much money may have moved either before this reading or after it."""
        return sum(
            (sums.begun(reading.at).high - sums.over(reading.asked_at).high for sums in (self._taken, self._given)),
            NOTHING,
        )

    def point(self, reading: BalanceReading) -> _Point:
        least, most = reading.balance - self.blur, reading.balance + self.blur
        taken, taken_certainly = self._taken.begun(reading.at), self._taken.over(reading.asked_at)
        given, given_certainly = self._given.begun(reading.at), self._given.over(reading.asked_at)
        # The panel may give back the price of an order in doubt at any later time, unseen by polls, and never more.
        may_come_back = self._doubtful.begun(reading.at).high
        return _Point(
            Amount(least - given.low + taken_certainly.high, most - given_certainly.high + taken.low + may_come_back),
            Amount(least - given.high + taken_certainly.low, most - given_certainly.low + taken.high),
        )


def _report(readings: Sequence[BalanceReading], movements: Sequence[Movement], flow: _Flow) -> Report:
    opening, closing = readings[0], readings[-1]
    moved = [one for one in movements if one.begins <= closing.at and not one.is_over(opening.asked_at)]
    told = [one for one in moved if not one.is_unlimited]
    charges = _within(opening, closing, [one for one in told if not one.back])
    refunds = _within(opening, closing, [one for one in told if one.back]) + total(
        Amount.up_to(one.amount.high) for one in movements if one.cause is Cause.DOUBT and one.begins <= opening.at
    )
    went = closing.balance - opening.balance
    beside = Amount(went - 2 * flow.blur, went + 2 * flow.blur) + charges - refunds
    differences = _differences(readings, flow)
    rises = tuple(one for one in differences if one.amount.middle > 0)
    falls = tuple(_with_causes(one, movements) for one in differences if one.amount.middle <= 0)
    top_ups, missing = total(one.amount for one in rises), total(one.amount for one in falls)
    spawning = tuple(sorted({one.order_id for one in moved if one.is_unlimited}))
    left = beside - top_ups
    unexplained = missing if spawning or not falls else missing.narrowed(left)
    return Report(
        currency=closing.currency,
        readings=len(readings),
        opening=opening,
        closing=closing,
        charges=charges,
        refunds=refunds,
        charged_orders=len({one.order_id for one in told if one.cause is Cause.CHARGE}),
        refunded_orders=len({one.order_id for one in told if one.cause is Cause.REFUND}),
        rises=rises,
        falls=falls,
        top_ups=top_ups,
        unexplained=unexplained,
        slack=max(unexplained.low - left.low, left.high - unexplained.high, NOTHING),
        spawned=left - missing if spawning else ZERO,
        doubtful=tuple(sorted({one.order_id for one in moved if one.cause is Cause.DOUBT})),
        spawning=spawning,
    )


def _within(opening: BalanceReading, closing: BalanceReading, movements: Iterable[Movement]) -> Amount:
    """Returns what moved between two readings, from what certainly did to what may have."""
    return total(
        one.amount if one.begins > opening.at and one.is_over(closing.asked_at) else Amount.up_to(one.amount.high)
        for one in movements
    )


def _limited(movements: Sequence[Movement], readings: Sequence[BalanceReading]) -> list[Movement]:
    """Returns the movements, with an amount above all others for those without a limit: they explain any difference."""
    moved = sum((abs(later.balance - earlier.balance) for earlier, later in pairwise(readings)), NOTHING)
    limit = moved + sum((one.amount.high for one in movements if not one.is_unlimited), Decimal(1))
    return [replace(one, amount=Amount.up_to(limit)) if one.is_unlimited else one for one in movements]


def _differences(readings: Sequence[BalanceReading], flow: _Flow) -> list[Difference]:
    """Returns the fewest rises and falls that explain the readings.

    A run holds readings of which any two can be explained. The first reading that contradicts one of them begins the
    next run.
    """
    points = [flow.point(reading) for reading in readings]
    runs = _runs(points)
    # Each run up to the last reading that the next run contradicts. The readings after it may lie on either side of the
    # step between the two runs.
    certain = [
        points[begin : _last_contradicted(points, begin, next_begin) + 1]
        for (begin, _), (next_begin, _) in pairwise(runs)
    ]
    certain.append(points[slice(*runs[-1])])
    differences = []
    for (begin, _), (next_begin, _), before, after in zip(runs, runs[1:], certain, certain[1:], strict=False):
        amount = _step(before, after) or after[0].as_later - before[-1].as_earlier
        last = readings[begin + len(before) - 1]
        differences.append(Difference(last.asked_at, readings[next_begin].at, amount))
    return differences


def _last_contradicted(points: Sequence[_Point], begin: int, next_begin: int) -> int:
    later = points[next_begin]
    return next(
        index
        for index in range(next_begin - 1, begin - 1, -1)
        if NOTHING not in later.as_later - points[index].as_earlier
    )


def _runs(points: Sequence[_Point]) -> list[tuple[int, int]]:
    begins = [0]
    lowest, highest = points[0].as_earlier.high, points[0].as_earlier.low
    for index, point in enumerate(points):
        if point.as_later.low > lowest or point.as_later.high < highest:
            begins.append(index)
            lowest, highest = point.as_earlier.high, point.as_earlier.low
        lowest, highest = min(lowest, point.as_earlier.high), max(highest, point.as_earlier.low)
    return list(pairwise([*begins, len(points)]))


def _step(before: Sequence[_Point], after: Sequence[_Point]) -> Amount | None:
    """Returns the one step that explains all readings before and after it; None if no single step does."""
    low = max(point.as_later.low for point in after) - min(point.as_earlier.high for point in before)
    high = min(point.as_later.high for point in after) - max(point.as_earlier.low for point in before)
    return Amount(low, high) if low <= high else None


def _with_causes(fall: Difference, movements: Iterable[Movement]) -> Difference:
    moved = [one for one in movements if one.begins <= fall.until and not one.is_over(fall.since)]
    found = possible_causes(-fall.amount, moved)
    return replace(fall, suspects=tuple(found[:MOST_CAUSES]), suspected=len(found))
