"""Takes over what dead workers left."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.changes import Change
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import unconfirmed
from worker.store.db.transactions import Transactions
from worker.store.queue.changes import RECORD_COLUMNS, OnChange, record_of, write_changes
from worker.store.queue.submissions import LEASE_ENDED, close

EXPIRED_WORKERS = text("""
    UPDATE workers SET ended_at = clock_timestamp()
    WHERE id IN (
        SELECT id FROM workers WHERE ended_at IS NULL AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED
    )
""")

#: The open calls of workers that have ended, those that stopped in good order included.
ORPHANED = text(f"""
    SELECT s.id AS token, s.order_id, o.panel, {RECORD_COLUMNS}
    FROM submissions s JOIN orders o ON o.id = s.order_id
    WHERE s.outcome IS NULL
        AND EXISTS (SELECT FROM workers w WHERE w.id = s.worker_id AND w.ended_at IS NOT NULL)
    ORDER BY o.id
    LIMIT 1000
    FOR NO KEY UPDATE OF o, s SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

#: Closes such calls for orders that somebody has deleted: no other statement finds these.
ORPHANED_OF_NONE = text(f"""
    UPDATE submissions s SET outcome = '{LEASE_ENDED}', ended_at = clock_timestamp()
    WHERE s.outcome IS NULL
        AND EXISTS (SELECT FROM workers w WHERE w.id = s.worker_id AND w.ended_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM orders o WHERE o.id = s.order_id)
""")  # noqa: S608 - our own word


async def take_over(engine: AsyncEngine, on_change: OnChange | None = None) -> list[tuple[str, Change]]:
    """Makes `unconfirmed` what dead workers left in `submitting`: nobody knows whether they sent it.

    Returns the changes, each with the order's panel.
    """
    async with Transactions(engine).begin() as transaction:
        await transaction.execute(EXPIRED_WORKERS)
        await transaction.execute(ORPHANED_OF_NONE)
        rows = await transaction.fetch(ORPHANED)
        changes = [
            (
                row.panel,
                unconfirmed(row.order_id, record_of(row), "worker_lost", "the worker died during the call"),
            )
            for row in rows
            if row.state == OrderState.SUBMITTING
        ]
        await close(transaction, dict.fromkeys((row.token for row in rows), (None, LEASE_ENDED)))
        await write_changes(transaction, [change for _, change in changes], on_change)
    return changes
