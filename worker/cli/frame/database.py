"""Runs a command's work on the database, and turns its failures into one-line errors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from worker.cli.frame.errors import CommandError
from worker.settings.model import Settings
from worker.store.db.engine import make_engine
from worker.store.db.errors import DatabaseError, DatabaseUnreachableError, StatementTimeoutError
from worker.store.schema.preflight import inspect

T = TypeVar("T")

#: Advice for a schema that is newer than the program.
UPDATE = "update order-sync"

#: Advice for a database that can't hold all texts.
ANOTHER = "make it anew, with `createdb --encoding UTF8 --template template0`"


def unreachable(error: DatabaseUnreachableError) -> CommandError:
    """Returns the error with which a command ends when it can't use the database."""
    return CommandError(
        f"the database that ORDER_SYNC_DATABASE_URL names can't be used: {error}; `order-sync check` tells more"
    )


def check_schema(settings: Settings) -> None:
    """Raises CommandError if the database can't be reached, or its schema isn't at head."""
    try:
        report = inspect(settings.database_url.get_secret_value())
    except DatabaseUnreachableError as error:
        raise unreachable(error) from error
    if not report.is_at_head:
        raise CommandError(
            f"the database's schema is at {report.revision or 'nothing'}, and this version needs {report.needed}: "
            f"{UPDATE if report.is_newer else 'run `order-sync migrate` first'}"
        )


def on_database(settings: Settings, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    """Checks the schema and runs `work` on the database. Raises CommandError if the database fails."""
    check_schema(settings)
    try:
        return asyncio.run(_on_engine(settings.database_url.get_secret_value(), work))
    except StatementTimeoutError as error:
        raise CommandError("the database took too long for this: narrow it down, or try again later") from error
    except DatabaseError as error:
        raise CommandError(f"the database didn't do it: {error.headline}") from error


async def _on_engine(url: str, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    engine = make_engine(url, pool_size=1)
    try:
        return await work(engine)
    finally:
        await engine.dispose()
