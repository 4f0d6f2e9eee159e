"""Brings the schema to head. The revisions travel inside the wheel."""

import time
from collections.abc import Callable

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from worker.store.db.engine import connection_to
from worker.store.db.errors import DatabaseBusyError
from worker.store.schema.preflight import ENCODING
from worker.store.schema.revision import current, directory, head

#: The number of the advisory lock that every migration takes.
_LOCK = 0x6F72_6465_7273

_SERVER_ENCODING = text("SELECT current_setting('server_encoding')")

#: How often a migration tries again after a lock has stopped it, and the seconds between two tries. In the pause, the
#: sessions that waited behind the migration get their turn.
TRIES = 20
PAUSE = 2.0

#: Shorter than the second after which Postgres searches for deadlocks: where a worker and a migration wait for each
#: other, the migration gives way.
_GIVE_WAY = text("SET LOCAL lock_timeout = '500ms'")


class NewerSchemaError(Exception):
    """Raised when a newer version of order-sync has migrated the database: this version can't go on from there."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"the schema is at {revision}, and this version knows no further than {head()}")


class NarrowEncodingError(Exception):
    """Raised when the encoding of a new database can't hold every text of a panel."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"the database's encoding is {encoding}, and panels' texts need {ENCODING}")


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(directory()).replace("%", "%%"))
    return config


def migrate(url: str, revision: str = "head") -> tuple[str | None, str | None]:
    """Brings the database up to `revision`; returns the revisions before and after.

    Many processes may call it at once: one migrates, the others wait and find nothing left to do. It may run beside
    workers, too: where it would have to wait for a worker, it gives way and starts again.
    Raises DatabaseUnreachableError, NewerSchemaError and NarrowEncodingError.
    """
    return _move(url, command.upgrade, revision)


def downgrade(url: str, revision: str) -> tuple[str | None, str | None]:
    """Brings the database down to `revision`; `base` removes everything. Returns the revisions before and after."""
    return _move(url, command.downgrade, revision)


def _move(url: str, move: Callable[[Config, str], None], revision: str) -> tuple[str | None, str | None]:
    for _ in range(TRIES - 1):
        try:
            return _move_once(url, move, revision)
        except DatabaseBusyError:
            time.sleep(PAUSE)
    return _move_once(url, move, revision)


def _move_once(url: str, move: Callable[[Config, str], None], revision: str) -> tuple[str | None, str | None]:
    with connection_to(url) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = current(connection)
        if before is not None and before > head():
            raise NewerSchemaError(before)
        if before is None and (encoding := connection.execute(_SERVER_ENCODING).scalar_one()) != ENCODING:
            raise NarrowEncodingError(encoding)
        connection.execute(_GIVE_WAY)
        move(_config(connection), revision)
        return before, current(connection)
