"""Ends the database sessions of frozen or lost workers, whose locks block others."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

#: Seconds for which a session may leave a transaction waiting, the same as for a transaction that Postgres calls idle.
LONGEST = 30.0

#: Postgres doesn't limit how long it waits for the next statement of a pipeline: before version 17, no timeout ends
#: such a session. Meanwhile it holds its locks, perhaps the one that every event needs. A role may always end its own
#: sessions.
END_BLOCKING_SESSIONS = text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user
        AND application_name = current_setting('application_name')
        AND state = 'active' AND wait_event = 'ClientRead'
        AND xact_start IS NOT NULL AND query_start < clock_timestamp() - make_interval(secs => :longest)
""")


async def end_blocking_sessions(engine: AsyncEngine) -> int:
    """Ends the sessions in which a pipeline has waited for its worker too long; returns how many."""
    async with engine.connect() as connection:
        return int(await connection.scalar(END_BLOCKING_SESSIONS, {"longest": LONGEST}) or 0)
