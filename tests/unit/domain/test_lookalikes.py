"""Which orders wait for a lookalike, and for how long."""

from decimal import Decimal

import pytest

from worker.domain.evidence.lookalikes import LONGEST_WAIT, LOSING, PATIENCE, WAIT, keep_apart, lost
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
