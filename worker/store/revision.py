"""At which revision a schema is, and at which it should be: read without Alembic, whose import takes longer than most
commands need.
"""

from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

_KNOWN = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_CURRENT = text("SELECT version_num FROM alembic_version")


def directory() -> Path:
    """Where the revisions are: inside the package once it is installed, at the top of the tree before that."""
    package = Path(str(files("worker")))
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def head() -> str:
    """The revision that this version of order-sync needs: the highest number among the files."""
    numbers = [path.name.partition("_")[0] for path in (directory() / "versions").glob("[0-9]*_*.py")]
    if not numbers:
        raise RuntimeError(f"no revisions in {directory()}")
    return max(numbers)


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None for one that was never migrated."""
    if not connection.execute(_KNOWN).scalar_one():
        return None
    return connection.execute(_CURRENT).scalar_one_or_none()


async def revision_of(engine: AsyncEngine) -> str | None:
    """The same, while work goes on."""
    async with engine.connect() as connection:
        return await connection.run_sync(current)
