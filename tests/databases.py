"""Databases that come and go on a server that runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg


@contextmanager
def new_database(postgres: str, name: str, template: str = "template1") -> Iterator[str]:
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        parts = urlsplit(postgres)
        yield f"postgresql://{parts.netloc}/{name}?{parts.query}"
    finally:
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
