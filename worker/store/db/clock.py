"""The database's clock, which dates everything: the clocks of two machines need not agree."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_NOW = text("SELECT clock_timestamp()")


async def now_of(connection: AsyncConnection) -> datetime:
    """Returns the database's time."""
    now: datetime = (await connection.execute(_NOW)).scalar_one()
    return now
