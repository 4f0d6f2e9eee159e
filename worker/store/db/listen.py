"""Listens for the database's announcements of new rows. They only shorten a wait: all works without them."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from worker.store.db.engine import connect, is_pooled
from worker.store.db.errors import database_errors

CHANNEL = "order_sync_work"


class PooledError(Exception):
    """A pooler such as PgBouncer stands before the database: its announcements don't reach the worker."""


async def notifications(engine: AsyncEngine) -> AsyncIterator[str]:
    """Yields the name of each table into which producers insert, at once; first an empty name, once it listens.

    Raises DatabaseUnreachableError when the connection is lost: nobody announces then what producers insert meanwhile.
    Raises PooledError.
    """
    with database_errors():
        async with await connect(engine) as connection:
            if await is_pooled(connection):
                raise PooledError
            await connection.execute(f"LISTEN {CHANNEL}")
            yield ""
            async for notification in connection.notifies():
                yield notification.payload
