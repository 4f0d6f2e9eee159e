"""Declares the tables, a module for each room of the store. The revisions in `migrations/` build them; a test compares
the two.
"""

from collections.abc import Mapping

from worker.store.schema.tables import archive, evidence, queue, records, shared
from worker.store.schema.tables.columns import metadata

__all__ = ["STORAGE", "archive", "evidence", "metadata", "queue", "records", "shared"]

#: Storage parameters of the tables whose rows change most. With a quarter of each page free, an update that changes no
#: state stays on the row's own page and touches no index. Autovacuum runs after a fixed number of changes instead of a
#: fifth of the table: every claim reads the head of `orders_pending_idx`, which must not fill with dead entries however
#: long the history is.
STORAGE: Mapping[str, frozenset[str]] = {
    "orders": frozenset(
        {
            "fillfactor=75",
            "autovacuum_vacuum_scale_factor=0.01",
            "autovacuum_vacuum_threshold=5000",
            "vacuum_index_cleanup=on",
        }
    ),
    "polls": frozenset(
        {
            "fillfactor=75",
            "autovacuum_vacuum_scale_factor=0.02",
            "autovacuum_vacuum_threshold=5000",
            "vacuum_index_cleanup=on",
        }
    ),
    "submissions": frozenset({"autovacuum_vacuum_scale_factor=0.02", "autovacuum_vacuum_threshold=5000"}),
}
