"""The orders that wait to be sent: how many a claim could take now, and for which panels orders wait."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.store.db.loose_index_scan import distinct_values

#: Which orders `o` of a level `l` may be sent now. An order that somebody has asked to cancel is left for the cancel.
RUNNABLE = """
    o.panel = :panel AND o.state = 'pending' AND o.priority = l.priority AND o.not_before <= now()
    AND (o.retry_at IS NULL OR o.retry_at <= now())
    AND NOT EXISTS (SELECT FROM cancels c WHERE c.order_id = o.id AND c.state = 'pending')
"""

#: The priorities of pending orders, the highest first: one probe of the index for each. Within one priority, orders
#: that are to be sent later lie behind those that may be sent now, and aren't read.
LEVELS = distinct_values("levels", "orders", "priority", "panel = :panel AND state = 'pending'", descending=True)

COUNT = text(f"""
    WITH RECURSIVE {LEVELS}
    SELECT count(*) FROM (
        SELECT FROM levels l CROSS JOIN LATERAL (SELECT FROM orders o WHERE {RUNNABLE} LIMIT :at_most) o
        LIMIT :at_most
    ) AS runnable
""")  # noqa: S608 - no value is put into the text

#: The panels for which orders wait: one probe of the index for each, however many orders wait.
PANELS_WAITING = text(f"""
    WITH RECURSIVE {distinct_values("waiting", "orders", "panel", "state = 'pending'")}
    SELECT panel FROM waiting WHERE panel IS NOT NULL
""")  # noqa: S608 - names of ours


async def runnable(engine: AsyncEngine, panel: str, at_most: int) -> int:
    """Counts the orders that a claim could take now, up to `at_most`."""
    async with engine.connect() as connection:
        return int(await connection.scalar(COUNT, {"panel": panel, "at_most": at_most}) or 0)


async def panels_waiting(engine: AsyncEngine) -> list[str]:
    """Returns the panels for which orders are pending."""
    async with engine.connect() as connection:
        return list((await connection.execute(PANELS_WAITING)).scalars())
