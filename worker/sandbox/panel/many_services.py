"""Makes catalogues of the size and the shapes that real panels have: thousands of services, odd limits, any rate."""

from collections.abc import Iterator
from decimal import Decimal

from worker.domain.orders.services import TYPES, Service

#: Minimum and maximum. None: the catalogue doesn't tell it.
_LIMITS: tuple[tuple[int | None, int | None], ...] = (
    (10, 10_000),
    (1, 1),
    (100, 2_147_483_647),
    (999_999, 150_000),
    (0, 0),
    (50, 0),
    (None, 5_000),
    (20, None),
    (None, None),
    (1, 10**15),
)

_RATES = tuple(
    map(
        Decimal,
        ("0.90", "0.0001", "15000", "1000000000000.00", "0.08011655652", "0", "1234.5", "0.0000001", "3", "0.12345678"),
    )
)

_CATEGORIES = ("Instagram | Likes ❤", "TikTok", "Телеграм — подписчики", "YouTube ⏳ slow", "Web & SEO")


def many_services(first: int, last: int) -> Iterator[Service]:
    """Yields services with the ids from `first` to `last`: all types, and of each all limits and rates, by turns."""
    for number in range(first, last + 1):
        turn, of_type = divmod(number, len(TYPES))
        rule = TYPES[of_type]
        smallest, largest = _LIMITS[turn % len(_LIMITS)]
        yield Service(
            service=str(number),
            name=f'{rule.name} № {number} | "HQ" ⚡ 100% & more <new> {"★" * (number % 7)}',
            type=rule.name,
            category=_CATEGORIES[number % len(_CATEGORIES)],
            rate=_RATES[turn // len(_LIMITS) % len(_RATES)],
            min=smallest,
            max=largest,
            refill=number % 2 == 0,
            cancel=number % 3 == 0,
            dripfeed=rule.takes_drip_feed,
        )
