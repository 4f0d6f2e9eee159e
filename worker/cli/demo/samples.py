"""The orders of the demo's shop: every service type, every option of an order, and some wrong rows.

The services are the sandbox's (`worker.sandbox.panel.catalogue`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Then(StrEnum):
    """The request that the shop makes when the order reaches a certain state."""

    NOTHING = "nothing"
    CANCEL_PENDING = "cancel, not yet sent"
    CANCEL_RUNNING = "cancel, in progress"
    REFILL = "refill, when it is done"
    REFILL_REJECTED = "refill, though it was rejected"


@dataclass(frozen=True, slots=True)
class Sample:
    """One row. `start_in` is in seconds.

    `billed` is the quantity that the panel should bill for a row without one. `refused` is the error code that a wrong
    row should get.
    """

    reference: str
    service: str
    link: str | None = None
    quantity: int | None = None
    runs: int | None = None
    interval_minutes: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0
    start_in: float = 0.0
    max_charge: Decimal | None = None
    then: Then = Then.NOTHING
    billed: int | None = None
    refused: str | None = None


_PEOPLE = ["anna.example", "ben.example", "chen.example", "dana.example", "emil.example", "fay.example"]

#: At least one of each type. Lists are JSON arrays and texts, with blank lines and spaces that the worker removes.
_EVERY_TYPE = (
    Sample("default", "1", "https://instagram.example/anna", 500),
    Sample("package", "5", "https://instagram.example/ben", billed=1),
    Sample(
        "custom-comments",
        "6",
        "https://instagram.example/p/1",
        params={"comments": ["Lovely!", "  So good ", "", "Where is this?", "Größe: 10/10 👍"]},
        billed=4,
    ),
    Sample(
        "custom-comments-package",
        "7",
        "https://instagram.example/p/2",
        params={"comments": "First!\n\n  Second!\r\nThird!\n"},
        billed=1,
    ),
    Sample(
        "comment-replies",
        "8",
        "https://youtube.example/watch?v=1",
        params={"username": "anna.example", "comments": ["Agreed.", "Thank you!"]},
        billed=2,
    ),
    Sample("mentions", "9", "https://instagram.example/p/3", 120, params={"usernames": _PEOPLE}),
    Sample(
        "mentions-with-hashtags",
        "10",
        "https://instagram.example/p/4",
        60,
        params={"usernames": _PEOPLE, "hashtags": ["#summer", "#sale"]},
    ),
    Sample("mentions-custom-list", "11", "https://instagram.example/p/5", params={"usernames": _PEOPLE}, billed=6),
    Sample("mentions-hashtag", "12", "https://instagram.example/p/6", 80, params={"hashtag": "#summer"}),
    Sample("mentions-user-followers", "13", "https://instagram.example/p/7", 90, params={"username": "ben.example"}),
    Sample(
        "mentions-media-likers",
        "14",
        "https://instagram.example/p/8",
        70,
        params={"media": "https://instagram.example/p/1"},
    ),
    Sample("comment-likes", "15", "https://youtube.example/watch?v=2", 40, params={"username": "chen.example"}),
    Sample("poll", "16", "https://t.example/channel/7", 250, params={"answer_number": 2}),
    Sample(
        "invites-from-groups",
        "17",
        "https://t.example/shop",
        50,
        params={"groups": ["https://t.example/g1", "https://t.example/g2"]},
    ),
    Sample("seo", "18", "https://shop.example", 30, params={"keywords": ["red shoes", "blue shoes"]}),
    Sample(
        "web-traffic-search",
        "19",
        "https://shop.example/sale",
        2000,
        params={"country": "DE", "device": 1, "type_of_traffic": 1, "google_keyword": "shoes"},
    ),
    Sample(
        "web-traffic-referred",
        "19",
        "https://shop.example/new",
        1500,
        params={"country": "US", "device": "3", "type_of_traffic": 2, "referring_url": "https://blog.example"},
    ),
    Sample(
        "subscription",
        "20",
        params={"username": "dana.example", "min": 100, "max": 200, "posts": 1, "old_posts": 2},
        billed=0,
    ),
)

_DRIP_FED = (
    Sample("drip-followers", "1", "https://instagram.example/drip/1", 100, runs=3, interval_minutes=5),
    Sample("drip-likes", "2", "https://instagram.example/drip/2", 33, runs=7, interval_minutes=2),
    Sample(
        "drip-visitors",
        "19",
        "https://shop.example/drip",
        500,
        runs=4,
        interval_minutes=4,
        params={"country": "FR", "device": 2, "type_of_traffic": 3},
    ),
)

_WITH_WISHES = (
    Sample("urgent-likes", "2", "https://instagram.example/urgent", 1000, priority=10),
    Sample("patient-views", "3", "https://youtube.example/patient", 1000, priority=-10),
    Sample("later-1", "4", "https://t.example/later/1", 200, start_in=3),
    Sample("later-2", "2", "https://instagram.example/later/2", 300, start_in=6),
    Sample("capped-1", "1", "https://instagram.example/capped/1", 1000, max_charge=Decimal("0.90")),
    Sample("capped-2", "3", "https://youtube.example/capped/2", 200, max_charge=Decimal(1)),
)

_CANCELED = (
    *(
        Sample(
            f"regretted-{n}", "1", f"https://instagram.example/regretted/{n}", 400, start_in=8, then=Then.CANCEL_PENDING
        )
        for n in (1, 2, 3)
    ),
    *(
        Sample(f"stopped-{n}", service, f"https://t.example/stopped/{n}", 5000, then=Then.CANCEL_RUNNING)
        for n, service in enumerate(("1", "4", "4", "1"), start=1)
    ),
    Sample("unstoppable", "2", "https://instagram.example/unstoppable", 5000, then=Then.CANCEL_RUNNING),
)

_REFILLED = (
    *(
        Sample(f"refilled-{n}", service, f"https://instagram.example/refilled/{n}", 150 * n, then=Then.REFILL)
        for n, service in enumerate(("1", "1", "1", "3", "3", "3"), start=1)
    ),
    Sample("not-refillable", "2", "https://instagram.example/not-refillable", 90, then=Then.REFILL),
)

_BAD = (
    Sample(
        "bad-service",
        "9999",
        "https://instagram.example/bad/1",
        100,
        refused="unknown_service",
        then=Then.REFILL_REJECTED,
    ),
    Sample("bad-too-few", "1", "https://instagram.example/bad/2", 7, refused="quantity_out_of_range"),
    Sample("bad-too-many", "1", "https://instagram.example/bad/3", 5_000_000, refused="quantity_out_of_range"),
    Sample(
        "bad-no-comments",
        "6",
        "https://instagram.example/bad/4",
        params={"comments": ["", "  "]},
        refused="missing_parameter",
    ),
    Sample("bad-no-link", "2", None, 100, refused="missing_parameter"),
    Sample(
        "bad-device",
        "19",
        "https://shop.example/bad",
        500,
        params={"country": "DE", "device": 9, "type_of_traffic": 3},
        refused="bad_parameter",
    ),
    Sample(
        "bad-drip-feed",
        "9",
        "https://instagram.example/bad/5",
        50,
        runs=2,
        interval_minutes=10,
        params={"usernames": _PEOPLE},
        refused="dripfeed_not_offered",
    ),
    Sample(
        "bad-price",
        "3",
        "https://youtube.example/bad/6",
        10_000,
        max_charge=Decimal(5),
        refused="max_charge_exceeded",
    ),
    # The panel itself refuses this one: no catalogue says which links the panel takes.
    Sample("bad-link", "1", "https://instagram.example/with a space", 100, refused="link_refused"),
)


def samples() -> Iterator[Sample]:
    """Yields all rows of the demo in the order in which the shop inserts them. Each reference occurs once."""
    yield from _EVERY_TYPE
    yield from _DRIP_FED
    yield from _WITH_WISHES
    yield from _CANCELED
    yield from _REFILLED
    yield from _BAD
    for n in range(1, 16):
        yield Sample(f"more-{n}", str(1 + n % 4), f"https://instagram.example/more/{n}", 100 + 37 * n)
