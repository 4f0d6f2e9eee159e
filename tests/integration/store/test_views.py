"""Views never write: Postgres runs every statement of that room in a read-only transaction."""

import pkgutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import TextClause, create_engine, text
from sqlalchemy.exc import InternalError

from worker.domain.orders.states import OrderState
from worker.store import views
from worker.store.db.engine import sqlalchemy_url
from worker.store.views.catalogue_search import ServiceSearch, changes, dearer, listing
from worker.store.views.order_search import Search, ending, searching

AT = datetime(2026, 11, 1, tzinfo=UTC)

#: A value for every parameter that needs one of its type. The others are null.
VALUES: Mapping[str, Any] = {
    **dict.fromkeys(("since", "until"), AT),
    **dict.fromkeys(("at_most", "newest", "order_id", "parts"), 1),
    **dict.fromkeys(("seconds", "minute", "hour"), 60.0),
    **{name: ["1"] for name in ("panels", "scopes", "service")},
    "recent": timedelta(days=7),
}

SERVICES = ServiceSearch(("word",), "default", "Default")


def constants() -> Iterator[tuple[str, TextClause]]:
    """Every statement that a module of the room has, its own or not."""
    for module in pkgutil.iter_modules(views.__path__):
        for name, value in vars(import_module(f"{views.__name__}.{module.name}")).items():
            if isinstance(value, TextClause):
                yield f"{module.name}.{name}", value


def built() -> Iterator[tuple[str, TextClause, Mapping[str, Any]]]:
    """Statements that functions of the room build."""
    for states in ((), *((state,) for state in OrderState)):
        search = Search(states=states, panel="default", link="x", since=AT, after=7)
        yield f"searching {states}", *searching(search, 1, 10)
        yield f"ending {states}", *ending(search, 10)
    yield "searching by reference", *searching(Search(reference="1"), 1, 10)
    yield "listing", *listing(SERVICES, 1)
    for since in (AT, timedelta(days=1)):
        yield f"changes since {since}", *changes(SERVICES, since, 1)
        yield f"dearer since {since}", *dearer(SERVICES, since, 1)


STATEMENTS = {
    **{
        name: (statement, {bind: VALUES.get(bind) for bind in statement._bindparams}) for name, statement in constants()
    },
    **{name: (statement, values) for name, statement, values in built()},
}


def writers(database_url: str, statements: Mapping[str, tuple[TextClause, Mapping[str, Any]]]) -> set[str]:
    """The names of those that Postgres refuses in a read-only transaction."""
    refused = set()
    engine = create_engine(sqlalchemy_url(database_url), execution_options={"postgresql_readonly": True})
    with engine.connect() as connection:
        for name, (statement, values) in statements.items():
            try:
                connection.execute(statement, values)
            except InternalError as error:
                if not isinstance(error.orig, ReadOnlySqlTransaction):
                    raise
                refused.add(name)
                connection.rollback()
    engine.dispose()
    return refused


def test_no_statement_writes(database_url: str) -> None:
    assert len(STATEMENTS) > 40
    assert writers(database_url, STATEMENTS) == set()


def test_a_statement_that_writes_would_be_seen(database_url: str) -> None:
    write = {"deletes": "DELETE FROM workers WHERE false", "locks": "SELECT FROM orders FOR UPDATE"}
    assert writers(database_url, {name: (text(statement), {}) for name, statement in write.items()}) == write.keys()
