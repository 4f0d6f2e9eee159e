"""Transactions in whose midst their worker was frozen, or its machine was lost."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

#: Seconds, as for a transaction that Postgres calls idle.
LONGEST = 30.0

#: While a pipeline hasn't come to its Sync, Postgres counts no time that it waits for the next statement: none of its
#: timeouts ends that before version 17. Its locks are held as long, and among them may be the one for all events.
#: A role may always end sessions of its own.
END_ABANDONED = text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user
        AND application_name = current_setting('application_name')
        AND state = 'active' AND wait_event = 'ClientRead'
        AND xact_start IS NOT NULL AND query_start < clock_timestamp() - make_interval(secs => :longest)
""")


async def end_abandoned(engine: AsyncEngine) -> int:
    """Roll back what workers have left in the midst of a pipeline for too long: how many sessions were ended for it."""
    async with engine.connect() as connection:
        return int(await connection.scalar(END_ABANDONED, {"longest": LONGEST}) or 0)
