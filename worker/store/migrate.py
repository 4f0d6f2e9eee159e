"""The schema, brought to head or compared with it. The revisions travel inside the wheel."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.store.engine import connection_to

#: Any number will do, as long as every migrator takes the same.
_LOCK = 0x6F72_6465_7273


def _revisions() -> Path:
    installed = Path(str(files("worker"))) / "_migrations"
    return installed if installed.is_dir() else Path(str(files("worker"))).parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_revisions()).replace("%", "%%"))
    return config


def head() -> str:
    """The revision that this version of order-sync needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError(f"no revisions in {_revisions()}")
    return revision


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None for one that was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


async def revision_of(engine: AsyncEngine) -> str | None:
    """The same, while work goes on."""
    async with engine.connect() as connection:
        return await connection.run_sync(current)


def migrate(url: str, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring the database up to `revision`; says which it was at before, and is at now.

    Safe to run from many places at once: one migrates, the others wait for it and find nothing left to do.
    Raises DatabaseUnreachableError.
    """
    return _move(url, command.upgrade, revision)


def downgrade(url: str, revision: str) -> tuple[str | None, str | None]:
    """The way back, down to `revision`, or to `base`: nothing."""
    return _move(url, command.downgrade, revision)


def _move(url: str, move: Callable[[Config, str], None], revision: str) -> tuple[str | None, str | None]:
    with connection_to(url) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = current(connection)
        move(_config(connection), revision)
        return before, current(connection)
