"""The services that the sandbox sells: at least one of each of the 17 types."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from math import inf

from worker.domain.orders.services import Service, rule_of
from worker.sandbox.panel.many_services import many_services


def _service(  # noqa: PLR0917  # the arguments are columns of the table below
    number: int,
    name: str,
    type_name: str,
    category: str,
    rate: str,
    smallest: int,
    largest: int,
    *,
    refill: bool = False,
    cancel: bool = False,
) -> Service:
    rule = rule_of(type_name)
    return Service(
        service=str(number),
        name=name,
        type=type_name,
        category=category,
        rate=Decimal(rate),
        min=smallest,
        max=largest,
        refill=refill,
        cancel=cancel,
        dripfeed=rule is not None and rule.takes_drip_feed,
    )


SERVICES: tuple[Service, ...] = (
    _service(1, "Followers", "Default", "Instagram", "0.90", 50, 10_000, refill=True, cancel=True),
    _service(2, "Likes", "Default", "Instagram", "0.0475", 10, 50_000),
    _service(3, "Views", "Default", "YouTube", "1.2345", 100, 1_000_000, refill=True),
    _service(4, "Members", "Default", "Telegram", "0.725", 100, 50_000, cancel=True),
    _service(5, "Starter Package", "Package", "Instagram", "4.50", 1, 1),
    _service(6, "Comments", "Custom Comments", "Instagram", "12.5", 1, 500, cancel=True),
    _service(7, "Comments Package", "Custom Comments Package", "Instagram", "2.75", 1, 1),
    _service(8, "Replies", "Comment Replies", "YouTube", "18.4", 1, 200),
    _service(9, "Mentions", "Mentions", "Instagram", "3.15", 20, 5_000, cancel=True),
    _service(10, "Mentions, Tagged", "Mentions with Hashtags", "Instagram", "3.333", 20, 5_000),
    _service(11, "Mentions, Own List", "Mentions Custom List", "Instagram", "4.0625", 1, 1_000),
    _service(12, "Mentions, Hashtag", "Mentions Hashtag", "Instagram", "2.95", 20, 5_000),
    _service(13, "Mentions, Followers", "Mentions User Followers", "Instagram", "2.8", 20, 5_000),
    _service(14, "Mentions, Likers", "Mentions Media Likers", "Instagram", "2.65", 20, 5_000),
    _service(15, "Comment Likes", "Comment Likes", "YouTube", "1.1111", 10, 10_000, refill=True),
    _service(16, "Poll Votes", "Poll", "Telegram", "0.3", 10, 100_000, cancel=True),
    _service(17, "Group Invites", "Invites from Groups", "Telegram", "6.2", 50, 20_000),
    _service(18, "Search Ranking", "SEO", "Web", "9.99", 10, 10_000),
    _service(19, "Visitors", "Web Traffic", "Web", "0.1875", 500, 1_000_000, cancel=True),
    _service(20, "Likes on New Posts", "Subscriptions", "Instagram", "0.55", 10, 20_000, cancel=True),
)


class Listing(StrEnum):
    """The part of the catalogue that `services` returns. The panel takes orders for all services in any case."""

    FULL = "full"
    SHRUNKEN = "shrunken"  #: the first three only
    EMPTY = "empty"


_SHRUNKEN = 3


class Catalogue:
    """The services by id, with all changes made to them.

    `now` returns the time of the clock. The list shows a change of a rate `lag` seconds later; infinity: never.
    """

    def __init__(self, services: Iterable[Service] = SERVICES, now: Callable[[], float] = lambda: 0.0) -> None:
        self._services = {service.service: service for service in services}
        self._now = now
        self._removed: set[str] = set()
        self._shown_rates: dict[str, list[tuple[float, Decimal | None]]] = {}
        self.listing = Listing.FULL
        self.lag = 0.0

    def find(self, service: str) -> Service | None:
        """Returns the service that can be ordered now under this id, or None."""
        return None if service in self._removed else self._services.get(service)

    def sold(self, service: str) -> Service:
        """Returns the service of this id, also a removed one. Raises KeyError for an id that was never sold."""
        return self._services[service]

    def listed(self) -> list[Service]:
        """Returns the services for a reply to `services`, with the rates that it shows."""
        offered = [service for number, service in self._services.items() if number not in self._removed]
        if self._shown_rates:
            offered = [self._as_shown(service) for service in offered]
        match self.listing:
            case Listing.FULL:
                return offered
            case Listing.SHRUNKEN:
                return offered[:_SHRUNKEN]
            case Listing.EMPTY:
                return []

    def change(
        self,
        service: str,
        *,
        name: str | None = None,
        rate: Decimal | None = None,
        smallest: int | None = None,
        largest: int | None = None,
        lag: float | None = None,
        at: float | None = None,
    ) -> None:
        """Changes the given values. Raises KeyError for an id that was never sold.

        The list shows a new rate `lag` seconds after `at`; the catalogue's own lag, and now, unless given.
        """
        old = self._services[service]
        if rate is not None:
            self._show_later(old, rate, (self._now() if at is None else at) + (self.lag if lag is None else lag))
        self._services[service] = replace(
            old,
            name=old.name if name is None else name,
            rate=old.rate if rate is None else rate,
            min=old.min if smallest is None else smallest,
            max=old.max if largest is None else largest,
        )

    def remove(self, service: str) -> None:
        self._removed.add(self._services[service].service)

    def restore(self, service: str) -> None:
        self._removed.discard(self._services[service].service)

    def grow(self, count: int | None) -> None:
        """Offers services of every kind until there are `count`; None: those of SERVICES only."""
        for service in many_services(len(SERVICES) + 1, count or 0):
            self._services.setdefault(service.service, service)
        added = {number for number in self._services if int(number) > len(SERVICES)}
        self._removed -= added
        self._removed |= {number for number in added if int(number) > (count or 0)}

    def _show_later(self, old: Service, rate: Decimal, at: float) -> None:
        self._shown_rates.setdefault(old.service, [(-inf, old.rate)]).append((at, rate))

    def _as_shown(self, service: Service) -> Service:
        rates = self._shown_rates.get(service.service)
        if rates is None:
            return service
        now = self._now()
        shown = next(rate for at, rate in reversed(rates) if at <= now)
        return replace(service, rate=shown)
