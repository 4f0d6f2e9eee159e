"""Each quirk changes what a client receives, and only while it is on."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from worker.sandbox.misbehaviour.quirks import ALL
from worker.sandbox.misbehaviour.quirks.reply import OfPanel

ORDER = {"service": 1, "link": "https://example.com/me", "quantity": 1000}
MISSING = object()
ERROR = "Incorrect order ID"


@dataclass(frozen=True)
class Case:
    """A call, the place in its reply that a quirk changes, and the value found there."""

    call: dict[str, Any]
    place: tuple[Any, ...]
    found: Any
    without: Any = MISSING  #: found there without the quirk, where that is worth saying


def status(name):
    return {"action": "status", "order": f"{{{name}}}"}


def statuses(*names):
    return {"action": "status", "orders": ",".join(f"{{{name}}}" for name in names)}


SERVICES = {"action": "services"}
FUNDS = {"action": "add", "service": 1, "link": "x", "quantity": 10_000, "runs": 9_999, "interval": 1}
STRANGE = {"action": "status", "order": 7}
NOBODYS = {"action": "status", "orders": "7,8"}
MIXED = {"action": "status", "orders": "7,{partial}"}
CANCEL = {"action": "cancel", "orders": "7"}

CASES = [
    ("remains_null", Case(status("partial"), ("json", "remains"), None, "250")),
    ("remains_empty", Case(status("partial"), ("json", "remains"), "", "250")),
    ("remains_negative", Case(status("partial"), ("json", "remains"), "-12", "250")),
    ("remains_word", Case(status("partial"), ("json", "remains"), "unknown", "250")),
    ("remains_word", Case(statuses("partial"), ("json", "{partial}", "remains"), "unknown", "250")),
    ("start_count_null", Case(status("partial"), ("json", "start_count"), None, "7")),
    ("start_count_empty", Case(status("partial"), ("json", "start_count"), "", "7")),
    ("start_count_negative", Case(status("partial"), ("json", "start_count"), "-1", "7")),
    ("start_count_word", Case(status("partial"), ("json", "start_count"), "private", "7")),
    ("text_as_numbers", Case(status("partial"), ("json", "charge"), 0.675, "0.67500")),
    ("text_as_numbers", Case(status("partial"), ("json", "remains"), 250, "250")),
    ("text_as_numbers", Case(SERVICES, ("json", 0, "max"), 10000, "10000")),
    ("numbers_as_text", Case(CANCEL, ("json", 0, "order"), "7", 7)),
    ("numbers_as_text", Case(SERVICES, ("json", 0, "service"), "1", 1)),
    ("flags_as_numbers", Case(SERVICES, ("json", 0, "refill"), 1, True)),
    ("flags_as_text", Case(SERVICES, ("json", 1, "cancel"), "0", False)),
    ("flags_absent", Case(SERVICES, ("json", 0, "cancel"), MISSING, True)),
    ("dripfeed_flag", Case(SERVICES, ("json", 0, "dripfeed"), True)),
    ("charge_kept", Case(status("partial"), ("json", "charge"), "0.90000", "0.67500")),
    ("charge_kept", Case(status("canceled"), ("json", "charge"), "0.90000", "0.00000")),
    ("status_upper", Case(status("running"), ("json", "status"), "IN PROGRESS", "In progress")),
    ("status_lower", Case(status("running"), ("json", "status"), "in progress", "In progress")),
    ("status_snake", Case(status("running"), ("json", "status"), "In_progress", "In progress")),
    ("status_dashed", Case(status("running"), ("json", "status"), "In-progress", "In progress")),
    ("status_padded", Case(statuses("running"), ("json", "{running}", "status"), " In progress  ", "In progress")),
    ("status_synonyms", Case(status("completed"), ("json", "status"), "Complete", "Completed")),
    ("status_synonyms", Case(status("canceled"), ("json", "status"), "Cancelled", "Canceled")),
    ("status_refunded", Case(status("canceled"), ("json", "status"), "Refunded", "Canceled")),
    ("status_troubled", Case(status("running"), ("json", "status"), "Fail", "In progress")),
    ("status_unknown", Case(status("running"), ("json", "status"), "Moonwalking", "In progress")),
    ("status_upper", Case({"action": "refill_status", "refill": 1}, ("json", "status"), "PENDING", "Pending")),
    ("status_upper", Case({"action": "refill_status", "refills": "9,1"}, ("json", 1, "status"), "PENDING", "Pending")),
    ("remains_zero", Case(status("partial"), ("json", "remains"), "0", "250")),
    ("bonus_units", Case(status("partial"), ("json", "remains"), "275", "250")),
    ("charge_zeroed", Case(status("partial"), ("json", "charge"), "0", "0.67500")),
    ("charge_zero_at_first", Case(status("fresh"), ("json", "charge"), "0", "0.90000")),
    ("charge_null_at_first", Case(statuses("fresh"), ("json", "{fresh}", "charge"), None, "0.90000")),
    ("charge_decimals", Case(status("partial"), ("json", "charge"), "0.68", "0.67500")),
    ("money_with_code", Case(status("partial"), ("json", "charge"), "0.67500 USD", "0.67500")),
    ("unknown_at_first", Case(status("fresh"), ("json", "error"), ERROR)),
    ("unknown_at_first", Case(statuses("fresh", "partial"), ("json", "{fresh}", "error"), ERROR)),
    ("children_listed_late", Case(status("dripped now"), ("json", "orders"), [])),
    ("strangers_answered", Case({"action": "status", "order": "{others}"}, ("json", "status"), "Completed")),
    ("statuses_tell_id", Case(statuses("partial"), ("json", "{partial}", "order"), 23501)),
    ("add_tells_more", Case({**FUNDS, "runs": 1}, ("json", "charge"), 9.0)),
    ("order_id", Case({**FUNDS, "runs": 1}, ("raw", slice(0, 13)), b'{"order_id": ')),
    ("balance_under_funds", Case({"action": "balance"}, ("json", "funds", 0), "9")),
    ("cancels_by_id", Case({"action": "cancel", "orders": "7"}, ("json", "7", "error"), ERROR)),
    ("cancels_by_id", Case({"action": "cancel", "orders": "{running}"}, ("json", "{running}", "cancel"), 1)),
    ("services_by_id", Case(SERVICES, ("json", "2", "service"), 2)),
    ("error_status_false", Case(STRANGE, ("json",), {"status": False, "msg": ERROR}, {"error": ERROR})),
    ("error_message", Case(STRANGE, ("json",), {"message": ERROR}, {"error": ERROR})),
    ("error_message", Case(STRANGE, ("http",), 400, 200)),
    ("error_by_field", Case(STRANGE, ("json", "errors", "order", 0), ERROR)),
    ("error_by_field", Case(STRANGE, ("http",), 422, 200)),
    ("utf_16", Case({"action": "balance"}, ("raw", slice(0, 4)), b"\xff\xfe{\0")),
    ("batch_gaps", Case(statuses("partial", "running"), ("json", "{running}"), MISSING)),
    ("batch_gaps", Case({"action": "cancel", "orders": "7,8"}, ("json", 1), MISSING)),
    ("batch_bare_errors", Case(MIXED, ("json", "7"), ERROR, {"error": ERROR})),
    ("batch_bare_errors", Case(CANCEL, ("json", 0, "cancel"), ERROR, {"error": ERROR})),
    ("batch_as_list", Case(MIXED, ("json", 1, "order"), "{partial}")),
    ("batch_as_list", Case(MIXED, ("json", 0), {"order": "7", "error": ERROR})),
    ("batch_bare_object", Case(statuses("partial"), ("json", "status"), "Partial")),
    ("batch_bare_object", Case(CANCEL, ("json", "order"), 7)),
    ("batch_empty_list", Case(NOBODYS, ("json",), [], {"7": {"error": ERROR}, "8": {"error": ERROR}})),
    ("batch_empty_list", Case(MIXED, ("json", "7"), MISSING, {"error": ERROR})),
    (
        "batch_first_hundred",
        Case(
            {"action": "status", "orders": ",".join(str(number) for number in range(1, 102))},
            ("json",),
            {str(number): {"error": ERROR} for number in range(1, 101)},
            {"error": "Incorrect request"},
        ),
    ),
    ("error_plural", Case(STRANGE, ("json",), {"errors": [ERROR]}, {"error": ERROR})),
    ("error_status_msg", Case(STRANGE, ("json",), {"status": "error", "msg": ERROR}, {"error": ERROR})),
    ("error_http_400", Case(STRANGE, ("http",), 400, 200)),
    ("error_http_422", Case(STRANGE, ("http",), 422, 200)),
    ("error_http_500", Case(STRANGE, ("http",), 500, 200)),
    ("error_localised", Case(FUNDS, ("json", "error"), "Fondos insuficientes en el saldo")),
    ("error_echoes_key", Case(STRANGE, ("json", "error"), f"{ERROR} (key sandbox-key)", ERROR)),
    ("error_windows_1251", Case(FUNDS, ("raw", slice(11, 23)), "Недостаточно".encode("windows-1251"))),
    ("money_with_signs", Case({"action": "balance"}, ("json", "balance", 0), "$")),
    ("money_with_signs", Case(status("partial"), ("json", "charge"), "$0.67500", "0.67500")),
    ("money_with_signs", Case(SERVICES, ("json", 0, "rate"), "$0.90", "0.90")),
    ("cancels_in_words", Case({"action": "cancel", "orders": "{running}"}, ("json", 0, "cancel"), "requested", 1)),
    (
        "cancels_at_once",
        Case({"action": "cancel", "orders": "{running}"}, ("json", "success"), "Your order will be cancelled asap"),
    ),
    ("refills_in_words", Case({"action": "refill", "orders": "{completed}"}, ("json", 0, "refill"), "success")),
    ("refills_at_once", Case({"action": "refill", "orders": "{completed}"}, ("json",), {"refill": "1"})),
    ("order_id_in_data", Case({**FUNDS, "runs": 1}, ("raw", slice(0, 22)), b'{"data": {"order_id": ')),
    ("order_under_id", Case({**FUNDS, "runs": 1}, ("json", "status"), "success")),
    ("statuses_in_orders", Case(statuses("partial"), ("json", "orders", "{partial}", "status"), "Partial")),
    ("services_under_id", Case(SERVICES, ("json", "services", 0, "id"), 1)),
    ("in_success_data", Case(status("partial"), ("json", "data", "status"), "Partial")),
    ("in_success_data", Case(STRANGE, ("json", "data", "message"), ERROR)),
    ("in_status_result", Case(status("partial"), ("json", "result", "status"), "Partial")),
    ("in_status_result", Case(STRANGE, ("json",), {"status": "fail", "message": ERROR})),
    ("keys_capitalised", Case(status("partial"), ("json", "Status"), "Partial")),
    ("json_in_text", Case({"action": "balance"}, ("raw", slice(0, 3)), b'"{\\')),
    ("php_notice", Case({"action": "balance"}, ("raw", slice(0, 20)), b"<br />\n<b>Notice</b>")),
    ("byte_order_mark", Case({"action": "balance"}, ("raw", slice(0, 4)), b"\xef\xbb\xbf{")),
    ("services_wrapped", Case(SERVICES, ("json", "services", 0, "service"), 1)),
    ("services_in_data", Case(SERVICES, ("json", "data", 0, "service"), 1)),
    ("types_respelled", Case(SERVICES, ("json", 5, "type"), "custom_comments", "Custom Comments")),
    ("types_absent", Case(SERVICES, ("json", 5, "type"), MISSING, "Custom Comments")),
    ("types_unknown", Case(SERVICES, ("json", 5, "type"), "Holograms", "Custom Comments")),
    ("ids_not_numeric", Case({**FUNDS, "runs": 1}, ("json", "order"), "ord-{next}", "{next}")),
    ("ids_not_numeric", Case({"action": "status", "order": "ord-{partial}"}, ("json", "status"), "Partial")),
    (
        "ids_not_numeric",
        Case({"action": "status", "orders": "ord-{partial}"}, ("json", "ord-{partial}", "status"), "Partial"),
    ),
    ("ids_not_numeric", Case(status("partial"), ("json", "error"), ERROR)),
    ("ids_not_numeric", Case({"action": "cancel", "orders": "7"}, ("json", 0, "order"), "7", 7)),
    ("ids_not_numeric", Case({"action": "refill", "orders": "ord-{partial}"}, ("json", 0, "refill"), 1)),
    ("ids_not_numeric", Case(status("dripped"), ("json", "error"), ERROR)),
    ("ids_not_numeric", Case({"action": "status", "order": "ord-{dripped}"}, ("json", "orders", 0), "ord-{spawned}")),
]


@pytest.fixture
async def ids(client, sandbox):
    """Places an order for each situation, and a refill of the first. Returns the ids by name."""
    names = ["partial", "canceled", "running", "completed"]
    ids = {name: (await client.ask("add", **ORDER))["order"] for name in names}
    orders = sandbox.panel.book.orders
    sandbox.panel.book.amend(orders[ids["partial"]], status="Partial", remains=250, start_count=7)
    sandbox.panel.book.amend(orders[ids["canceled"]], status="Canceled")
    sandbox.panel.book.amend(orders[ids["running"]], status="In progress", remains=500)
    sandbox.panel.book.amend(orders[ids["completed"]], status="Completed")
    ids["dripped"] = (await client.ask("add", **ORDER, runs=1, interval=1))["order"]
    sandbox.clock.advance(3600)
    await client.ask("refill", order=ids["partial"])
    sandbox.panel.book.numbering.last += 1
    ids["others"] = sandbox.panel.book.numbering.last
    ids["dripped now"] = (await client.ask("add", **ORDER, runs=1, interval=1))["order"]
    await client.ask("balance")  # the child order is placed
    ids["fresh"] = (await client.ask("add", **ORDER))["order"]
    ids["spawned"] = orders[ids["dripped"]].spawning.orders[0]
    ids["next"] = ids["fresh"] + 1
    return ids


def fill(value, ids):
    return value.format(**ids) if isinstance(value, str) and "{" in value else value


def place_in(answer, place, ids):
    found = getattr(answer, place[0])
    for step in place[1:]:
        try:
            found = found[fill(step, ids)]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return found


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
async def test_a_quirk_is_seen_where_it_is_on_and_nowhere_else(client, sandbox, ids, name, case):
    call = {field: fill(value, ids) for field, value in case.call.items()}
    expected = fill(case.found, ids)
    if call["action"] != "add":
        without = place_in(await client.call(**call), case.place, ids)
        assert (type(without), without) != (type(expected), expected)
        assert case.without is MISSING or without == case.without

    sandbox.quirks.on(name)
    found = place_in(await client.call(**call), case.place, ids)

    assert (type(found), found) == (type(expected), expected)


#: Quirks of more than one call: tests/unit/sandbox/ has them.
ELSEWHERE = {name for name, quirk in ALL.items() if isinstance(quirk, OfPanel)} - {"batch_first_hundred"}
ELSEWHERE |= {"bought_twice", "orders_by_hand", "ids_repeated", "batch_silent_ids"}


def test_no_quirk_is_left_out():
    assert {name for name, _ in CASES} == ALL.keys() - ELSEWHERE


#: Quirks by which a panel refuses calls, and one that leaves nothing to compare bytes with.
NOT_TOGETHER = {
    "limits_by_action",
    "single_status",
    "single_refill",
    "single_refill_status",
    "single_cancel",
    "utf_16",
}


@pytest.mark.parametrize("action", ["services", "balance", "status", "batch", "refill", "refill_status", "cancel"])
async def test_all_quirks_together_still_answer(client, sandbox, ids, action):
    sandbox.quirks.on(*ALL.keys() - NOT_TOGETHER)
    orders = f"ord-{ids['partial']},7,ord-{ids['fresh']}"
    call = {
        "status": {"order": f"ord-{ids['partial']}"},
        "batch": {"action": "status", "orders": orders},
        "refill": {"orders": orders},
        "refill_status": {"refills": "1,9"},
        "cancel": {"orders": orders},
    }.get(action, {})

    answer = await client.call(**{"action": action, **call})

    assert answer.http == 200
    assert answer.raw.startswith(b"\xef\xbb\xbf<br />")
    assert answer.raw.rstrip().endswith((b'}"', b']"'))


async def test_quirks_are_switched_by_name_over_http(client, sandbox):
    listing = await client.admin("POST", "quirks", {"on": ["php_notice", "error_plural"]})
    assert listing.keys() == ALL.keys()
    assert all(entry["about"] for entry in listing.values())
    assert {name for name, entry in listing.items() if entry["on"]} == {"php_notice", "error_plural"}

    listing = await client.admin("POST", "quirks", {"off": ["php_notice"], "on": ["price_factor=0.8"]})
    assert listing["price_factor"]["value"] == "0.8"
    assert sandbox.panel.book.prices.factor == Decimal("0.8")
    assert await client.ask("status", order=1) == {"errors": [ERROR]}
    assert "error" in await client.admin("POST", "quirks", {"on": ["odd"]})
    await client.admin("POST", "quirks", {"clear": True})
    assert await client.ask("status", order=1) == {"error": ERROR}
    assert await client.admin("GET", "quirks") == sandbox.quirks.listing()
