"""Holds the metadata of all tables, and builds the columns and constraints that several of them have."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Identity, MetaData, text

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

#: The time at which the transaction began, and the time of day.
NOW = text("now()")
CLOCK = text("clock_timestamp()")


def id_column() -> Column[int]:
    return Column("id", BigInteger, Identity(always=False), primary_key=True)


def timestamp(name: str, *, default: bool = False) -> Column[object]:
    """Builds a column of times. With `default` it is never null: a row gets the time of its transaction."""
    return Column(name, DateTime(timezone=True), nullable=not default, server_default=NOW if default else None)


def due_at() -> Column[object]:
    return Column(
        "due_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=NOW,
        comment="the worker's own: when a worker handles this row next",
    )


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """Builds the constraint that lets a column hold only these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
