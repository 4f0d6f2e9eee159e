"""Describes the orders whose `add` has no usable answer, and what evidence takes for granted about a panel."""

import math
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Premises:
    """What evidence takes for granted about a panel, in seconds. A verdict is proof as long as this is true.

    `late`: a panel takes a request no later than this after its call ended. `hidden`: an order answers for itself no
    later than this after it was taken. `lag`: a drip-feed or subscription lists a child order no later than this after
    the child first answered. `shapes`: so many parents and so many others must have been read before the shape of an
    answer tells one from the other.
    """

    late: float
    hidden: float
    lag: float = 60.0
    shapes: int = 3


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """An order whose `add` has no usable answer: it may have been bought, or its call is still in flight.

    Times are seconds of the database's clock. `token` names its submission. `units` are those that `remains` counts
    down from; None where it may count something else. `child_units` are the units of each child order of a drip-feed;
    None where nobody knows. `replied`: the panel replied in full, so it was done with the request by then. `ended_at`
    is None while the call is in flight.
    """

    order_id: int
    token: int
    service: str
    expected_charge: Decimal | None
    units: int | None
    is_parent: bool
    began_at: float
    ended_at: float | None
    replied: bool = False
    child_units: int | None = None

    @property
    def is_lost(self) -> bool:
        """Says whether the call is over, so that no answer comes any more."""
        return self.ended_at is not None

    def last_at(self, premises: Premises) -> float:
        """Returns until when the panel may have taken it; infinity while the call is in flight.

        A panel may take a request that it left unanswered, also after we gave up waiting.
        """
        if self.ended_at is None:
            return math.inf
        return self.ended_at if self.replied else self.ended_at + premises.late
