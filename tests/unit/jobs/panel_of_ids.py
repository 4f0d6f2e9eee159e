"""A panel that takes as many ids as it can, with the gate before it and the table of its limits, for tests."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from worker.domain.orders.abilities import BATCH
from worker.domain.orders.outcomes import Answered, Outcome, Reason, Refused, Scope
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.jobs.machinery.abilities import PanelAbilities
from worker.jobs.machinery.gate import Closed, Gate, Permit
from worker.jobs.machinery.upstream import Upstream

if TYPE_CHECKING:
    from worker.jobs.machinery.in_flight import InFlight
    from worker.panel import PanelClient
    from worker.store.shared.abilities import Abilities

READING = OrderReport("Completed")
NOT_FOUND = ItemError(Reason.NOT_FOUND, "no")


class FakePermit:
    def __init__(self, gate: "FakeGate") -> None:
        self._gate = gate

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None:
        self._gate.calls += 1

    async def report(self, outcome: Outcome) -> None:
        self._gate.reported.append(outcome)


class FakeGate:
    """Lets `leaves` calls through, then is closed."""

    def __init__(self, leaves: int = 1000) -> None:
        self.leaves = leaves
        self.calls = 0
        self.reported: list[Outcome] = []
        self.given_back: list[Any] = []

    async def enter(self) -> Any:
        self.leaves -= 1
        return [FakePermit(self)] if self.leaves >= 0 else Closed()

    async def give_back(self, permits: list[Permit]) -> None:
        self.given_back += permits


class Table:
    """Stands for the database: the limits that workers have found, and whether a day is over."""

    def __init__(self) -> None:
        self.limits: dict[str, int] = {}
        self.day_is_over = False
        self.is_away = False
        self.tries = 0

    async def known(self) -> dict[str, tuple[int, float]]:
        if self.is_away:
            raise ConnectionError
        return {action: (most, 0.0 if self.day_is_over else 1000.0) for action, most in self.limits.items()}

    async def found(self, action: str, most: int) -> bool:
        is_news = self.limits.get(action) != most
        self.limits[action] = most
        return is_news

    async def claim_try(self, action: str) -> bool:
        self.tries += self.day_is_over
        was_over, self.day_is_over = self.day_is_over, False
        return was_over

    async def lifted(self, action: str) -> bool:
        return self.limits.pop(action, None) is not None


class Panel:
    """Takes as many ids as it can, refuses a batch with a bad id in it as a whole, and keeps what it was asked.

    `most`: 0: it knows no batch. `cuts`: of more ids it answers for the first, and else it refuses them. `ours`: the
    ids that it has, if not all; it denies every other by itself.
    """

    def __init__(
        self, *bad: str, most: int = BATCH, cuts: bool = False, refusal: Outcome | None = None, answer: Any = READING
    ) -> None:
        self.bad, self.most, self.cuts, self.answer = {*bad}, most, cuts, answer
        self.refusal = refusal or Refused(Reason.NOT_FOUND, "no")
        self.ours: set[str] | None = None
        self.trouble: list[Outcome] = []  #: what it answers first, whatever it is asked
        self.asked: list[Sequence[str] | str] = []

    async def statuses(self, ids: Sequence[str]) -> Any:
        self.asked.append(ids)
        if self.trouble:
            return self.trouble.pop(0)
        if self.bad & {*ids} or not self.most or (len(ids) > self.most and not self.cuts):
            return self._of_one_id(ids)
        return Answered({one: self._about(one) for one in ids[: self.most]})

    def _of_one_id(self, ids: Sequence[str]) -> Any:
        """The client reads the refusal of a batch of one as this id's error."""
        if isinstance(self.refusal, Refused) and self.refusal.scope is not Scope.PANEL and len(ids) == 1:
            return Answered({ids[0]: ItemError(self.refusal.reason, self.refusal.text, whole=True)})
        return self.refusal

    async def status(self, one: str) -> Any:
        self.asked.append(one)
        return Answered(self._about(one))

    def _about(self, one: str) -> Any:
        is_denied = one in self.bad or (self.ours is not None and one not in self.ours)
        return NOT_FOUND if is_denied else self.answer

    cancels, cancel = statuses, status


class World:
    """One such panel, and a worker's connection to it."""

    def __init__(self, panel: Panel, leaves: int = 1000) -> None:
        self.panel, self.table, self.gate = panel, Table(), FakeGate(leaves)
        self.restart()

    def restart(self) -> None:
        """Forgets what the worker has in memory."""
        self.upstream = Upstream(
            "shop",
            cast("PanelClient", self.panel),
            cast("Gate", self.gate),
            cast("InFlight", None),
            PanelAbilities("shop", cast("Abilities", self.table)),
        )
