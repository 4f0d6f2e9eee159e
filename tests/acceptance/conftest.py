"""What the acceptance tests share: the tables, read; and the sandbox, listening."""

import asyncio
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from worker.domain.orders.statuses import read_order_status
from worker.sandbox import Sandbox
from worker.sandbox.panel import ledger


class Tables:
    """The database, as a consumer sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *values: Any) -> Any:
        return next(iter(self.rows(query, *values)[0].values()))

    async def until(self, query: str, seconds: float = 120) -> None:
        """Return once the query's one value is true."""
        try:
            async with asyncio.timeout(seconds):
                while not await asyncio.to_thread(self.value, query):  # noqa: ASYNC110 - it changes in Postgres
                    await asyncio.sleep(0.1)
        except TimeoutError:
            counted = "SELECT '{0}' AS kind, state, error_code, count(*) FROM {0} GROUP BY 1, 2, 3"
            states = self.rows(" UNION ALL ".join(counted.format(table) for table in ("orders", "refills", "cancels")))
            states += self.rows("SELECT detail, count(*) FROM order_events WHERE kind = 'evidence' GROUP BY 1 LIMIT 20")
            raise AssertionError(f"never true: {query}\n" + "\n".join(map(str, states))) from None


@pytest.fixture
def tables(database_url: str) -> Tables:
    return Tables(database_url)


NUMBERS = ("charge", "currency", "remains", "start_count")


def differences(
    tables: Tables, sandbox: Sandbox, numbers: tuple[str, ...] = NUMBERS, *, panel: str = "default"
) -> list[str]:
    """What the orders table says other than the sandbox's ledger: nothing, if all is well.

    Each order was taken once, for one row, and its state and these numbers are true. The parent of a drip-feed or a
    subscription tells no numbers, and what it spawned is no row's. Ids that the sandbox spells in another way, by its
    quirk, are the same ids.
    """
    taken = {entry["id"]: entry for entry in ledger.orders(sandbox.panel) if entry["parent"] is None}
    rows = {
        row["panel_order_id"].removeprefix("ord-"): row
        for row in tables.rows("SELECT * FROM orders WHERE panel_order_id IS NOT NULL AND panel = %s", panel)
    }
    wrong = [f"taken, and no row: {taken[number]}" for number in taken.keys() - rows.keys()]
    wrong += [f"a row, and not taken: {rows[number]}" for number in rows.keys() - taken.keys()]
    for number in taken.keys() & rows.keys():
        row, entry = rows[number], taken[number]
        is_parent = entry["spawned"] or "runs" in entry["params"] or row["service"] == "20"
        names = () if is_parent else numbers
        told = {name: row[name] for name in ("state", "service", *names)}
        true = {**entry, "charge": Decimal(entry["charge"]), "state": read_order_status(entry["status"])[0]}
        if any(told[name] != true[name] for name in told):
            wrong.append(f"order {number}: told {told}, true { ({name: true[name] for name in told}) }")
    return wrong
