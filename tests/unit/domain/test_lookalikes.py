"""Which orders wait for a lookalike, and for how long."""

from decimal import Decimal

import pytest

from worker.domain.evidence.lookalikes import (
    LONGEST_WAIT,
    LOSING,
    MOST_MORE,
    PATIENCE,
    WAIT,
    keep_apart,
    lost,
    made_distinct,
)
from worker.domain.orders.add_request import AddRequest, OrderRequest
from worker.domain.orders.outcomes import Accepted, NotSent, Reason, Refused, Unknown
from worker.domain.orders.submission import PendingOrder

ONE, OTHER = Decimal("0.90"), Decimal("1.80")


def intents(*charges):
    return [
        (PendingOrder(order_id, OrderRequest("1")), AddRequest("1", expected_charge=charge))
        for order_id, charge in enumerate(charges, 1)
    ]


def waits(charges, in_flight):
    """The seconds for which each order waits; 0 if it may go."""
    offered = intents(*charges)
    separated = keep_apart(offered, in_flight)
    waiting = dict(separated.waiting)
    assert separated.sendable == [intent for intent in offered if intent[0].order_id not in waiting]
    assert all(seconds > 0 for seconds in waiting.values())
    return [waiting.get(order.order_id, 0) for order, _ in offered]


def test_one_of_each_charge_goes_and_its_lookalikes_wait_in_line():
    assert waits([ONE, OTHER, ONE, ONE], []) == pytest.approx([0, 0, WAIT, 2 * WAIT])


def test_an_order_with_a_lookalike_in_flight_waits():
    assert waits([ONE, OTHER], [ONE, ONE]) == pytest.approx([WAIT, 0])


def test_orders_without_a_known_charge_are_lookalikes():
    assert waits([None, ONE], [None]) == pytest.approx([WAIT, 0])


def test_no_wait_is_longer_than_the_longest():
    assert max(waits([ONE] * 1000, [])) == LONGEST_WAIT


def test_how_long_lookalikes_wait():
    """What docs/lost-answers.md says: a panel loses replies for a minute, and nobody waits longer than 5 seconds."""
    assert (LOSING, PATIENCE, WAIT, LONGEST_WAIT) == (60, 5, 0.05, 5)


def test_only_an_outcome_that_nobody_knows_is_a_loss():
    requests = [AddRequest("1", expected_charge=charge) for charge in (ONE, OTHER, None, ONE, None)]
    outcomes = [Unknown("timeout"), Accepted("1"), NotSent("refused"), Refused(Reason.REFUSED, "no"), Unknown("cut")]
    assert lost(zip(requests, outcomes, strict=True)) == [ONE, None]


def raised(charge, units, most):
    return PendingOrder(1, OrderRequest("1", quantity=units)), AddRequest(
        "1", {"link": "a", "quantity": str(units)}, charge, units, most_units=most
    )


def test_an_order_that_would_cost_the_same_gets_a_unit_more():
    (_, request), (_, other) = made_distinct([raised(ONE, 1000, 5000), raised(ONE, 1000, 5000)], [ONE])
    assert (request.units, request.parameters, request.expected_charge) == (
        1001,
        {"link": "a", "quantity": "1001"},
        Decimal("0.9009"),
    )
    assert other.units == 1002


def test_an_order_that_costs_something_else_stays_as_it_is():
    intent = raised(OTHER, 1000, 5000)
    assert made_distinct([intent], [ONE, None]) == [intent]


@pytest.mark.parametrize("most", [None, 1000, 1001])
def test_an_order_that_can_have_no_more_units_stays_as_it_is_and_waits(most):
    intent = raised(ONE, 1000, most)
    taken = [ONE, Decimal("0.9009")]
    assert made_distinct([intent], taken) == [intent]
    assert keep_apart([intent], taken).sendable == []


def test_no_order_gets_many_units_more():
    taken = [ONE * units / 1000 for units in range(1000, 1001 + MOST_MORE)]
    intent = raised(ONE, 1000, 5000)
    assert made_distinct([intent], taken) == [intent]
    assert made_distinct([intent], taken[:-1])[0][1].units == 1000 + MOST_MORE
