"""A panel's account and what is on record of it: the truth, and what readings and looks made of it.

Times are whole seconds, amounts whole grains. What really happened is in `events`; looks and readings each take some
seconds, and tell the truth of one of them.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from worker.domain.money.audit import BalanceReading
from worker.domain.money.movements import Call, History, Taken, Told
from worker.domain.orders.states import OrderState

GRAIN = Decimal("0.00001")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = 1000


def at(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def grains(count: int) -> Decimal:
    return count * GRAIN


@dataclass
class World:
    """`events` are (second, grains, explained): what the account got, negative where it paid."""

    opening: int = 10_000_000
    events: list[tuple[int, int, bool]] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    readings: list[BalanceReading] = field(default_factory=list)

    def happened(self, second: int, count: int, *, explained: bool = True) -> None:
        self.events.append((second, count, explained))

    def read(self, second: int, before: int = 0, after: int = 0) -> None:
        """A reading that was true at the end of this second, asked for so many before, written so many after."""
        balance = self.opening + sum(count for when, count, _ in self.events if when <= second)
        self.readings.append(BalanceReading(at(second - before), at(second + after), grains(balance), "USD"))

    def unexplained(self, begin: int, end: int) -> list[Decimal]:
        """What really happened without a record of it, after one second and up to another."""
        return [grains(count) for when, count, known in sorted(self.events) if not known and begin < when <= end]


@dataclass(frozen=True)
class Panel:
    """`rewrites`: the charge of an order that was cut short falls with its refund.

    `rounds`: its charges aren't what the rate says, to the last digit.
    """

    rewrites: bool
    rounds: bool


@dataclass
class Order:
    """An order's true life: taken at `added`, at its end at `ended`, and `delivered` of UNITS by then."""

    number: int
    price: int
    added: int
    ended: int
    status: OrderState
    delivered: int = UNITS

    @property
    def cost(self) -> int:
        return round(self.price * self.delivered / UNITS) if self.status is not OrderState.CANCELED else 0

    def live(self, world: World, panel: Panel, *, overcharge: int = 0, withheld: bool = False) -> None:
        world.happened(self.added, -self.price)
        if overcharge:
            world.happened(self.added, -overcharge, explained=False)
        if self.cost < self.price:
            world.happened(self.ended, self.price - self.cost)
            if withheld:
                world.happened(self.ended, self.cost - self.price, explained=False)

    def doubt(self, called: tuple[int, int]) -> History:
        """What is on record of a call whose answer was lost, whether or not the order was ever taken."""
        call = Call(at(called[0]), at(called[1]), Taken.MAYBE, grains(self.price), UNITS)
        return History(self.number, (call,))

    def record(self, panel: Panel, called: tuple[int, int], looks: list[tuple[int, int, int]]) -> History:
        """`called`: when the call began and ended; each look began, saw the truth and ended."""
        expected = grains(self.price) - GRAIN / 3 * panel.rounds
        call = Call(at(called[0]), at(called[1]), Taken.YES, expected, UNITS)
        told: list[Told] = []
        before, last = None, None
        for began, saw, ended in looks:
            closed = saw >= self.ended
            state = self.status if closed else OrderState.SUBMITTED
            charge = self.cost if closed and panel.rewrites else self.price
            if (state, charge) != last:
                looked_before = None if before is None else at(before)
                told.append(Told(at(ended), looked_before, state, grains(charge), UNITS - self.delivered))
            before, last = began, (state, charge)
        return History(self.number, (call,), tuple(told))


ENDINGS = st.sampled_from([OrderState.COMPLETED, OrderState.PARTIAL, OrderState.CANCELED])


@st.composite
def orders(draw: st.DrawFn, number: int, begin: int, end: int, *, even: bool = False) -> Order:
    """An order that lives within these seconds. `even`: no part of its price has to be rounded."""
    added = draw(st.integers(begin + 1, end - 2))
    status = draw(ENDINGS)
    delivered = {OrderState.COMPLETED: UNITS, OrderState.CANCELED: 0}.get(status) or 0
    if status is OrderState.PARTIAL:
        delivered = draw(st.integers(1, UNITS - 1))
    price = UNITS * draw(st.integers(1, 200)) if even else draw(st.integers(1, 200_000))
    return Order(number, price, added, draw(st.integers(added + 1, end - 1)), status, delivered)


@st.composite
def looks(draw: st.DrawFn, order: Order, end: int, last: int | None = None) -> list[tuple[int, int, int]]:
    """Looks at an order after it was taken; the last sees all, unless there is none within its time."""
    seen = sorted(draw(st.lists(st.integers(order.added, end), max_size=4)))
    seen += [end if last is None else last]
    return [(max(saw - draw(st.integers(0, 5)), order.added), saw, saw + draw(st.integers(0, 5))) for saw in seen]
