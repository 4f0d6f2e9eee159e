"""LISTEN: being told at once that there is work. It only shortens the wait; everything works without it."""

from collections.abc import AsyncIterator

from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.store.engine import connect_args

CHANNEL = "order_sync_work"


async def notifications(engine: AsyncEngine) -> AsyncIterator[str]:
    """The names of tables into which producers inserted, as it happens; first an empty one, once it listens.

    Raises `psycopg.OperationalError` when the connection is lost: what was inserted meanwhile was not announced.
    """
    parameters = {**engine.dialect.create_connect_args(engine.url)[1], **connect_args(engine.url)}
    async with await AsyncConnection.connect(**parameters, autocommit=True) as connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        yield ""
        async for notification in connection.notifies():
            yield notification.payload
