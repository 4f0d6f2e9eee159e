"""Keeps the history of panels' balances."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.statuses import Balance
from worker.store.db.clock import now_of
from worker.store.db.loose_index_scan import distinct_values

#: The panels whose balance a worker has ever read, as a common table expression for `WITH RECURSIVE`.
KNOWN = distinct_values("known", "balances", "panel")

_PANELS = text(f"WITH RECURSIVE {KNOWN} SELECT panel FROM known WHERE panel IS NOT NULL")  # noqa: S608 - no value is put into the text

_RECORD = text("""
    INSERT INTO balances (panel, at, balance, currency, asked_at)
    VALUES (:panel, clock_timestamp(), :balance, :currency, :asked_at)
""")

_LOWEST_SINCE = text("SELECT min(balance) FROM balances WHERE panel = :panel AND at >= :since")


class Balances:
    """Keeps and reads the balances of one panel."""

    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._panel = panel

    async def now(self) -> datetime:
        """Returns the time by the database's clock."""
        async with self._engine.connect() as connection:
            return await now_of(connection)

    async def record(self, balance: Balance, asked_at: datetime) -> None:
        """Keeps a balance. `asked_at`: the time of `now` before the worker asked the panel."""
        async with self._engine.begin() as connection:
            await connection.execute(
                _RECORD,
                {
                    "panel": self._panel,
                    "balance": balance.amount,
                    "currency": balance.currency,
                    "asked_at": asked_at,
                },
            )

    async def lowest_since(self, since: datetime) -> Decimal | None:
        """Returns the lowest balance read since then; None if no balance was."""
        async with self._engine.connect() as connection:
            lowest: Decimal | None = await connection.scalar(_LOWEST_SINCE, {"panel": self._panel, "since": since})
            return lowest


async def panels_read(engine: AsyncEngine) -> list[str]:
    """Returns the panels whose balance a worker has ever read."""
    async with engine.connect() as connection:
        return list((await connection.execute(_PANELS)).scalars())
