"""LISTEN: being told at once that there is work. It only shortens the wait; everything works without it."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from worker.store.db.engine import connect, is_pooled

CHANNEL = "order_sync_work"


class PooledError(Exception):
    """A pooler such as PgBouncer stands before the database: what is announced there doesn't reach us."""


async def notifications(engine: AsyncEngine) -> AsyncIterator[str]:
    """The names of tables into which producers inserted, as it happens; first an empty one, once it listens.

    Raises `psycopg.OperationalError` when the connection is lost: what was inserted meanwhile was not announced.
    Raises PooledError.
    """
    async with await connect(engine) as connection:
        if await is_pooled(connection):
            raise PooledError
        await connection.execute(f"LISTEN {CHANNEL}")
        yield ""
        async for notification in connection.notifies():
            yield notification.payload
