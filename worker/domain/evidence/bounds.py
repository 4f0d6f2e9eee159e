"""Finds the known orders between whose ids an order must lie (docs/lost-answers.md)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from worker.domain.words import whole_number


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order of ours whose id the panel told, and when its call was in flight.

    Times are seconds of the database's clock.
    """

    panel_order_id: str
    began_at: float
    ended_at: float


def ids_increase(known: Sequence[KnownOrder]) -> bool:
    """Says whether a panel's ids follow the order of time, as far as these orders tell.

    They do if all ids are whole numbers, and every order that began after another had ended has the higher one.
    """
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
    """Returns an id as the whole number that it is, written as we write it when we ask about it; None: it is none."""
    number = whole_number(panel_order_id)
    return number if str(number) == panel_order_id else None


def bounds(known: Iterable[KnownOrder], began_at: float, last_at: float) -> tuple[KnownOrder | None, KnownOrder | None]:
    """Returns the known orders just below and just above an order that the panel took between these two times.

    Below is the highest id whose call had ended before, above the lowest id whose call began after; None where no
    known order qualifies. The ids must increase.
    """
    below = [order for order in known if order.ended_at < began_at]
    above = [order for order in known if order.began_at > last_at]
    return max(below, key=_number, default=None), min(above, key=_number, default=None)


def _number(order: KnownOrder) -> int:
    return int(order.panel_order_id)
