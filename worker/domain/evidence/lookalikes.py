"""Keeps lookalike orders apart while a panel loses replies.

Lookalike orders have the same expected charge: on the panel, nothing tells them apart. If the panel lost both replies,
nobody could say which id belongs to which order. So while a panel loses replies, the worker sends lookalikes one after
the other. A lookalike of a lost order waits until a known order lies behind every id that the lost one may have, or for
some seconds. Then most orders have a gap of ids to themselves. All other orders go out at full speed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import AddOutcome, Unknown
from worker.domain.orders.submission import PendingOrder

#: What tells orders apart on the panel: the expected charge. All orders without a known charge are lookalikes.
Likeness: TypeAlias = Decimal | None

#: An order that may be sent, and what the worker would send.
Intent: TypeAlias = tuple[PendingOrder, AddRequest]

#: Seconds since the last lost reply for which a panel counts as losing replies.
LOSING = 60.0

#: Seconds after a loss for which lookalikes of the lost order wait at most. Later losses may not be told apart.
PATIENCE = 5.0

#: Most units that an order gets in addition, so that it costs something else than any order in doubt.
MOST_MORE = 20

#: Seconds until the worker reads a waiting order again, for each lookalike before it; and the longest wait. So a long
#: line of lookalikes doesn't block the orders behind it.
WAIT = 0.05
LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Separated:
    """The orders that may be sent now, and the seconds for which each of the others waits, by id."""

    sendable: Sequence[Intent]
    waiting: Sequence[tuple[int, float]]


def lost(outcomes: Iterable[tuple[AddRequest, AddOutcome]]) -> list[Likeness]:
    """Returns the likenesses of the orders whose replies were lost."""
    return [request.expected_charge for request, outcome in outcomes if isinstance(outcome, Unknown)]


def keep_apart(intents: Sequence[Intent], in_flight: Iterable[Likeness]) -> Separated:
    """Holds back the orders that have a lookalike in flight, or before them among these."""
    waits = _waits([request.expected_charge for _, request in intents], in_flight)
    decided = list(zip(intents, waits, strict=True))
    return Separated(
        [intent for intent, seconds in decided if seconds == 0],
        [(order.order_id, seconds) for (order, _), seconds in decided if seconds > 0],
    )


def made_distinct(intents: Sequence[Intent], in_doubt: Iterable[Likeness]) -> list[Intent]:
    """Raises the units of orders that would cost just what one in doubt may cost, or another one of these.

    An order that can't have as many stays as it is, and has to wait for its lookalike.
    """
    taken = set(in_doubt)
    distinct = []
    for order, request in intents:
        tried = (request, *(request.with_more(units) for units in range(1, MOST_MORE + 1)))
        chosen = next((one for one in tried if one is not None and one.expected_charge not in taken), request)
        taken.add(chosen.expected_charge)
        distinct.append((order, chosen))
    return distinct


def _waits(likenesses: Iterable[Likeness], in_flight: Iterable[Likeness]) -> list[float]:
    before = Counter(set(in_flight))
    waits = []
    for likeness in likenesses:
        waits.append(min(before[likeness] * WAIT, LONGEST_WAIT))
        before[likeness] += 1
    return waits
