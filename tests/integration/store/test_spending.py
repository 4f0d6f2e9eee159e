"""What was spent of late, by the readings of each balance."""

from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.store.spending import recent_spending


def read(database: Database, panel: str, hours_ago: float, balance: str, currency: str = "USD") -> None:
    database.execute(
        "INSERT INTO balances (panel, at, balance, currency) VALUES (%s, now() - make_interval(secs => %s), %s, %s)",
        [panel, hours_ago * 3600, balance, currency],
    )


async def test_falls_are_added_up_and_rises_are_not(engine: AsyncEngine, database: Database) -> None:
    read(database, "default", 30, "999")
    for hours_ago, balance in ((20, "10.5"), (15, "9.25"), (10, "59.25"), (1, "58.0")):
        read(database, "default", hours_ago, balance)
    read(database, "other", 2, "7", currency="EUR")
    read(database, "other", 1, "5")
    read(database, "quiet", 100, "3")
    default, other, quiet = sorted(await recent_spending(engine), key=lambda one: one.panel)
    assert (default.spending.balance, default.spending.spent) == (Decimal("58.0"), Decimal("2.50"))
    assert 18.9 * 3600 < default.spending.seconds < 19.1 * 3600
    assert (other.currency, other.spending.balance, other.spending.spent) == ("USD", Decimal(5), 0)
    assert (quiet.spending.balance, quiet.spending.spent, quiet.spending.seconds) == (Decimal(3), 0, 0)


async def test_nothing_is_known(engine: AsyncEngine) -> None:
    assert await recent_spending(engine) == []
