"""One order: its request, its fate, and its progress."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import read_order_status
from worker.sandbox.chance import Chance
from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel.account import NOTHING

PENDING = "Pending"
IN_PROGRESS = "In progress"
ACTIVE = "Active"  #: a subscription that waits for posts
PAUSED = "Paused"  #: a subscription whose next child order the balance can't pay
COMPLETED = "Completed"
PARTIAL = "Partial"
CANCELED = "Canceled"
EXPIRED = "Expired"

_HOUR = 3600.0


def is_open(status: str) -> bool:
    return read_order_status(status)[0] is OrderState.SUBMITTED


class Origin(StrEnum):
    """Where an order came from."""

    ADD = "add"  #: a call of `add`, once for each call
    TWICE = "twice"  #: a call of `add` that bought twice
    HAND = "hand"  #: somebody who ordered on the same account in another way
    PARENT = "parent"  #: a drip-feed or a subscription


@dataclass(frozen=True, slots=True)
class Life:
    """An order's fate: times in simulated seconds, `delivered` in units.

    `late` is a change after its end, or None: seconds since the end, the new status, and the units that still count.
    """

    starts_after: float
    lasts: float
    ending: str
    delivered: int
    late: tuple[float, str, int] | None = None


def plan_life(chance: Chance, options: SandboxOptions, order: int, quantity: int) -> Life:
    """Returns the fate of an order, which depends on the seed and its id only.

    By default, most take minutes, some an hour.
    """
    fate = chance.share("ending", order)
    ending, delivered = COMPLETED, quantity
    if fate < options.canceled:
        ending, delivered = CANCELED, 0
    elif fate < options.canceled + options.partial and quantity > 1:
        ending, delivered = PARTIAL, chance.whole(1, quantity - 1, "delivered", order)
    late = None
    if ending == COMPLETED and chance.share("late", order) < options.late_changes:
        after = chance.around(7 * _HOUR, 7, "late after", order)
        if quantity > 1 and chance.share("late ending", order) < 1 / 2:
            late = (after, PARTIAL, chance.whole(1, quantity - 1, "late delivered", order))
        else:
            late = (after, CANCELED, 0)
    return Life(
        starts_after=chance.around(options.starts_after, 6, "starts after", order),
        lasts=chance.around(options.lasts, 6, "lasts", order),
        ending=ending,
        delivered=delivered,
        late=late,
    )


@dataclass(slots=True)
class Spawning:
    """The child orders of a drip-feed or a subscription.

    `planned` is their number, `every` the simulated seconds between two of them. `smallest` and `largest` bound the
    quantity of each. `posts` is true for a subscription and false for a drip-feed.
    """

    posts: bool
    planned: int
    every: float
    smallest: int
    largest: int
    at_once: int = 0  #: number of child orders that a subscription places at once, for old posts
    rate: Decimal = NOTHING  #: the price of 1,000 units of a subscription
    expiry: date | None = None
    orders: list[int] = field(default_factory=list)
    open: int = 0
    stopped: bool = False

    @property
    def is_over(self) -> bool:
        """Whether no child order is open, and none will follow."""
        return self.open == 0 and (self.stopped or len(self.orders) >= self.planned)


@dataclass(slots=True)
class Order:
    """One order. `quantity` is in billed units, of all runs together. Times are in seconds of the sandbox's clock.

    `charge` is the present cost. Over all orders, charges = debited - refunded: each child order of a drip-feed takes
    its share of the parent's charge.
    """

    id: int
    service: str
    link: str | None
    quantity: int
    params: Mapping[str, str]
    accepted_at: float
    price: Decimal  #: the first charge
    life: Life
    start_count: int
    charge: Decimal = NOTHING
    debited: Decimal = NOTHING
    refunded: Decimal = NOTHING
    status: str = PENDING
    started_at: float = 0.0
    delivered: int = 0  #: as of the last change of status
    origin: Origin = Origin.ADD
    parent: int | None = None
    spawning: Spawning | None = None
    held: bool = False  #: whether `OrderBook.amend` has set it: time no longer changes it
    cancel_requested_at: float | None = None
    refills: list[int] = field(default_factory=list)

    def delivered_by(self, now: float) -> int:
        """Returns the units delivered by this time."""
        if self.held or self.status != IN_PROGRESS or self.spawning:
            return self.delivered
        return int(self.life.delivered * min((now - self.started_at) / self.life.lasts, 1.0))

    def remains(self, now: float) -> int:
        return self.quantity - self.delivered_by(now)
