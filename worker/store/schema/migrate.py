"""The schema, brought to head. The revisions travel inside the wheel."""

import time
from collections.abc import Callable

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from worker.store.db.engine import connection_to
from worker.store.db.errors import DatabaseBusyError
from worker.store.schema.preflight import ENCODING
from worker.store.schema.revision import current, directory, head

#: Any number will do, as long as every migrator takes the same.
_LOCK = 0x6F72_6465_7273

_SERVER_ENCODING = text("SELECT current_setting('server_encoding')")

#: How often a migration is tried that a lock keeps from its end, and the seconds in between, in which all that waited
#: behind it gets on.
TRIES = 20
PAUSE = 2.0

#: Before Postgres looks for a deadlock (after a second): where a worker and a migration wait for each other, it is the
#: migration that gives way.
_GIVE_WAY = text("SET LOCAL lock_timeout = '500ms'")


class NewerSchemaError(Exception):
    """A newer version of order-sync has migrated the database: this one knows no way on from there."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"the schema is at {revision}, and this version knows no further than {head()}")


class NarrowEncodingError(Exception):
    """A new database that couldn't hold all that a panel says."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"the database's encoding is {encoding}, and panels' texts need {ENCODING}")


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(directory()).replace("%", "%%"))
    return config


def migrate(url: str, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring the database up to `revision`; says which it was at before, and is at now.

    Safe to run from many places at once: one migrates, the others wait for it and find nothing left to do. Safe beside
    workers, too: where it would have to wait for them, it gives way, and begins anew.
    Raises DatabaseUnreachableError, NewerSchemaError and NarrowEncodingError.
    """
    return _move(url, command.upgrade, revision)


def downgrade(url: str, revision: str) -> tuple[str | None, str | None]:
    """The way back, down to `revision`, or to `base`: nothing."""
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
