"""Reads at which revision a schema is, which one this version needs, and which workers the schema serves.

It does so without Alembic, whose import takes longer than most commands. Revisions are numbered, and each names the
oldest revision whose workers can go on over its schema. The database keeps that name beside its revision: a worker
doesn't know later revisions, and has to know whether it can go on over one.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

_KNOWN = text("SELECT to_regclass('alembic_version') IS NOT NULL")

#: `serves` is a column that order-sync adds to Alembic's table. Read from the row as JSON, it is null where a version
#: migrated the database that didn't add the column yet.
_SCHEMA = text("SELECT version_num, to_jsonb(alembic_version) ->> 'serves' FROM alembic_version")

_ADD_SERVES = text("ALTER TABLE alembic_version ADD COLUMN IF NOT EXISTS serves text")
_NOTE_SERVES = text("UPDATE alembic_version SET serves = :serves")


@dataclass(frozen=True, slots=True)
class Schema:
    """The revision of a database (None: nobody has migrated it), and the oldest revision that its schema serves."""

    revision: str | None = None
    serves: str | None = None

    def carries(self, needed: str) -> bool:
        """Tells whether a running worker that needs this revision can go on."""
        if self.revision is None or self.revision == needed:
            return self.revision == needed
        return self.serves is not None and self.serves <= needed < self.revision


def directory() -> Path:
    """Returns where the revisions are: inside an installed package, at the top of a source tree."""
    package = Path(str(files("worker")))
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def head() -> str:
    """Returns the revision that this version of order-sync needs: the highest number among the files."""
    numbers = [path.name.partition("_")[0] for path in (directory() / "versions").glob("[0-9]*_*.py")]
    if not numbers:
        raise RuntimeError(f"no revisions in {directory()}")
    return max(numbers)


def schema(connection: Connection) -> Schema:
    """Reads the revision of a database, and what its schema serves."""
    if not connection.execute(_KNOWN).scalar_one():
        return Schema()
    row = connection.execute(_SCHEMA).one_or_none()
    return Schema() if row is None else Schema(*row)


def current(connection: Connection) -> str | None:
    """Returns the revision of a database; None if nobody has migrated it."""
    return schema(connection).revision


async def schema_of(engine: AsyncEngine) -> Schema:
    """Reads the same as `schema`, on an engine of a running worker."""
    async with engine.connect() as connection:
        return await connection.run_sync(schema)


def note(connection: Connection, serves: str) -> None:
    """Stores the oldest revision that the schema serves. It takes no lock where the database says so already."""
    if schema(connection).serves != serves:
        connection.execute(_ADD_SERVES)
        connection.execute(_NOTE_SERVES, {"serves": serves})
