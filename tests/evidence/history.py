"""Describes what truly happened: the orders of a shop, how their calls went, and the habits of the panel.

It is plain data that was made beforehand. Times are seconds, money is whole hundred-thousandths.
"""

from dataclasses import dataclass

#: Hundred-thousandths in one unit of money.
WHOLE = 100_000


@dataclass(frozen=True, slots=True)
class Cut:
    """An order that the panel cuts short, so many seconds after it took it, with this share delivered.

    `charge` says what the panel tells as its charge from then on: `kept`, `share` or `zero`.
    """

    after: float
    delivered: float
    charge: str = "kept"


@dataclass(frozen=True, slots=True)
class Child:
    """A child order, spawned so many seconds after its parent was taken."""

    after: float
    hidden: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """An order of the shop. `taken_at`: when the panel took it; None if it never did. `heard`: its answer arrived.

    `how` names the way in which its answer was lost. `replied`: it was lost though a whole answer came. `hidden`: for
    so many seconds after it was taken, the panel denies it. `bonus`: units that the panel gives on top.
    """

    service: int
    units: int
    began_at: float
    ended_at: float
    taken_at: float | None
    heard: bool = True
    how: str = ""
    replied: bool = False
    is_parent: bool = False
    hidden: float = 0.0
    bonus: int = 0
    cut: Cut | None = None
    children: tuple[Child, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ByHand:
    """An order on the same account that isn't of the shop's rows."""

    service: int
    units: int
    taken_at: float


@dataclass(frozen=True, slots=True)
class RateChange:
    """A change of what the catalogue asks for 1,000 units of a service."""

    at: float
    service: int
    rate: float


@dataclass(frozen=True, slots=True)
class Surge:
    """A time in which the panel's other customers order so many times faster."""

    begins: float
    ends: float
    times: float


@dataclass(frozen=True, slots=True)
class Credit:
    """Money that somebody put into the account."""

    at: float
    amount: int


@dataclass(frozen=True, slots=True)
class Habits:
    """What a panel does. `seed`: of all that is random here.

    `rates`: what the catalogue asks for 1,000 units, by service. `factors`: what the account pays of the rate, from a
    time on. `custom`: what it pays of the rate for a service beside that. `others`: orders of other customers a second;
    `wavers`: their number changes with the time of day and from ten minutes to ten minutes. `decimals`: of the charges
    that it tells; it always debits five. `remains`: `units` that are left, `none` or `zero`. `list_lag`: a parent lists
    a child so many seconds late. `free_first`: so many seconds after an order was taken, its charge is told as 0.
    `balance_every`, `catalogue_every`: seconds between the worker's readings. `fails`: the share of calls that fail.
    """

    seed: int
    rates: tuple[float, ...]
    changes: tuple[RateChange, ...] = ()
    factors: tuple[tuple[float, float], ...] = ()
    custom: tuple[tuple[int, float], ...] = ()
    others: float = 0.0
    wavers: bool = False
    surge: Surge | None = None
    credits: tuple[Credit, ...] = ()
    decimals: int = 5
    remains: str = "units"
    list_lag: float = 0.0
    free_first: float = 0.0
    balance_every: float = 300.0
    catalogue_every: float = 3600.0
    fails: float = 0.0


@dataclass(frozen=True, slots=True)
class History:
    """All that happens in a world, until `ends_at`."""

    orders: tuple[Order, ...]
    habits: Habits
    ends_at: float
    by_hand: tuple[ByHand, ...] = ()
