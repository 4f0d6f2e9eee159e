"""The history of a panel's balance."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.status import Balance

_RECORD = text("INSERT INTO balances (panel, balance, currency) VALUES (:panel, :balance, :currency)")

_LOWEST_SINCE = text("SELECT min(balance) FROM balances WHERE panel = :panel AND at >= :since")


class Balances:
    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._panel = panel

    async def record(self, balance: Balance) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(
                _RECORD, {"panel": self._panel, "balance": balance.amount, "currency": balance.currency}
            )

    async def lowest_since(self, since: datetime) -> Decimal | None:
        """The lowest that was read since then; None: none was."""
        async with self._engine.connect() as connection:
            lowest: Decimal | None = await connection.scalar(_LOWEST_SINCE, {"panel": self._panel, "since": since})
            return lowest
