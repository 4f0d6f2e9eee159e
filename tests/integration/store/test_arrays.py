"""Arrays as literals: Postgres reads them as they were meant."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.store.plain_sql import Database
from worker.domain.orders.states import OrderState
from worker.store.db.arrays import literal


@pytest.mark.parametrize(
    ("of", "values"),
    [
        ("bigint", [1, None, -(2**63), 2**63 - 1]),
        ("float8", [0.1, None, 3600, 1e-300]),
        ("bool", [True, None, False]),
        ("numeric", [Decimal("0.09000000"), None, Decimal("-1E-8"), Decimal("1E+3")]),
        ("timestamptz", [datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), None]),
        ("text", ["", None, "NULL", "null", "{}", "a,b", '"', "\\", '\\"', " a ", "a\nb\t", "ž", "'; --", "{a,{b}}"]),
        ("text", []),
        ("text", [OrderState.SUBMITTED]),
    ],
)
def test_every_value_comes_back(database: Database, of: str, values: list[Any]) -> None:
    assert database.scalar(f"SELECT CAST(%s::text AS {of}[])", [literal(values)]) == values
