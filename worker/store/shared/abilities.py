"""Keeps for which actions a panel takes fewer ids than the document says, for all workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

#: Seconds from the time when a limit was found, or a larger batch was last tried, until one is tried again.
TRY_EVERY = 86_400.0

#: The limits of one panel, or of all where `panel` is null. `limit_of` reads a row.
KNOWN = text(f"""
    SELECT panel, action, most_ids, found_at,
        extract(epoch FROM tried_at - clock_timestamp())::float8 + {TRY_EVERY} AS try_in
    FROM panel_abilities WHERE panel = coalesce(:panel, panel) ORDER BY panel, action
""")  # noqa: S608 - a number of ours

_FOUND = text("""
    INSERT INTO panel_abilities AS a (panel, action, most_ids) VALUES (:panel, :action, :most_ids)
    ON CONFLICT (panel, action) DO UPDATE SET most_ids = excluded.most_ids, found_at = now(), tried_at = now()
    WHERE a.most_ids <> excluded.most_ids
""")

_TRY = text(f"""
    UPDATE panel_abilities SET tried_at = clock_timestamp()
    WHERE panel = :panel AND action = :action
        AND tried_at <= clock_timestamp() - make_interval(secs => {TRY_EVERY})
""")  # noqa: S608 - a number of ours

_LIFTED = text("DELETE FROM panel_abilities WHERE panel = :panel AND action = :action")


@dataclass(frozen=True, slots=True)
class Limit:
    """The most ids that a panel takes in a call of this action; 0: one id at a time, and no batch."""

    action: str
    most_ids: int
    found_at: datetime


class Abilities:
    """The limits of one panel."""

    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._panel = panel

    async def known(self) -> Mapping[str, tuple[int, float]]:
        """Returns, by action, the most ids of a batch, and the seconds until a larger batch is worth a try."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(KNOWN, {"panel": self._panel})
            return {row.action: (row.most_ids, row.try_in) for row in rows}

    async def found(self, action: str, most_ids: int) -> bool:
        """Notes a limit; returns whether it is news, also to the other workers."""
        async with self._engine.begin() as connection:
            about = {"panel": self._panel, "action": action, "most_ids": most_ids}
            return (await connection.execute(_FOUND, about)).rowcount == 1

    async def claim_try(self, action: str) -> bool:
        """Returns whether this worker is to try a larger batch now: one of them does, once a day."""
        async with self._engine.begin() as connection:
            about = {"panel": self._panel, "action": action}
            return (await connection.execute(_TRY, about)).rowcount == 1

    async def lifted(self, action: str) -> bool:
        """Forgets a limit that holds no more; returns whether there was one."""
        async with self._engine.begin() as connection:
            about = {"panel": self._panel, "action": action}
            return (await connection.execute(_LIFTED, about)).rowcount == 1


def limit_of(row: Row[Any]) -> Limit:
    """Reads a row of KNOWN."""
    return Limit(row.action, row.most_ids, row.found_at)
