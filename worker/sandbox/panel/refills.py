"""Refills: free, for closed orders of services that offer them."""

from dataclasses import dataclass

from worker.domain.words import whole_number
from worker.sandbox.chance import Chance
from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel.orders import COMPLETED, IN_PROGRESS, PENDING, Order

REJECTED = "Rejected"


@dataclass(slots=True)
class Refill:
    """A refill and its fate. Times are in seconds of the sandbox's clock. `held` is a status set by hand."""

    id: int
    order: int
    asked_at: float
    starts_at: float
    ends_at: float
    ending: str
    held: str | None = None

    def status(self, now: float) -> str:
        if self.held is not None:
            return self.held
        if now < self.starts_at:
            return PENDING
        return IN_PROGRESS if now < self.ends_at else self.ending


class RefillBook:
    """Keeps the account's refills, by number."""

    def __init__(self, options: SandboxOptions, chance: Chance) -> None:
        self.refills: dict[int, Refill] = {}
        self._options = options
        self._chance = chance

    def find(self, text: str) -> Refill | None:
        number = whole_number(text)
        return None if number is None else self.refills.get(number)

    def request(self, order: Order, now: float) -> Refill:
        """Returns a new refill, or the order's last refill while that one is open: a second request does no harm."""
        if order.refills:
            last = self.refills[order.refills[-1]]
            if last.status(now) in {PENDING, IN_PROGRESS}:
                return last
        number = len(self.refills) + 1
        starts_at = now + self._chance.around(120, 4, "refill starts after", number)
        rejected = self._chance.share("refill", number) < self._options.refills_rejected
        refill = self.refills[number] = Refill(
            id=number,
            order=order.id,
            asked_at=now,
            starts_at=starts_at,
            ends_at=starts_at + self._chance.around(900, 4, "refill lasts", number),
            ending=REJECTED if rejected else COMPLETED,
        )
        order.refills.append(number)
        return refill
