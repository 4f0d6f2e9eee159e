"""How long a balance lasts."""

from decimal import Decimal

import pytest

from worker.domain.money.spending import SHORTEST, Spending, hours_left


@pytest.mark.parametrize(
    ("balance", "spent", "seconds", "hours"),
    [
        ("10", "5", 3600, 2.0),
        ("10", "5", 86_400, 48.0),
        ("0", "5", 3600, 0.0),
        ("-3", "5", 3600, 0.0),
        ("10", "0", 3600, None),
        ("10", "5", SHORTEST - 1, None),
        ("10", "5", SHORTEST, 1 / 3),
        ("10", "5", 0, None),
    ],
)
def test_hours_left(balance, spent, seconds, hours):
    assert hours_left(Spending(Decimal(balance), Decimal(spent), seconds)) == pytest.approx(hours)
