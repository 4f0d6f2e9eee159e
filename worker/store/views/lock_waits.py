"""What keeps rows waiting, for whoever looks before work begins."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from worker.store.db.engine import connection_to
from worker.store.queue.pending import PANELS_WAITING


@dataclass(frozen=True, slots=True)
class PausedPanel:
    """A pause in force. `scope` is `add` or `all`; `detail` is in the panel's words, `since` the database's time."""

    panel: str
    scope: str
    reason: str
    detail: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Standstill:
    """What keeps rows waiting: pauses, and `panels_waiting`, the panels for which rows are pending."""

    pauses: tuple[PausedPanel, ...]
    panels_waiting: tuple[str, ...]


_PAUSES = text("SELECT panel, scope, reason, detail, since FROM pauses ORDER BY panel, since")


def standstill(url: str) -> Standstill:
    """Of a database whose schema is at head. Raises DatabaseUnreachableError."""
    with connection_to(url) as connection:
        return Standstill(
            tuple(PausedPanel(*row) for row in connection.execute(_PAUSES)),
            tuple(connection.execute(PANELS_WAITING).scalars()),
        )
