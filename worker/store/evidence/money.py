"""Reads what the balance says of orders whose answers were lost: money that left, and money that didn't."""

from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence.owners import Suspect

#: The number of other orders beyond which evidence doesn't add up what one order may have cost.
TOO_MANY = 1000

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
