"""Examines a database before work begins on it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from worker.store.db.engine import connection_to
from worker.store.schema.revision import Schema, head, schema

#: The oldest Postgres that the tests cover, in the form of `server_version_num`.
OLDEST = 150_000

#: The one encoding that holds every text of panels and shops, in the form of `server_encoding`.
ENCODING = "UTF8"


@dataclass(frozen=True, slots=True)
class DatabaseReport:
    """The state of a database. `clock_difference`: the seconds by which its clock is ahead of this machine's.

    `needed` is the revision that this version needs. `is_pooled`: a pooler such as PgBouncer stands between.
    `is_limited`: the database limits how long a statement of this role may run.
    """

    version: str
    version_number: int
    schema: Schema
    needed: str
    clock_difference: float
    is_pooled: bool = False
    is_limited: bool = True
    encoding: str = ENCODING

    @property
    def revision(self) -> str | None:
        return self.schema.revision

    @property
    def is_at_head(self) -> bool:
        return self.revision == self.needed

    @property
    def carries_on(self) -> bool:
        """Tells whether a running worker of this version can go on."""
        return self.schema.carries(self.needed)

    @property
    def is_newer(self) -> bool:
        """Tells whether a newer version of order-sync has migrated the database. Revisions are numbered."""
        return self.revision is not None and self.revision > self.needed


def inspect(url: str) -> DatabaseReport:
    """Examines the database at this address. Raises DatabaseUnreachableError."""
    with connection_to(url) as connection:
        return _report(connection)


_REPORT = text("""
    SELECT current_setting('server_version'), current_setting('server_version_num')::int, clock_timestamp(),
        pg_backend_pid(), current_setting('statement_timeout') <> '0', current_setting('server_encoding')
""")


def _report(connection: Connection) -> DatabaseReport:
    version, number, clock, process_id, is_limited, encoding = connection.execute(_REPORT).one()
    driver: Any = connection.connection.driver_connection
    return DatabaseReport(
        version,
        number,
        schema(connection),
        head(),
        (clock - datetime.now(UTC)).total_seconds(),
        is_pooled=process_id != driver.info.backend_pid,
        is_limited=is_limited,
        encoding=encoding,
    )
