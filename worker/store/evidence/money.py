"""Reads what the balance says of orders whose answers were lost: money that left, and money that didn't."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence.owners import Suspect
from worker.domain.evidence.quiet_night import BalanceReading, Paid, unpaid

#: The number of other orders beyond which evidence doesn't add up what one order may have cost.
TOO_MANY = 1000

#: The newest readings of the balance that may witness, and the most orders that they are compared with.
READINGS = 200
ORDERS = 20_000

#: The money that left the account between two readings of its balance: the last before the order was sent, and the
#: first after the panel can have accepted it. It is less all that other orders may have cost meanwhile, so rather too
#: low: money that the panel debited before or gave back since counts too. No row where no record says, or there were
#: too many other orders.
UNEXPLAINED = text("""
    WITH before AS (
        SELECT balance, currency, coalesce(asked_at, at) AS since FROM balances
        WHERE panel = :panel AND at < to_timestamp(:began_at) ORDER BY at DESC LIMIT 1
    ), after AS (
        SELECT balance, currency, at FROM balances
        WHERE panel = :panel AND at > to_timestamp(:last_at) AND coalesce(asked_at, at) > to_timestamp(:last_at)
        ORDER BY at LIMIT 1
    ), calls AS (
        SELECT s.* FROM before CROSS JOIN after CROSS JOIN LATERAL (
            (
                SELECT * FROM submissions
                WHERE panel = :panel AND outcome = 'accepted' AND ended_at > before.since
                    AND began_at > before.since - make_interval(secs => :longest_call) AND began_at < after.at
                LIMIT :too_many
            )
            UNION ALL
            (
                SELECT * FROM submissions
                WHERE panel = :panel AND outcome IN ('unknown', 'refuted', 'lease_ended', 'accepted_late')
                    AND ended_at > before.since AND began_at < after.at AND outcome <> 'refuted'
                LIMIT :too_many
            )
            UNION ALL
            (
                SELECT * FROM submissions WHERE panel = :panel AND outcome IS NULL AND began_at < after.at
                LIMIT :too_many
            )
        ) s
    ), others AS (
        SELECT greatest(o.charge, s.expected_charge) AS cost, s.is_parent
        FROM calls s JOIN orders o ON o.id = s.order_id WHERE s.id <> :token
    )
    SELECT before.balance - after.balance - t.cost
    FROM before
    JOIN after ON after.currency IS NOT DISTINCT FROM before.currency
    CROSS JOIN (
        SELECT coalesce(sum(cost), 0) AS cost, count(*) AS number, bool_or(cost IS NULL OR is_parent) AS is_open
        FROM others
    ) t
    WHERE t.is_open IS NOT TRUE AND t.number < :too_many
""")

#: When the newest balance was asked for.
_READ = text("""
    SELECT extract(epoch FROM coalesce(asked_at, at))::float8
    FROM balances WHERE panel = :panel ORDER BY at DESC LIMIT 1
""")

BALANCES = text(f"""
    SELECT * FROM (
        SELECT extract(epoch FROM asked_at)::float8 AS asked_at, extract(epoch FROM at)::float8 AS read_at, balance
        FROM balances WHERE panel = :panel AND asked_at IS NOT NULL ORDER BY at DESC LIMIT {READINGS}
    ) b ORDER BY read_at
""")  # noqa: S608 - a number of ours

#: The orders that the panel took and that weren't at their end at a time, what each cost, and until when a poll showed
#: that no money had come back.
PAID = text("""
    SELECT
        extract(epoch FROM s.began_at)::float8 AS since,
        extract(epoch FROM CASE WHEN s.outcome = 'accepted' THEN s.ended_at ELSE t.seen_at END)::float8 AS until,
        CASE WHEN o.state IN ('submitted', 'completed') AND o.charge > 0 THEN o.charge END AS charge,
        CASE
            WHEN o.state IN ('submitted', 'completed') AND o.panel_status IS NOT NULL
            THEN extract(epoch FROM p.seen_at)::float8
        END AS uncut_until,
        extract(epoch FROM o.finished_at)::float8 AS closed_at,
        s.is_parent
    FROM orders o
    CROSS JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
    LEFT JOIN polls p ON p.order_id = o.id
    LEFT JOIN sightings t ON t.panel = o.panel AND t.order_id = o.id
    WHERE o.panel = :panel AND o.panel_order_id IS NOT NULL
        AND o.id IN (
            SELECT order_id FROM polls WHERE panel = :panel AND NOT settling
            UNION
            SELECT id FROM orders WHERE panel = :panel AND finished_at > to_timestamp(:since)
        )
    LIMIT :at_most
""")

#: Has the orders polled at once that a poll has not shown since a time, and that weren't at their end at another.
POLL_AGAIN = text("""
    UPDATE polls p SET due_at = clock_timestamp()
    FROM orders o
    WHERE o.id = p.order_id AND p.panel = :panel AND p.due_at > clock_timestamp()
        AND p.seen_at < to_timestamp(:seen_since)
        AND (o.finished_at IS NULL OR o.finished_at > to_timestamp(:open_since))
""")


class Money:
    """Compares the balances of one panel with what its orders cost."""

    def __init__(self, engine: AsyncEngine, panel: str, *, longest_call: float) -> None:
        """`longest_call`: seconds that a call to the panel may take."""
        self._engine = engine
        self._panel = panel
        self._longest_call = longest_call

    async def unexplained(self, suspect: Suspect) -> Decimal | None:
        """Returns how much money left the account that only this order explains; None if no record says."""
        about = {
            "panel": self._panel,
            "token": suspect.question.token,
            "began_at": suspect.question.began_at,
            "last_at": suspect.last_at,
            "longest_call": self._longest_call,
            "too_many": TOO_MANY,
        }
        async with self._engine.connect() as connection:
            gone: Decimal | None = await connection.scalar(UNEXPLAINED, about)
            return gone

    async def read_at(self) -> float:
        """Returns when the newest balance was asked for; 0 if none was."""
        async with self._engine.connect() as connection:
            return float(await connection.scalar(_READ, {"panel": self._panel}) or 0.0)

    async def unpaid(self, suspects: Sequence[Suspect]) -> frozenset[int]:
        """Returns the orders for which the balance proves that nothing was paid."""
        async with self._engine.connect() as connection:
            about = {"panel": self._panel, "at_most": ORDERS + 1}
            balances = [
                BalanceReading(row.asked_at, row.read_at, row.balance)
                for row in await connection.execute(BALANCES, about)
            ]
            if not balances:
                return frozenset()
            since = {"since": balances[0].asked_at}
            paid = [_paid(row) for row in await connection.execute(PAID, about | since)]
        return frozenset() if len(paid) > ORDERS else unpaid(suspects, balances, paid)

    async def poll_again(self, *, seen_since: float, open_since: float) -> int:
        """Has orders polled at once that may have given money back. Returns how many.

        They are those that no poll has shown since one time, and that weren't at their end at the other.
        """
        async with self._engine.begin() as connection:
            about = {"panel": self._panel, "seen_since": seen_since, "open_since": open_since}
            return (await connection.execute(POLL_AGAIN, about)).rowcount


def _paid(row: Any) -> Paid:
    return Paid(
        row.since,
        row.since if row.until is None else row.until,
        row.charge,
        -math.inf if row.uncut_until is None else row.uncut_until,
        math.inf if row.closed_at is None else row.closed_at,
        row.is_parent,
    )
