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
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import psycopg as dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.elements import TextClause

_DIALECT = dialect.PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own

#: What a statement brings: to fetch its rows is to wait for them.
Rows: TypeAlias = AsyncCursor[Any]


_BEGIN, _COMMIT = text("BEGIN"), text("COMMIT")


class Pipeline:
    """The errors of its statements are psycopg's own, and come with the next rows that are fetched, or at its end."""

    def __init__(self, driver: Driver[Any]) -> None:
        self._driver = driver

    async def execute(self, statement: TextClause, values: Mapping[str, Any] | None = None) -> Rows:
        return await self._driver.cursor(row_factory=namedtuple_row).execute(_sql(statement), values)


@asynccontextmanager
async def pipeline(connection: AsyncConnection) -> AsyncIterator[Pipeline]:
    """A pipeline in the connection's transaction. At its end, everything that was sent has been answered."""
    driver = await _driver_of(connection)
    async with driver.pipeline():
        yield Pipeline(driver)


def in_pipelines(engine: AsyncEngine) -> AsyncEngine:
    """The same engine, whose connections leave BEGIN and COMMIT to `transaction`."""
    # psycopg would wait for a BEGIN of its own before it sends anything else.
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[Pipeline]:
    """A transaction of its own in a pipeline, of an engine from `in_pipelines`; an error rolls it back.

    Even its beginning and its end aren't waited for alone.
    """
    async with engine.connect() as connection, pipeline(connection) as pipe:
        await pipe.execute(_BEGIN)
        yield pipe
        await pipe.execute(_COMMIT)


async def fetch(connection: AsyncConnection, statement: TextClause, values: Mapping[str, Any]) -> list[Any]:
    """The rows of a statement of its own, without the half of its cost that SQLAlchemy has in it.

    Errors are psycopg's own.
    """
    return await (await Pipeline(await _driver_of(connection)).execute(statement, values)).fetchall()


async def _driver_of(connection: AsyncConnection) -> Driver[Any]:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Driver)  # noqa: S101 - that is what the engine is made of
    return driver


@cache
def _sql(statement: TextClause) -> bytes:
    """As psycopg takes it."""
    return str(statement.compile(dialect=_DIALECT)).encode()
