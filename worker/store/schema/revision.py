"""At which revision a schema is, at which it should be, and which workers it serves: read without Alembic, whose import
takes longer than most commands need.

Revisions are numbered, and each says which is the oldest whose workers can go on while it is there. The database keeps
that beside its revision: a worker can't know a revision that came after it, and yet has to know whether to go on.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

_KNOWN = text("SELECT to_regclass('alembic_version') IS NOT NULL")

#: `serves` is a column of ours in Alembic's table. By way of the row, for a database that was migrated before it was.
_SCHEMA = text("SELECT version_num, to_jsonb(alembic_version) ->> 'serves' FROM alembic_version")

_ADD_SERVES = text("ALTER TABLE alembic_version ADD COLUMN IF NOT EXISTS serves text")
_NOTE_SERVES = text("UPDATE alembic_version SET serves = :serves")


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database says of its schema: its revision (None: it was never migrated), and the oldest that it serves."""

    revision: str | None = None
    serves: str | None = None

    def carries(self, needed: str) -> bool:
        """Whether a worker that runs, and needs this revision, can go on."""
        if self.revision is None or self.revision == needed:
            return self.revision == needed
        return self.serves is not None and self.serves <= needed < self.revision


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


def schema(connection: Connection) -> Schema:
    if not connection.execute(_KNOWN).scalar_one():
        return Schema()
    row = connection.execute(_SCHEMA).one_or_none()
    return Schema() if row is None else Schema(*row)


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None for one that was never migrated."""
    return schema(connection).revision


async def schema_of(engine: AsyncEngine) -> Schema:
    """The same, while work goes on."""
    async with engine.connect() as connection:
        return await connection.run_sync(schema)


def note(connection: Connection, serves: str) -> None:
    """Have the database say which revision is the oldest that its schema serves. Once it does, no lock is taken."""
    if schema(connection).serves != serves:
        connection.execute(_ADD_SERVES)
        connection.execute(_NOTE_SERVES, {"serves": serves})
