from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from worker.domain.orders.add_request import AddRequest
from worker.panel import PanelClient

KEY = "k3y/secret+0123456789"

Call = Callable[[PanelClient], Awaitable[Any]]

CALLS: dict[str, Call] = {
    "add": lambda client: client.add(AddRequest("7", {"link": "https://example.com/ü?a=b&c", "comments": "one\ntwo"})),
    "status": lambda client: client.status("1"),
    "statuses": lambda client: client.statuses(["1", "2"]),
    "refill": lambda client: client.refill("1"),
    "refills": lambda client: client.refills(["1", "2"]),
    "refill_status": lambda client: client.refill_status("5"),
    "refill_statuses": lambda client: client.refill_statuses(["5", "6"]),
    "cancel": lambda client: client.cancel("1"),
    "cancels": lambda client: client.cancels(["1", "2"]),
    "services": lambda client: client.services(),
    "balance": lambda client: client.balance(),
}


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Call:
    return CALLS[request.param]
