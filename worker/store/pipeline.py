"""Statements that are sent in one go: none waits for the answer to the one before it.

It is PostgreSQL's pipeline mode, by way of psycopg, and cuts what a transaction costs by more than half.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeAlias

from psycopg import AsyncConnection as Driver
from psycopg import AsyncCursor
from psycopg.rows import namedtuple_row
from sqlalchemy.dialects.postgresql import psycopg as dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import TextClause

_DIALECT = dialect.PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own

#: What a statement brings: to fetch its rows is to wait for them.
Rows: TypeAlias = AsyncCursor[Any]


class Pipeline:
    """The errors of its statements are psycopg's own, and come with the next rows that are fetched, or at its end."""

    def __init__(self, driver: Driver[Any]) -> None:
        self._driver = driver

    async def execute(self, statement: TextClause, values: Mapping[str, Any] | None = None) -> Rows:
        return await self._driver.cursor(row_factory=namedtuple_row).execute(_sql(statement), values)

    async def commit(self) -> None:
        """Send the transaction's end. What SQLAlchemy has begun on the connection has then nothing left to commit."""
        await self._driver.commit()


@asynccontextmanager
async def pipeline(connection: AsyncConnection) -> AsyncIterator[Pipeline]:
    """A pipeline in the connection's transaction. At its end, everything that was sent has been answered."""
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Driver)  # noqa: S101 - that is what the engine is made of
    async with driver.pipeline():
        yield Pipeline(driver)


@cache
def _sql(statement: TextClause) -> bytes:
    """As psycopg takes it."""
    return str(statement.compile(dialect=_DIALECT)).encode()
