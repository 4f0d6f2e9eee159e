"""Declares the archive tables, which hold the history of orders that closed long ago."""

from sqlalchemy import Column, Index, Table

from worker.store.schema.tables.columns import metadata
from worker.store.schema.tables.queue import submissions
from worker.store.schema.tables.records import order_events


def _archive_of(table: Table) -> Table:
    """Builds a table with the same columns, indexed by order. Only the function `order_sync_archive` writes to it."""
    name = f"{table.name}_archive"
    columns = (
        Column(column.name, column.type, primary_key=column.primary_key, autoincrement=False, nullable=column.nullable)
        for column in table.columns
    )
    return Table(name, metadata, *columns, Index(f"{name}_order_id_idx", "order_id", "id"))


order_events_archive = _archive_of(order_events)
submissions_archive = _archive_of(submissions)
Index(
    "order_events_archive_at_idx",
    order_events_archive.c.at,
    postgresql_using="brin",
    postgresql_with={"autosummarize": "on"},
)
