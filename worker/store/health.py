"""What can be told of a database before work begins on it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from worker.store.engine import connection_to
from worker.store.migrate import current, head

#: The oldest Postgres that is tested, as `server_version_num` has it.
OLDEST = 150_000


@dataclass(frozen=True, slots=True)
class DatabaseReport:
    """`clock_difference` is in seconds: how far the database's clock is ahead of ours."""

    version: str
    version_number: int
    revision: str | None
    needed: str
    clock_difference: float

    @property
    def is_at_head(self) -> bool:
        return self.revision == self.needed


def inspect(url: str) -> DatabaseReport:
    """Raises DatabaseUnreachableError."""
    with connection_to(url) as connection:
        return _report(connection)


def _report(connection: Connection) -> DatabaseReport:
    row = connection.execute(
        text("SELECT current_setting('server_version'), current_setting('server_version_num')::int, clock_timestamp()")
    ).one()
    difference = (row[2] - datetime.now(UTC)).total_seconds()
    return DatabaseReport(row[0], row[1], current(connection), head(), difference)
