"""A database of the test's own, in plain SQL."""

from collections.abc import Iterator

import pytest

from tests.integration.store.plain_sql import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    with database.connection:
        yield database
