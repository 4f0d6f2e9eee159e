"""Connections to Postgres. Every wait on them ends by itself, with one exception: where the server's processes stop
while its machine goes on, the waiting task has to be cancelled.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, OperationalError
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, QueuePool

from worker.store.db.errors import (
    DatabaseBusyError,
    DatabaseError,
    DatabaseUnreachableError,
    database_errors,
    translated,
)

#: Limits of a statement, of a wait for a lock, and of an idle transaction, in milliseconds. And a committed intent has
#: to be on disk before its call: a server that commits lazily could lose it, and the order would go out twice.
_SESSION = {
    "statement_timeout": 30_000,
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 30_000,
    "synchronous_commit": "on",
}

#: Seconds in the pool after which a connection is tested before it is used.
IDLE = 1.0

#: The encoding on the wire, whatever the database's own is: panels' words come in every language.
_ENCODING = {"client_encoding": "utf8"}

_CONNECT_ARGS: dict[str, Any] = _ENCODING | {
    "connect_timeout": 10,
    "application_name": "order-sync",
    # The worker notices within half a minute that the server has vanished without a word.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def sqlalchemy_url(url: str) -> URL:
    """Returns a `postgresql://` address in SQLAlchemy's form. libpq reads it, so it may name several hosts.

    Raises `psycopg.ProgrammingError` for a text that is no address.
    """
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    return URL.create(
        "postgresql+psycopg",
        username=parts.pop("user", None),
        password=parts.pop("password", None),
        database=parts.pop("dbname", None),
        query=parts,
    )


def _connect_args(url: URL) -> dict[str, Any]:
    """Returns the parameters of a connection apart from its address: our limits, unless the address sets others."""
    ours = {name: value for name, value in _CONNECT_ARGS.items() if name not in url.query}
    options = [f"-c {name}={value}" for name, value in _SESSION.items()]
    return ours | {"options": " ".join([*options, *_own_options(url)])}


def _own_options(url: URL) -> tuple[str, ...]:
    return tuple(url.normalized_query.get("options", ()))


async def connect(engine: AsyncEngine) -> AsyncConnection[Any]:
    """Opens a connection to the engine's database, in autocommit, with the settings that all of the engine's have.

    A pooler such as PgBouncer may refuse options: the role's own settings hold there (deploy/postgres/roles.sql).
    Raises DatabaseUnreachableError.
    """
    with database_errors():
        return await _connect(engine)


async def _connect(engine: AsyncEngine) -> AsyncConnection[Any]:
    parameters = {**engine.dialect.create_connect_args(engine.url)[1], **_connect_args(engine.url)}
    try:
        connection = await AsyncConnection.connect(**parameters, autocommit=True)
    except OperationalError as error:
        if "startup parameter" not in str(error):
            raise
        parameters["options"] = " ".join(_own_options(engine.url))
        connection = await AsyncConnection.connect(**parameters, autocommit=True)
    try:
        if await is_pooled(connection):
            connection.prepare_threshold = None  # what one session has prepared, the next transaction may not find
    except BaseException:
        await connection.close()
        raise
    return connection


async def is_pooled(connection: AsyncConnection[Any]) -> bool:
    """Tells whether a pooler is in between: it reports a process id that it has made up."""
    row = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
    return row is not None and row[0] != connection.info.backend_pid


@contextmanager
def connection_to(url: str) -> Iterator[Connection]:
    """Yields a connection with one transaction, for a command that does a single thing.

    Raises DatabaseUnreachableError for whatever fails, with one line of text.
    """
    engine = create_engine(
        sqlalchemy_url(url),
        poolclass=NullPool,
        connect_args=_ENCODING | {"connect_timeout": 10, "prepare_threshold": None},
        hide_parameters=True,
    )
    _raise_our_errors(engine)
    try:
        with engine.begin() as connection:
            yield connection
    except DatabaseError as error:  # libpq calls an unknown option in the address no OperationalError
        kind = DatabaseBusyError if isinstance(error, DatabaseBusyError) else DatabaseUnreachableError
        raise kind(error.headline) from error


def make_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """Makes an engine with at most `pool_size` connections. A wait for one ends after 10 seconds.

    It raises our errors (`worker.store.db.errors`) instead of SQLAlchemy's and the driver's.
    """

    async def creator() -> AsyncConnection[Any]:
        connection = await connect(engine)
        await connection.set_autocommit(False)
        return connection

    engine = create_async_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        async_creator=creator,
        hide_parameters=True,
    )
    _ping_idle_ones(engine)
    _raise_our_errors(engine.sync_engine)
    return engine


def _raise_our_errors(engine: Engine) -> None:
    @event.listens_for(engine, "handle_error")
    def raise_ours(context: ExceptionContext) -> DatabaseError | None:
        return translated(context.original_exception)


def _ping_idle_ones(engine: AsyncEngine) -> None:
    """Tests a connection that was idle before it is used. A connection in use reports an error by itself."""

    @event.listens_for(engine.sync_engine, "checkin")
    def note(_: object, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def ping(connection: Any, record: Any, _: object) -> None:
        idle = time.monotonic() - record.info.get("used_at", time.monotonic())
        if connection.driver_connection.closed:
            raise DisconnectionError
        if idle > IDLE:
            try:
                engine.dialect.do_ping(connection)
            except psycopg.Error as error:
                raise DisconnectionError from error


def connections_in_use(engine: AsyncEngine) -> int:
    """Counts the connections that an engine of `make_engine` has given out."""
    pool = engine.pool
    return pool.checkedout() if isinstance(pool, QueuePool) else 0


def most_connections(engine: AsyncEngine) -> int:
    """Returns the `pool_size` of an engine of `make_engine`."""
    pool = engine.pool
    return pool.size() if isinstance(pool, QueuePool) else 0
