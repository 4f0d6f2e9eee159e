"""The orders that wait to be sent: how many a claim could take now, and for which panels orders wait."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

#: Which orders `o` of a level `l` may be sent now. An order that somebody has asked to cancel is left for the cancel.
RUNNABLE = """
    o.panel = :panel AND o.state = 'pending' AND o.priority = l.priority AND o.not_before <= now()
    AND (o.retry_at IS NULL OR o.retry_at <= now())
    AND NOT EXISTS (SELECT FROM cancels c WHERE c.order_id = o.id AND c.state = 'pending')
"""

#: The priorities of pending orders, the highest first: one probe of the index for each. Within one priority, orders
#: that are to be sent later lie behind those that may be sent now, and aren't read.
LEVELS = """
    levels AS (
        SELECT max(priority) AS priority FROM orders WHERE panel = :panel AND state = 'pending'
        UNION ALL
        SELECT (
            SELECT max(o.priority) FROM orders o
            WHERE o.panel = :panel AND o.state = 'pending' AND o.priority < l.priority
        )
        FROM levels l WHERE l.priority IS NOT NULL
    )
"""

COUNT = text(f"""
    WITH RECURSIVE {LEVELS}
    SELECT count(*) FROM (
        SELECT FROM levels l CROSS JOIN LATERAL (SELECT FROM orders o WHERE {RUNNABLE} LIMIT :at_most) o
        LIMIT :at_most
    ) AS runnable
""")  # noqa: S608 - no value is put into the text

#: One probe of the index for each panel, however many rows wait.
PANELS_WAITING = text("""
    WITH RECURSIVE waiting AS (
        SELECT min(panel) AS panel FROM orders WHERE state = 'pending'
        UNION ALL
        SELECT (SELECT min(o.panel) FROM orders o WHERE o.state = 'pending' AND o.panel > w.panel)
        FROM waiting w WHERE w.panel IS NOT NULL
    )
    SELECT panel FROM waiting WHERE panel IS NOT NULL
""")


async def runnable(engine: AsyncEngine, panel: str, at_most: int) -> int:
    """Counts the orders that a claim could take now, up to `at_most`."""
    async with engine.connect() as connection:
        return int(await connection.scalar(COUNT, {"panel": panel, "at_most": at_most}) or 0)


async def panels_waiting(engine: AsyncEngine) -> list[str]:
    """Returns the panels for which orders are pending."""
    async with engine.connect() as connection:
        return list((await connection.execute(PANELS_WAITING)).scalars())
