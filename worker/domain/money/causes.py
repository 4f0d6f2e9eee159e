"""The orders that missing money may have to do with, by what each of them has at stake."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from worker.domain.money.amounts import Amount
from worker.domain.money.movements import Cause, Movement

#: So many are told of at the most.
MOST_SUSPECTS = 20

#: Among more amounts than that, two that happen to add up to a third would be too likely.
_MOST_IN_PAIRS = 200

#: By what an exact amount tells most.
_TELLING = (Cause.REFUND, Cause.DOUBT, Cause.REFUTED, Cause.CHARGE, Cause.CLOSED)


@dataclass(frozen=True, slots=True)
class Suspect:
    """An order that a difference may come from.

    `exact`: what it has at stake is the very amount; or it is together with what the order `beside` has, and no other
    two would do.
    """

    order_id: int
    cause: Cause
    stake: Decimal
    exact: bool
    beside: int | None = None


def suspects_of(missing: Amount, moved: Sequence[Movement]) -> list[Suspect]:
    """Those with that very amount at stake, by how much that tells; else two that have it together; then all others.

    `moved` is what may have moved when it went missing. Of the others, only those that were charged or refunded then
    are suspected.
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
        *(Suspect(one.order_id, one.cause, one.stake, exact=True) for one in exact.values()),
        *(
            Suspect(one.order_id, one.cause, one.stake, exact=True, beside=other.order_id)
            for one, other in zip(pair, reversed(pair), strict=True)
        ),
        *(Suspect(one.order_id, one.cause, one.stake, exact=False) for one in others),
    ]


def _pair(missing: Amount, at_stake: Sequence[Movement]) -> tuple[Movement, ...]:
    """The only two orders that together have that much at stake; none where no two have, or others too.

    `at_stake` has those first that tell most.
    """
    candidates = list({(one.order_id, one.stake): one for one in reversed(at_stake)}.values())
    if len(candidates) > _MOST_IN_PAIRS:
        return ()
    found: dict[frozenset[int], tuple[Movement, Movement]] = {}
    for one, other in combinations(reversed(candidates), 2):
        if one.order_id != other.order_id and one.stake + other.stake in missing:
            found.setdefault(frozenset({one.order_id, other.order_id}), (one, other))
    return next(iter(found.values())) if len(found) == 1 else ()
