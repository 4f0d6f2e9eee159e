"""Names the orders from which missing money may come, by the amount that each has at stake."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from worker.domain.amounts import Amount
from worker.domain.money.movements import Cause, Movement

#: The most possible causes that a report names.
MOST_CAUSES = 20

#: Among more amounts than this, two would too likely add up to the missing amount by chance.
_MOST_IN_PAIRS = 200

#: The causes, the most telling first, for an order that has exactly the missing amount at stake.
_TELLING = (Cause.REFUND, Cause.DOUBT, Cause.REFUTED, Cause.CHARGE, Cause.CLOSED)


@dataclass(frozen=True, slots=True)
class PossibleCause:
    """An order from which unexplained money may come. `stake` is the amount that the order has at stake.

    `exact`: the stake equals the amount; or, together with that of the order `beside`, it does, and no other two stakes
    do.
    """

    order_id: int
    cause: Cause
    stake: Decimal
    exact: bool
    beside: int | None = None


def possible_causes(missing: Amount, moved: Sequence[Movement]) -> list[PossibleCause]:
    """Returns the orders from which a missing amount may come, the likeliest first.

    `moved` is what may have moved when the amount went missing. The orders that have exactly the amount at stake come
    first, the most telling cause before others; without any, the only two that have it together; then all other orders
    that the panel charged or refunded at that time.
    """
    at_stake = [one for one in moved if one.stake > 0]
    at_stake.sort(key=lambda one: (_TELLING.index(one.cause), one.begins))
    exact: dict[int, Movement] = {}
    near: dict[int, Movement] = {}
    for movement in at_stake:
        if movement.stake in missing:
            exact.setdefault(movement.order_id, movement)
        elif movement.cause in {Cause.CHARGE, Cause.REFUND}:
            near.setdefault(movement.order_id, movement)
    pair = () if exact else _pair(missing, at_stake)
    named = {*exact, *(one.order_id for one in pair)}
    others = sorted((one for number, one in near.items() if number not in named), key=lambda one: one.begins)
    return [
        *(PossibleCause(one.order_id, one.cause, one.stake, exact=True) for one in exact.values()),
        *(
            PossibleCause(one.order_id, one.cause, one.stake, exact=True, beside=other.order_id)
            for one, other in zip(pair, reversed(pair), strict=True)
        ),
        *(PossibleCause(one.order_id, one.cause, one.stake, exact=False) for one in others),
    ]


def _pair(missing: Amount, at_stake: Sequence[Movement]) -> tuple[Movement, ...]:
    """Returns the only two movements whose stakes add up to the missing amount; none if there are no two, or others
    too.

    `at_stake` has the most telling movements first. The two belong to different orders.
    """
    candidates = list({(one.order_id, one.stake): one for one in reversed(at_stake)}.values())
    if len(candidates) > _MOST_IN_PAIRS:
        return ()
    found: dict[frozenset[int], tuple[Movement, Movement]] = {}
    for one, other in combinations(reversed(candidates), 2):
        if one.order_id != other.order_id and one.stake + other.stake in missing:
            found.setdefault(frozenset({one.order_id, other.order_id}), (one, other))
    return next(iter(found.values())) if len(found) == 1 else ()
