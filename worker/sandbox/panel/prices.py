"""What the account really pays, which may differ from the list."""

from decimal import Decimal

from worker.domain.orders.services import Service
from worker.sandbox.chance import Chance
from worker.sandbox.panel.catalogue import Catalogue
from worker.sandbox.panel.clock import Agenda, Clock

_LIST_PRICE = Decimal(1)

#: What a changed rate is, as a multiple of the first. Some are each other's reciprocals, so that changes may cancel.
_CHANGES = tuple(map(Decimal, ("0.8", "0.9", "0.95", "1.05", "1.1", "1.1111111", "1.2", "0.9090909")))


class Prices:
    """The account's prices: `own` rates by service where it has some, else the rate of now; times `factor`."""

    def __init__(self) -> None:
        self.factor = _LIST_PRICE
        self.own: dict[str, Decimal] = {}

    def rate(self, service: Service) -> Decimal | None:
        """Returns the price of 1,000 units, or of a package, that this account pays now."""
        rate = self.own.get(service.service, service.rate)
        return rate if rate is None or self.factor == _LIST_PRICE else rate * self.factor


class Drift:
    """Changes the rate of one service after the other, `every` so many simulated seconds on average; None: never."""

    def __init__(self, catalogue: Catalogue, clock: Clock, agenda: Agenda, chance: Chance) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._agenda = agenda
        self._chance = chance
        self._first: dict[str, Decimal | None] = {}
        self._every: float | None = None
        self._course = 0
        self._changes = 0

    def set(self, every: float | None) -> None:
        self._every = every
        self._course += 1
        self._plan(self._clock.now())

    def _plan(self, at: float) -> None:
        if self._every:
            course = self._course
            wait = self._every * (0.5 + self._chance.share("drift after", self._changes))
            self._agenda.put(at + wait, lambda due: self._change(course, due))

    def _change(self, course: int, at: float) -> None:
        if course != self._course:
            return  # it was switched off or set anew meanwhile
        self._changes += 1
        number = self._changes
        services = self._catalogue.listed()
        if services:
            service = services[self._chance.whole(0, len(services) - 1, "drifts", number)].service
            first = self._first.setdefault(service, self._catalogue.sold(service).rate)
            change = _CHANGES[self._chance.whole(0, len(_CHANGES) - 1, "drifts by", number)]
            if first is not None:
                self._catalogue.change(service, rate=first * change, at=at)
        self._plan(at)
