"""What can be told of a database before work begins on it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from worker.store.engine import connection_to
from worker.store.migrate import current, head
from worker.store.orders import PANELS_WAITING

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


@dataclass(frozen=True, slots=True)
class PausedPanel:
    """A pause in force. `scope` is `add` or `all`; `detail` is in the panel's words, `since` the database's time."""

    panel: str
    scope: str
    reason: str
    detail: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Standstill:
    """What keeps rows waiting: pauses, and `panels_waiting`, the panels for which rows are pending."""

    pauses: tuple[PausedPanel, ...]
    panels_waiting: tuple[str, ...]


_PAUSES = text("SELECT panel, scope, reason, detail, since FROM pauses ORDER BY panel, since")


def standstill(url: str) -> Standstill:
    """Of a database whose schema is at head. Raises DatabaseUnreachableError."""
    with connection_to(url) as connection:
        return Standstill(
            tuple(PausedPanel(*row) for row in connection.execute(_PAUSES)),
            tuple(connection.execute(PANELS_WAITING).scalars()),
        )
