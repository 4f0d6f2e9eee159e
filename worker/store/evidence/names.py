"""Knows all panel names that an account has or had: ids are known whatever name their orders were placed under."""

import time

from sqlalchemy.ext.asyncio import AsyncEngine

from worker.store.shared.accounts import names_of_account

#: Seconds for which the names count as known. A name is added where a worker starts with it.
FRESH = 60.0


class Names:
    """The names of one panel's account."""

    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._panel = panel
        self._names = [panel]
        self._until = -FRESH

    async def all(self) -> list[str]:
        if time.monotonic() >= self._until:
            async with self._engine.connect() as connection:
                self._names = await names_of_account(connection, self._panel)
            self._until = time.monotonic() + FRESH
        return self._names
