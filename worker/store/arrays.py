"""Columns of values as psycopg takes them: it makes an array only of what is all of one type."""

from collections.abc import Iterable


def texts(values: Iterable[str | None]) -> list[str | None]:
    """Members of an enumeration among them become plain texts."""
    return [None if value is None else str(value) for value in values]


def floats(values: Iterable[float | None]) -> list[float | None]:
    """Whole numbers among them become floats."""
    return [None if value is None else float(value) for value in values]
