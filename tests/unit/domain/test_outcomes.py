"""Tests which requests a refusal is about (docs/reference/states.md)."""

import pytest

from worker.domain.orders.outcomes import Reason, Scope

SCOPES = {
    "not_enough_funds": Scope.PANEL,
    "bad_key": Scope.PANEL,
    "rate_limited": Scope.PANEL,
    "refusing": Scope.PANEL,
    "link_busy": Scope.LATER,
    "busy": Scope.LATER,
    "service_not_found": Scope.ITEM,
    "quantity_refused": Scope.ITEM,
    "link_refused": Scope.ITEM,
    "bad_request": Scope.ITEM,
    "not_found": Scope.ITEM,
    "refused": Scope.ITEM,
}


def test_the_codes_are_stable():
    assert set(Reason) == set(SCOPES)


@pytest.mark.parametrize("reason", Reason)
def test_how_far_a_refusal_reaches(reason):
    assert reason.scope is SCOPES[reason]
