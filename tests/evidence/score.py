"""Compares what an examiner decided with what truly happened."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.evidence.examiner import Outcome
from tests.evidence.history import Order
from tests.evidence.world import World

#: Within how many seconds of its loss an order was settled, by name.
WITHIN = {"1 min": 60.0, "10 min": 600.0, "1 h": 3600.0, "24 h": 86_400.0}


@dataclass(slots=True)
class Score:
    """The verdicts of one world or of several, compared with the truth.

    `settled`: seconds from each loss to its verdict. `links`: seconds to a link since the call had ended and the id
    answered. `wrong`: linked to another id than its own. `doubled`: said to be absent though it was taken. `bought`:
    undecided, but known to be bought. `unbought`: those of them that weren't. `left_out`: worlds in which a true owner
    was excluded. `shared`: worlds whose account was taken for a shared one. `open`: the last doubt of each undecided.
    """

    lost: int = 0
    settled: list[float] = field(default_factory=list)
    links: list[float] = field(default_factory=list)
    linked: int = 0
    wrong: int = 0
    doubled: int = 0
    bought: int = 0
    unbought: int = 0
    left_out: int = 0
    shared: int = 0
    calls: int = 0
    open: Counter[str] = field(default_factory=Counter)

    @property
    def is_bad(self) -> bool:
        return bool(self.wrong or self.doubled or self.unbought or self.left_out)

    @property
    def calls_each(self) -> float:
        return self.calls / max(self.lost, 1)

    @property
    def median_link(self) -> float | None:
        return median(self.links) if self.links else None

    def share(self, seconds: float) -> float:
        """Returns which percentage of the lost orders was settled within so many seconds."""
        return self.percentage(sum(age <= seconds for age in self.settled))

    def shares(self) -> Sequence[float]:
        return [self.share(seconds) for seconds in WITHIN.values()]

    def percentage(self, count: int) -> float:
        return 100 * count / max(self.lost, 1)


def score(world: World, outcome: Outcome) -> Score:
    result = Score(calls=outcome.calls, shared=outcome.shared_at is not None, left_out=bool(outcome.left_out))
    for order in world.lost:
        _judge(result, world, outcome, order)
    return result


def _judge(result: Score, world: World, outcome: Outcome, order: Order) -> None:
    result.lost += 1
    taken = world.of_order.get(order)
    verdict = outcome.verdicts.get(order)
    if verdict is None:
        result.open[str(outcome.doubts.get(order, "not weighed"))] += 1
        result.bought += order in outcome.bought
    else:
        result.settled.append(verdict.at - order.ended_at)
        if verdict.number is None:
            result.doubled += taken is not None
        elif taken is None or taken.number != verdict.number:
            result.wrong += 1
        else:
            result.linked += 1
            result.links.append(verdict.at - max(order.ended_at, taken.shows_at))
    result.unbought += order in outcome.bought and taken is None


def total(scores: Iterable[Score]) -> Score:
    result = Score()
    for one in scores:
        for name in ("lost", "linked", "wrong", "doubled", "bought", "unbought", "left_out", "shared", "calls"):
            setattr(result, name, getattr(result, name) + getattr(one, name))
        result.settled += one.settled
        result.links += one.links
        result.open += one.open
    return result
