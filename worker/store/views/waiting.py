"""Reads what keeps orders waiting, for whoever checks a set-up before work begins."""

from dataclasses import dataclass
from datetime import datetime

from worker.store.db.engine import connection_to
from worker.store.queue.pending import PANELS_WAITING
from worker.store.shared.abilities import KNOWN, Limit, limit_of
from worker.store.shared.pauses import ALL_SCOPES, STANDING, StandingPause, standing_pause
from worker.store.views.overview import SHARED


@dataclass(frozen=True, slots=True)
class Waiting:
    """What keeps orders waiting: `pauses`, each with its panel, and the panels for which orders are pending.

    `shared` has the panels on whose accounts somebody else was found to order, with since when that is known. `limits`
    has the calls in which a panel takes few ids, each with the panel.
    """

    pauses: tuple[tuple[str, StandingPause], ...]
    panels: tuple[str, ...]
    shared: tuple[tuple[str, datetime], ...]
    limits: tuple[tuple[str, Limit], ...]


def waiting(url: str) -> Waiting:
    """Reads a database whose schema is at head. Raises DatabaseUnreachableError."""
    with connection_to(url) as connection:
        pauses = connection.execute(STANDING, {"panel": None, "scopes": ALL_SCOPES})
        return Waiting(
            tuple((row.panel, standing_pause(row)) for row in pauses),
            tuple(connection.execute(PANELS_WAITING).scalars()),
            tuple((row.panel, row.shared_since) for row in connection.execute(SHARED)),
            tuple((row.panel, limit_of(row)) for row in connection.execute(KNOWN, {"panel": None})),
        )
