"""How long a balance lasts, and what an order most likely costs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.amounts import total
from worker.domain.money.movements import Call, Cause, History, Taken, Told, likely_cost, movements_of
from worker.domain.money.spending import RATE_OVER, SHORTEST, Spending, hours_left
from worker.domain.orders.states import OrderState

GRAIN = Decimal("0.00001")
AT = datetime(2026, 11, 1, tzinfo=UTC)


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


def test_a_rate_is_that_of_a_day_and_of_no_less_than_ten_minutes():
    assert (RATE_OVER, SHORTEST) == (24 * 3600, 600)


amounts = st.integers(0, 200_000).map(lambda count: count * GRAIN)


@given(
    expected=st.integers(1, 10**9).map(lambda count: Decimal(count).scaleb(-9)),
    units=st.none() | st.integers(1, 300),
    first=st.none() | st.tuples(st.sampled_from(["submitted", "partial"]), amounts),
    state=st.sampled_from(["submitted", "completed", "partial", "canceled"]),
    charge=st.none() | amounts,
    remains=st.none() | st.integers(-10, 400),
)
def test_the_likely_cost_lies_within_the_bounds_of_an_audit(*, expected, units, first, state, charge, remains):
    told = [Told(AT + timedelta(minutes=1), None, OrderState(first[0]), first[1], None)] if first else []
    price = first[1] if first else expected
    if charge is not None and state in {"partial", "canceled"}:
        charge = min(charge, price)  # no panel takes more for less
    told.append(Told(AT + timedelta(minutes=2), told[-1].at if told else None, OrderState(state), charge, remains))
    history = History(7, (Call(AT, AT, Taken.YES, expected, units),), tuple(told))

    moved = list(movements_of(history, GRAIN))
    charged = total(one.amount for one in moved if one.cause is Cause.CHARGE)
    refunded = total(one.amount for one in moved if one.cause is Cause.REFUND)

    assert likely_cost(history, GRAIN) in charged - refunded
