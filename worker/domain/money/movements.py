"""Decides what an order took from the account and gave back, and when, as far as the records tell.

A panel takes the whole price at `add`. Once the order is Canceled or Partial, the panel gives back the price of what it
didn't deliver, at some time between two polls. It may rewrite the charge then, or not: so the cost of an order follows
from its state, and not from the charge alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from worker.domain.amounts import NOTHING, ZERO, Amount
from worker.domain.orders.states import OrderState

#: The upper bound of amounts that no panel reports.
UNLIMITED = Decimal("Infinity")


class Cause(StrEnum):
    """Why money moved, or may have moved."""

    CHARGE = "charge"  #: the panel took it at `add`, or later, when the charge rose
    REFUND = "refund"  #: the panel gave it back when the order was Canceled or Partial, or when the charge fell
    SPAWNED = "spawned"  #: the panel took or gave back money for child orders of a drip-feed or subscription
    DOUBT = "doubt"  #: the panel took it if it accepted the order, and may have given it back: no record says whether
    REFUTED = "refuted"  #: nothing: evidence proved that the panel didn't accept the order
    CLOSED = "closed"  #: nothing: the order has ended, and shouldn't cost any more


class Taken(StrEnum):
    """Whether the panel accepted the order of a call."""

    YES = "yes"
    MAYBE = "maybe"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Call:
    """One `add`. The panel can have accepted it from `began_at` to `last_at` (None: it still may).

    `expected` is the charge by the rate known then, unrounded; None for an order that is billed by its child orders.
    `units` is the quantity from which `remains` counts down. `own`: polls of the order report on what this call bought.
    """

    began_at: datetime
    last_at: datetime | None
    taken: Taken
    expected: Decimal | None
    units: int | None = None
    is_parent: bool = False
    own: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """What a poll reported, if the state or the charge was new. The change came after the poll of `polled_before`."""

    at: datetime
    polled_before: datetime | None
    state: OrderState
    charge: Decimal | None
    remains: int | None


@dataclass(frozen=True, slots=True)
class History:
    """The records about one order's money. `told` is in the order of time."""

    order_id: int
    calls: tuple[Call, ...]
    told: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class Movement:
    """Money of one order that moved at some time from `begins` to `ends` (None: it still may move).

    `amount` is never negative. The panel took it from the account or, with `back`, gave it back. `stake` is the amount
    that would be missing if the panel had acted otherwise than it says.
    """

    order_id: int
    cause: Cause
    amount: Amount
    begins: datetime
    ends: datetime | None
    stake: Decimal
    back: bool = False

    @property
    def is_unlimited(self) -> bool:
        return self.amount.high.is_infinite()

    def is_over(self, at: datetime) -> bool:
        return self.ends is not None and self.ends <= at


def movements_of(history: History, grain: Decimal) -> Iterator[Movement]:
    """Yields everything that an order may have done to the balance. `grain` is the smallest amount that the panel
    knows.
    """
    for call in history.calls:
        match call.taken:
            case Taken.YES if call.own:
                yield from _bought(history, call, grain)
            case Taken.YES:
                yield from _charge(history.order_id, call, _expected(call, grain))
                yield from _unseen(history, call, grain)
            case Taken.MAYBE:
                most = _expected(call, grain).high
                yield Movement(history.order_id, Cause.DOUBT, Amount.up_to(most), call.began_at, call.last_at, most)
                yield from _unseen(history, call, grain)
            case Taken.NO:
                stake = _expected(call, grain).high
                yield Movement(history.order_id, Cause.REFUTED, ZERO, call.began_at, call.last_at, stake)


def _expected(call: Call, grain: Decimal) -> Amount:
    return ZERO if call.expected is None else Amount.rounded_from(call.expected, grain)


def _charge(order_id: int, call: Call, price: Amount) -> Iterator[Movement]:
    yield Movement(order_id, Cause.CHARGE, price, call.began_at, call.last_at, price.high)


def _bought(history: History, call: Call, grain: Decimal) -> Iterator[Movement]:
    price = _price(history, call, grain)
    if history.told and call.last_at is not None:  # the panel accepted the order before it reported on it
        call = replace(call, last_at=min(call.last_at, history.told[0].at))
    yield from _charge(history.order_id, call, price)
    if call.is_parent:
        yield from _spawned(history, call, price)
        if all(told.charge is None for told in history.told):
            return
    cost, begins = price, call.began_at
    for told in history.told:
        after = _cost(told, price, call.units, grain)
        begins = told.polled_before or begins
        if after is not cost:  # two amounts within the same bounds needn't be equal
            yield from _change(history.order_id, after - cost, begins, told.at)
        if told.state.is_final:
            yield Movement(history.order_id, Cause.CLOSED, ZERO, begins, None, after.high)
        cost, begins = after, told.at


def _price(history: History, call: Call, grain: Decimal) -> Amount:
    """Returns what the panel took at `add`: the first charge that it told, unless the order was cut short by then."""
    expected = None if call.expected is None else _expected(call, grain)
    for told in history.told:
        if told.charge is None or _not_told_yet(told):
            continue
        if _cut_short(told) and expected is not None and told.charge < expected.high:
            return expected
        return Amount.of(told.charge)
    return expected or ZERO


def _not_told_yet(told: Told) -> bool:
    """Recognizes the charge of 0 that some panels tell until they begin with the order."""
    return told.charge == 0 and told.state is OrderState.SUBMITTED


def _cut_short(told: Told) -> bool:
    return told.state in {OrderState.PARTIAL, OrderState.CANCELED}


def _cost(told: Told, price: Amount, units: int | None, grain: Decimal) -> Amount:
    """Returns what an order in this state costs, whether or not the panel rewrote the charge."""
    if told.charge is None or _not_told_yet(told):
        return Amount.up_to(price.high) if _cut_short(told) else price
    if not _cut_short(told) or told.charge < price.low:
        return Amount.of(told.charge)
    if told.state is OrderState.CANCELED:
        return ZERO
    delivered = _delivered(told, units)
    if units is None or delivered is None:
        return Amount.up_to(price.high)
    return Amount(
        Amount.rounded_from(price.low * delivered / units, grain).low,
        Amount.rounded_from(price.high * delivered / units, grain).high,
    )


def _delivered(told: Told, units: int | None) -> int | None:
    return None if units is None or told.remains is None else min(max(units - told.remains, 0), units)


def likely_cost(history: History, grain: Decimal) -> Decimal:
    """Returns what an order with one call most likely costs by now, for figures that show no bounds.

    It is the amount within the bounds that `movements_of` goes by which is nearest to what the panel says. `history`
    tells at least how the order stands now.
    """
    (call,) = history.calls
    now, price = history.told[-1], _price(history, call, grain)
    cost = _cost(now, price, call.units, grain)
    if cost.is_exact:
        return cost.low
    likely_price = price.low if price.is_exact else _nearest(call.expected or NOTHING, grain)
    if not _cut_short(now):
        return likely_price
    if now.charge is None:
        return NOTHING if now.state is OrderState.CANCELED else likely_price
    delivered = _delivered(now, call.units)
    if call.units is None or delivered is None:
        return now.charge
    return _nearest(likely_price * delivered / call.units, grain)


def _nearest(amount: Decimal, grain: Decimal) -> Decimal:
    return (amount / grain).to_integral_value(ROUND_HALF_UP) * grain


def _change(order_id: int, difference: Amount, begins: datetime, ends: datetime) -> Iterator[Movement]:
    """Yields what a change of an order's cost did to the balance. A change that isn't exact may be a charge or a
    refund.
    """
    if difference.high > 0:
        taken = Amount(max(difference.low, NOTHING), difference.high)
        yield Movement(order_id, Cause.CHARGE, taken, begins, ends, taken.high)
    if difference.low < 0:
        given = Amount(max(-difference.high, NOTHING), -difference.low)
        yield Movement(order_id, Cause.REFUND, given, begins, ends, given.high, back=True)


def _unseen(history: History, call: Call, grain: Decimal) -> Iterator[Movement]:
    """Yields what the child orders of an order without polls may have cost: no record says when they end."""
    if call.is_parent:
        yield from _spawned(replace(history, told=()), call, _expected(call, grain))


def _spawned(history: History, call: Call, price: Amount) -> Iterator[Movement]:
    """Yields what child orders may have cost, which no status reports. A drip-feed has paid for them in advance."""
    closed = [told.at for told in history.told if told.state.is_final]
    ends = closed[-1] if closed and history.told[-1].state.is_final else None
    limit = UNLIMITED if call.expected is None else price.high
    spawned = Amount.up_to(limit)
    yield Movement(history.order_id, Cause.SPAWNED, spawned, call.began_at, ends, NOTHING, back=True)
    if call.expected is None:
        yield Movement(history.order_id, Cause.SPAWNED, spawned, call.began_at, ends, NOTHING)
