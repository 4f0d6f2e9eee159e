"""Columns of values, as statements take them for `unnest`.

psycopg makes an array only of what is all of one type, and looks at each value more than once: where thousands are
written a second, a literal costs a tenth of that.
"""

from collections.abc import Iterable


def texts(values: Iterable[str | None]) -> list[str | None]:
    """Members of an enumeration among them become plain texts."""
    return [None if value is None else str(value) for value in values]


def floats(values: Iterable[float | None]) -> list[float | None]:
    """Whole numbers among them become floats."""
    return [None if value is None else float(value) for value in values]


def literal(values: Iterable[object]) -> str:
    """An array as Postgres reads it (manual, 8.15.6), for a parameter that is cast to the array's type."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case _:
            return str(value)
