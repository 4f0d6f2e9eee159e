"""How fast each panel's balance goes down."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.spending import RATE_OVER, Spending
from worker.store.balances import KNOWN

#: One probe of the index for each panel, then the readings of the time itself, however long the history. Where the
#: currency changed meanwhile, what was read before doesn't compare.
SPENDING = text(f"""
    WITH {KNOWN}
    SELECT k.panel, l.currency, l.at, l.balance,
        coalesce(r.spent, 0) AS spent, coalesce(extract(epoch FROM l.at - r.first_at), 0)::float8 AS seconds
    FROM known k
    CROSS JOIN LATERAL (SELECT * FROM balances n WHERE n.panel = k.panel ORDER BY n.at DESC, n.id DESC LIMIT 1) l
    CROSS JOIN LATERAL (
        SELECT sum(greatest(step.before - step.balance, 0)) AS spent, min(step.at) AS first_at
        FROM (
            SELECT b.at, b.balance, lag(b.balance) OVER (ORDER BY b.at, b.id) AS before
            FROM balances b
            WHERE b.panel = k.panel AND b.at > now() - make_interval(secs => :seconds)
                AND b.currency IS NOT DISTINCT FROM l.currency
        ) step
    ) r
""")  # noqa: S608 - no value is put into the text


@dataclass(frozen=True, slots=True)
class PanelSpending:
    """One panel's, as of its last reading."""

    panel: str
    currency: str | None
    at: datetime
    spending: Spending


async def recent_spending(engine: AsyncEngine, seconds: float = RATE_OVER) -> list[PanelSpending]:
    """What was spent within the last so many seconds, for each panel of which a balance was ever read."""
    async with engine.connect() as connection:
        rows = await connection.execute(SPENDING, {"seconds": seconds})
        return [
            PanelSpending(row.panel, row.currency, row.at, Spending(row.balance, row.spent, row.seconds))
            for row in rows
        ]
