"""Keeps what the worker learns of how long the orders of each service take: the table `paces`."""

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import text

from worker.domain.polling import FADING, Closes
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transaction

#: Does what `Closes.followed_by` says, in the database, since other workers learn too. It locks rows by service, so no
#: two workers that learn wait for each other.
LEARN = text(f"""
    INSERT INTO paces AS s (panel, service, closes, log_sum, log_squares)
    SELECT * FROM unnest(
        CAST(:panel AS text[]), CAST(:service AS text[]),
        CAST(:closes AS float8[]), CAST(:log_sum AS float8[]), CAST(:log_squares AS float8[])
    ) AS c(panel, service, closes, log_sum, log_squares)
    ORDER BY c.panel, c.service
    ON CONFLICT (panel, service) DO UPDATE SET
        closes = s.closes * {FADING} ^ excluded.closes + excluded.closes,
        log_sum = s.log_sum * {FADING} ^ excluded.closes + excluded.log_sum,
        log_squares = s.log_squares * {FADING} ^ excluded.closes + excluded.log_squares
""")  # noqa: S608 - a number of ours


class Close(NamedTuple):
    """An order that closed, and the seconds for which it was open."""

    panel: str
    service: str
    took: float


async def learn(transaction: Transaction, closes: Iterable[Close]) -> None:
    """Adds orders that closed to what is known of their services."""
    of_services = groupby(sorted(closes), key=lambda close: (close.panel, close.service))
    learned = [(*service, Closes.of(close.took for close in group)) for service, group in of_services]
    if not learned:
        return
    about = {
        "panel": literal(panel for panel, _, _ in learned),
        "service": literal(service for _, service, _ in learned),
        "closes": literal(each.count for _, _, each in learned),
        "log_sum": literal(each.log_sum for _, _, each in learned),
        "log_squares": literal(each.log_squares for _, _, each in learned),
    }
    await transaction.execute(LEARN, about)
