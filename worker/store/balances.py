"""The history of a panel's balance."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.status import Balance

_RECORD = text("INSERT INTO balances (panel, balance, currency) VALUES (:panel, :balance, :currency)")


class Balances:
    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._panel = panel

    async def record(self, balance: Balance) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(
                _RECORD, {"panel": self._panel, "balance": balance.amount, "currency": balance.currency}
            )
