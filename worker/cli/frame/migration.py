"""Brings a schema to head, for several commands."""

from worker.cli.frame.database import ANOTHER, UPDATE, unreachable
from worker.cli.frame.errors import CommandError
from worker.store.db.errors import DatabaseUnreachableError
from worker.store.schema.migrate import NarrowEncodingError, NewerSchemaError, migrate


def bring_to_head(url: str) -> tuple[str | None, str | None]:
    """Migrates, and returns the revisions before and after. Raises CommandError."""
    try:
        return migrate(url)
    except DatabaseUnreachableError as error:
        raise unreachable(error) from error
    except NewerSchemaError as error:
        raise CommandError(f"{error}: {UPDATE}") from error
    except NarrowEncodingError as error:
        raise CommandError(f"{error}: {ANOTHER}") from error
