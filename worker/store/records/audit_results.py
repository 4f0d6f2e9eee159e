"""Reads the results of the last audits, without what making an audit needs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LATEST = text("""
    SELECT l.panel, l.currency, l.opened_at, l.closed_at, l.missing
    FROM unnest(CAST(:panels AS text[])) AS p(panel)
    CROSS JOIN LATERAL (SELECT * FROM audits a WHERE a.panel = p.panel ORDER BY a.closed_at DESC, a.id DESC LIMIT 1) l
""")


@dataclass(frozen=True, slots=True)
class LatestAudit:
    """The result of the last audit, between two balance readings. `missing` is what is certainly missing, or 0."""

    currency: str | None
    opened_at: datetime
    closed_at: datetime
    missing: Decimal


async def latest_audits(connection: AsyncConnection, panels: Iterable[str]) -> dict[str, LatestAudit]:
    """Returns the last audit of each of these panels that had one."""
    rows = await connection.execute(LATEST, {"panels": list(panels)})
    return {row.panel: LatestAudit(*row[1:]) for row in rows}
