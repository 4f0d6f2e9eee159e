"""Connections to Postgres. No call on them hangs: every wait has an end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, QueuePool

#: Of one statement, of one lock, of a transaction that nobody goes on with: milliseconds.
_TIMEOUTS = {"statement_timeout": 30_000, "lock_timeout": 10_000, "idle_in_transaction_session_timeout": 30_000}

_CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": 10,
    "application_name": "order-sync",
    # A peer that vanished without a word is noticed within half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def sqlalchemy_url(url: str) -> URL:
    """A `postgresql://` address as SQLAlchemy takes it, for psycopg. libpq reads it: several hosts may be in it.

    Raises `psycopg.ProgrammingError` for what is no address.
    """
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    return URL.create(
        "postgresql+psycopg",
        username=parts.pop("user", None),
        password=parts.pop("password", None),
        database=parts.pop("dbname", None),
        query=parts,
    )


def connect_args(url: URL) -> dict[str, Any]:
    """What a connection is given beside its address: our limits, as far as the address itself sets no others."""
    ours = {name: value for name, value in _CONNECT_ARGS.items() if name not in url.query}
    options = [f"-c {name}={value}" for name, value in _TIMEOUTS.items()]
    return ours | {"options": " ".join([*options, *url.normalized_query.get("options", ())])}


class DatabaseUnreachableError(Exception):
    """The database can't be reached, or doesn't let us in. The text is the driver's, without user and password."""


@contextmanager
def connection_to(url: str) -> Iterator[Connection]:
    """One transaction, for commands that do a single thing. Raises DatabaseUnreachableError."""
    engine = create_engine(
        sqlalchemy_url(url), poolclass=NullPool, connect_args={"connect_timeout": 10}, hide_parameters=True
    )
    try:
        connection = engine.connect()
    except DBAPIError as error:  # an option in the address that there isn't is no OperationalError
        lines = str(error.orig).strip().splitlines()
        raise DatabaseUnreachableError(lines[0] if lines else type(error.orig).__name__) from error
    with connection, connection.begin():
        yield connection


def make_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """An engine with at most `pool_size` connections; waiting for one ends after 10 seconds."""
    address = sqlalchemy_url(url)
    return create_async_engine(
        address,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args=connect_args(address),
        hide_parameters=True,
    )


def connections_in_use(engine: AsyncEngine) -> int:
    """Of an engine of `make_engine`."""
    pool = engine.pool
    return pool.checkedout() if isinstance(pool, QueuePool) else 0


def most_connections(engine: AsyncEngine) -> int:
    """The same engine's `pool_size`."""
    pool = engine.pool
    return pool.size() if isinstance(pool, QueuePool) else 0
