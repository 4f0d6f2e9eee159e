"""Replies that panels were seen to give: what each says, and how it is read (replies.json)."""

import json
from pathlib import Path
from typing import Any

import pytest

from worker.domain.orders.outcomes import Accepted, Refused, Unknown
from worker.domain.orders.statuses import Balance, CancelTaken, ItemError, OrderReport, RefillTaken
from worker.panel.catalogue import read_services
from worker.panel.items import read_cancels, read_refill_statuses, read_refills, read_statuses
from worker.panel.replies import read_add, read_balance

CASES = json.loads(Path(__file__).with_name("replies.json").read_text(encoding="utf-8"))

READ = {"add": read_add, "balance": read_balance, "services": read_services}
READ_ITEMS = {
    "status": read_statuses,
    "refill": read_refills,
    "refill_status": read_refill_statuses,
    "cancel": read_cancels,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_reply_is_read_as_it_is_meant(received, case):
    body = case["body"].encode() if isinstance(case["body"], str) else case["body"]
    reply = received(body, case["http"])

    outcome = READ_ITEMS[case["call"]](reply, case["ids"]) if "ids" in case else READ[case["call"]](reply)

    assert written(outcome) == case["reading"], case["right"]


def written(outcome: Any) -> Any:
    """An outcome as replies.json writes it."""
    match outcome:
        case Accepted(order):
            return {"accepted": order}
        case Refused(reason):
            return {"refused": reason}
        case Unknown(replied=replied, reason=reason):
            return {"unknown": {"replied": replied} | ({"reason": reason} if reason else {})}
    match outcome.value:
        case Balance(amount, currency):
            return {"balance": [str(amount), currency]}
        case list() as services:
            return {"services": [[s.service, s.type, str(s.rate), s.min, s.max] for s in services]}
        case items:
            return {"items": {key: written_item(item) for key, item in items.items()}}


def written_item(item: Any) -> Any:
    match item:
        case ItemError(reason):
            return {"error": reason}
        case CancelTaken() | RefillTaken():
            return "taken"
        case OrderReport(status, charge, _, _, remains):
            told = {"status": status, "charge": None if charge is None else str(charge), "remains": remains}
            return {name: value for name, value in told.items() if value is not None}
        case _:
            return item
