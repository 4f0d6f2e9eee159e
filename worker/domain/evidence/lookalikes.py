"""Orders that evidence couldn't tell apart are kept apart while replies are being lost.

Two orders of one charge look alike on the panel. Should both replies be lost, nobody could say which id is whose. So
while a panel loses replies, alike orders are sent one after the other, and after a loss not before a known order lies
behind all that may come of it, or some seconds later: then each has a gap of ids to itself, most of the time. All
others go on at full speed.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

#: What an order looks like on the panel: its expected charge. Of those whose charge can't be known, each is like each.
Likeness = Decimal | None

#: Seconds since the last lost reply for which a panel counts as losing replies.
LOSING = 60.0

#: Seconds after a loss for which its like is kept back at the most. What is lost then may not be told apart.
PATIENCE = 5.0

#: Seconds until an order that was kept back is looked at again, for each of its like that is before it; and the most.
#: So a long line of alike orders leaves the way free for what is behind it.
HOLD = 0.05
LONGEST_HOLD = 5.0


def kept_back(likenesses: Iterable[Likeness], in_the_air: Iterable[Likeness]) -> list[float]:
    """For each order of a bunch, the seconds for which it waits; 0: it may go.

    It waits while its like is in the air, or goes out with this very bunch.
    """
    before = Counter(set(in_the_air))
    waits = []
    for likeness in likenesses:
        waits.append(min(before[likeness] * HOLD, LONGEST_HOLD))
        before[likeness] += 1
    return waits
