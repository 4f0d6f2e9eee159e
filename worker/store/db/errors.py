"""The errors that the store raises where the database refuses something, or can't be reached."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled


class DatabaseError(Exception):
    """The database refused a statement. The text is the driver's, without user and password."""

    @property
    def headline(self) -> str:
        """The text's first line, for a message to a person."""
        lines = str(self).strip().splitlines()
        return lines[0] if lines else type(self.__cause__ or self).__name__


class ConflictError(DatabaseError):
    """A row contradicts a constraint: another row has its unique id, for example."""


class UnstorableError(DatabaseError):
    """The database can't store one of the values that it was given."""


class StatementTimeoutError(DatabaseError):
    """The database ended a statement that took too long."""


class DatabaseUnreachableError(DatabaseError):
    """The worker can't reach the database, or has lost its connection, or lacks a right that it needs."""


class DatabaseBusyError(DatabaseUnreachableError):
    """A lock wasn't free in time, or two sessions waited for each other: a later try may succeed."""


#: The first that fits says which of our errors one of the driver's is.
_KINDS: tuple[tuple[type[Exception], type[DatabaseError]], ...] = (
    (QueryCanceled, StatementTimeoutError),
    (LockNotAvailable, DatabaseBusyError),
    (DeadlockDetected, DatabaseBusyError),
    (psycopg.OperationalError, DatabaseUnreachableError),
    (psycopg.IntegrityError, ConflictError),
    (psycopg.DataError, UnstorableError),
    (UnicodeEncodeError, UnstorableError),
    (psycopg.Error, DatabaseError),
)


def translated(error: BaseException) -> DatabaseError | None:
    """Returns our error for one of the driver's; None for an error that isn't the driver's."""
    for theirs, ours in _KINDS:
        if isinstance(error, theirs):
            return ours(str(error))
    return None


@contextmanager
def database_errors() -> Iterator[None]:
    """Raises our errors instead of the driver's."""
    try:
        yield
    except (psycopg.Error, UnicodeEncodeError) as error:
        raise (translated(error) or error) from error
