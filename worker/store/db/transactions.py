"""The transactions in which orders change."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection as Driver
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.store.db.errors import database_errors
from worker.store.db.pipeline import Pipeline, pipelined

_BEGIN, _COMMIT = text("BEGIN"), text("COMMIT")
_BEGIN_OF_ONE_INSTANT = text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")


class Transaction(Pipeline):
    """One transaction. Its statements, BEGIN and COMMIT included, are sent in one pipeline."""

    def __init__(self, driver: Driver[Any]) -> None:
        super().__init__(driver)
        self._after_commit: list[Callable[[], Awaitable[None]]] = []

    def after_commit(self, call: Callable[[], Awaitable[None]]) -> None:
        """Has `call` run once the database has committed. It must not raise."""
        self._after_commit.append(call)

    async def committed(self) -> None:
        for call in self._after_commit:
            await call()


class Transactions:
    """Begins transactions on an engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        # With autocommit, psycopg sends no BEGIN of its own: it would wait for the answer before anything else is sent.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def begin(self, *, of_one_instant: bool = False) -> AsyncIterator[Transaction]:
        """Yields a transaction, and commits it; rolls it back where the body raises.

        `of_one_instant`: it only reads, and all that it reads is as it was when its first statement began.
        Raises DatabaseError, also instead of an error that the body gets with the rows that it fetches.
        """
        with database_errors():
            async with self._engine.connect() as connection, pipelined(connection) as driver:
                transaction = Transaction(driver)
                await transaction.execute(_BEGIN_OF_ONE_INSTANT if of_one_instant else _BEGIN)
                yield transaction
                await transaction.execute(_COMMIT)
        await transaction.committed()
