"""The history of a panel's balance."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.status import Balance

_NOW = text("SELECT clock_timestamp()")

_RECORD = text("""
    INSERT INTO balances (panel, at, balance, currency, asked_at)
    VALUES (:panel, clock_timestamp(), :balance, :currency, :asked_at)
""")

_LOWEST_SINCE = text("SELECT min(balance) FROM balances WHERE panel = :panel AND at >= :since")


class Balances:
    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._panel = panel

    async def now(self) -> datetime:
        """By the database's clock."""
        async with self._engine.connect() as connection:
            now: datetime = (await connection.execute(_NOW)).scalar_one()
            return now

    async def record(self, balance: Balance, asked_at: datetime) -> None:
        """`asked_at`: by `now`, before the panel was asked for it."""
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
        """The lowest that was read since then; None: none was."""
        async with self._engine.connect() as connection:
            lowest: Decimal | None = await connection.scalar(_LOWEST_SINCE, {"panel": self._panel, "since": since})
            return lowest
