"""Tests what the sandbox takes, refuses, and records as a violation."""

import pytest

from worker.domain.orders.services import TYPES, rule_of
from worker.sandbox.panel.catalogue import SERVICES

KEY = "sandbox-key"
LINK = "https://example.com/me"
LINES = "first\nsecond\nthird"

#: For each type, the documented fields of an order, and its price here.
ORDERS = {
    "Default": ({"link": LINK, "quantity": "1000"}, "0.90000"),
    "Package": ({"link": LINK}, "4.50000"),
    "Custom Comments": ({"link": LINK, "comments": LINES}, "0.03750"),
    "Custom Comments Package": ({"link": LINK, "comments": LINES}, "2.75000"),
    "Comment Replies": ({"link": LINK, "username": "ann", "comments": LINES}, "0.05520"),
    "Mentions": ({"link": LINK, "quantity": "100", "usernames": LINES}, "0.31500"),
    "Mentions with Hashtags": (
        {"link": LINK, "quantity": "100", "usernames": LINES, "hashtags": LINES},
        "0.33330",
    ),
    "Mentions Custom List": ({"link": LINK, "usernames": LINES}, "0.01219"),
    "Mentions Hashtag": ({"link": LINK, "quantity": "100", "hashtag": "cats"}, "0.29500"),
    "Mentions User Followers": ({"link": LINK, "quantity": "100", "username": "ann"}, "0.28000"),
    "Mentions Media Likers": ({"link": LINK, "quantity": "100", "media": LINK}, "0.26500"),
    "Comment Likes": ({"link": LINK, "quantity": "100", "username": "ann"}, "0.11111"),
    "Poll": ({"link": LINK, "quantity": "100", "answer_number": "2"}, "0.03000"),
    "Invites from Groups": ({"link": LINK, "quantity": "100", "groups": LINES}, "0.62000"),
    "SEO": ({"link": LINK, "quantity": "100", "keywords": LINES}, "0.99900"),
    "Web Traffic": (
        {
            "link": LINK,
            "quantity": "1000",
            "country": "DE",
            "device": "5",
            "type_of_traffic": "1",
            "google_keyword": "cats",
        },
        "0.18750",
    ),
    "Subscriptions": ({"username": "ann", "min": "10", "max": "20"}, "0.00000"),
}
SERVICE_OF = {service.type: service.service for service in reversed(SERVICES)}


def read(panel, fields):
    return panel.validator.read({"key": KEY, "action": "add", **fields})


def kinds(parsed):
    return [violation.kind for violation in parsed.violations]


def test_the_catalogue_sells_every_type():
    assert {service.type for service in SERVICES} == {rule.name for rule in TYPES} == ORDERS.keys()
    assert len({service.service for service in SERVICES}) == len(SERVICES)
    assert {service.refill for service in SERVICES} == {service.cancel for service in SERVICES} == {True, False}
    assert all(rule_of(service.type) for service in SERVICES)


@pytest.mark.parametrize("name", ORDERS)
def test_each_type_is_taken_with_what_it_needs(make_panel, ask, name):
    panel = make_panel()
    fields, charge = ORDERS[name]

    parsed = read(panel, {"service": SERVICE_OF[name], **fields})
    assert (parsed.refused, parsed.violations) == (None, [])
    panel.answer(parsed)

    (order,) = panel.book.orders.values()
    assert str(order.charge) == charge
    assert order.params == {"service": SERVICE_OF[name], **fields}


@pytest.mark.parametrize(
    ("name", "missing"), [(name, field) for name, (fields, _) in ORDERS.items() for field in fields]
)
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_each_type_is_refused_without_any_one_of_them(make_panel, name, missing, how):
    fields = {"service": SERVICE_OF[name], **ORDERS[name][0]}
    fields |= {missing: ""}
    if how == "absent":
        del fields[missing]

    parsed = read(make_panel(), fields)

    assert parsed.refused == ("neworder.error.link" if missing == "link" else "Incorrect request")
    assert ("missing_field", missing) in parsed.violations


@pytest.mark.parametrize("name", [name for name in ORDERS if name not in {"Default", "Web Traffic"}])
def test_only_two_types_can_be_dripped(make_panel, name):
    parsed = read(make_panel(), {"service": SERVICE_OF[name], **ORDERS[name][0], "runs": "2", "interval": "5"})

    assert [violation.detail for violation in parsed.violations] == ["runs", "interval"]
    assert kinds(parsed) == ["unknown_field"] * 2
    assert parsed.wanted is not None
    assert parsed.wanted.runs is None


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"service": "999"}, "Incorrect service ID"),
        ({"service": "one"}, "Incorrect service ID"),
        ({"quantity": "49"}, "Quantity less than minimal 50"),
        ({"quantity": "10001"}, "Quantity more than maximum 10000"),
        ({"quantity": "0"}, "Quantity less than minimal 50"),
        ({"quantity": "-100"}, "Incorrect request"),
        ({"quantity": "100.5"}, "Incorrect request"),
        ({"quantity": "٣٣٣"}, "Incorrect request"),
        ({"link": "two words"}, "neworder.error.invalid_link"),
        ({"link": "https://example.com/" + "a" * 2048}, "neworder.error.invalid_link"),
        ({"runs": "3"}, "Incorrect request"),
        ({"interval": "3"}, "Incorrect request"),
        ({"runs": "0", "interval": "3"}, "Incorrect request"),
        ({"runs": "3", "interval": "x"}, "Incorrect request"),
    ],
)
def test_an_order_out_of_bounds_is_refused_in_the_documents_words(make_panel, changes, refused):
    assert read(make_panel(), {"service": "1", "link": LINK, "quantity": "100", **changes}).refused == refused


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"device": "6"}, "Incorrect request"),
        ({"device": "0"}, "Incorrect request"),
        ({"type_of_traffic": "4"}, "Incorrect request"),
        ({"type_of_traffic": "2"}, "Incorrect request"),
        ({"type_of_traffic": "2", "referring_url": LINK}, None),
        ({"type_of_traffic": "3"}, None),
        ({"runs": "2", "interval": "60"}, None),
    ],
)
def test_web_traffic_has_choices(make_panel, changes, refused):
    fields = {"service": SERVICE_OF["Web Traffic"], **ORDERS["Web Traffic"][0], **changes}

    assert read(make_panel(), fields).refused == refused


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"min": "30"}, "Incorrect request"),
        ({"min": "9"}, "Quantity less than minimal 10"),
        ({"max": "20001"}, "Quantity more than maximum 20000"),
        ({"min": "x"}, "Incorrect request"),
        ({"posts": "x"}, "Incorrect request"),
        ({"expiry": "2026-12-31"}, "Incorrect request"),
        ({"expiry": "31/02/2026"}, "Incorrect request"),
        ({"expiry": "31/12/2026", "posts": "3", "old_posts": "0", "delay": "30"}, None),
    ],
)
def test_subscriptions_are_read_with_care(make_panel, changes, refused):
    fields = {"service": SERVICE_OF["Subscriptions"], **ORDERS["Subscriptions"][0], **changes}

    assert read(make_panel(), fields).refused == refused


def test_lists_are_counted_by_the_line_and_have_no_blank_ones(make_panel):
    fields = {"service": SERVICE_OF["Custom Comments"], "link": LINK, "comments": "one\r\n\r\n two \n"}

    parsed = read(make_panel(), fields)

    assert parsed.wanted is not None
    assert parsed.wanted.billed == 2
    assert ("unclean_list", "comments") in parsed.violations


def test_a_list_out_of_range_is_refused_by_its_lines(make_panel):
    fields = {"service": SERVICE_OF["Comment Replies"], "link": LINK, "username": "ann", "comments": "hm\n" * 201}

    assert read(make_panel(), fields).refused == "Quantity more than maximum 200"


@pytest.mark.parametrize(
    ("form", "refused", "violations"),
    [
        ({}, "Invalid API key", []),
        ({"key": "wrong", "action": "balance"}, "Invalid API key", []),
        ({"key": KEY}, "Incorrect request", ["unknown_action"]),
        ({"key": KEY, "action": "orders"}, "Incorrect request", ["unknown_action"]),
        ({"key": KEY, "action": "balance"}, None, []),
        ({"key": KEY, "action": "balance", "order": "1"}, None, ["unknown_field"]),
        ({"key": KEY, "action": "services", "page": "1"}, None, ["unknown_field"]),
        ({"key": KEY, "action": "status"}, "Incorrect request", ["missing_field"]),
        ({"key": KEY, "action": "status", "order": "1", "orders": "2"}, "Incorrect request", ["unknown_field"]),
        ({"key": KEY, "action": "status", "orders": "1,2,1"}, None, ["duplicate_ids"]),
        ({"key": KEY, "action": "status", "orders": "1,,2"}, None, ["bad_id"]),
        ({"key": KEY, "action": "status", "orders": "1, 2"}, None, ["bad_id"]),
        ({"key": KEY, "action": "status", "refill": "1"}, "Incorrect request", ["unknown_field", "missing_field"]),
        ({"key": KEY, "action": "refill", "order": "1"}, None, []),
        ({"key": KEY, "action": "refill_status", "refills": "1,2"}, None, []),
        ({"key": KEY, "action": "cancel", "orders": "1"}, None, []),
        ({"key": KEY, "action": "cancel", "order": "1"}, "Incorrect request", ["unknown_field", "missing_field"]),
        ({"key": KEY, "action": "status", "orders": ",".join(map(str, range(100)))}, None, []),
        (
            {"key": KEY, "action": "status", "orders": ",".join(map(str, range(101)))},
            "Incorrect request",
            ["too_many_ids"],
        ),
    ],
)
def test_requests_are_held_against_the_document(make_panel, form, refused, violations):
    parsed = make_panel().validator.read(form)

    assert parsed.refused == refused
    assert kinds(parsed) == violations


@pytest.mark.parametrize("number", ["23501x", "-1", " ", "9" * 30, "²"])
def test_what_is_no_id_is_nobodys_order(make_panel, ask, number):
    panel = make_panel(first_order_id=1)
    ask(panel, "add", service=1, link=LINK, quantity=100)

    assert ask(panel, "status", order=number) == {"error": "Incorrect order ID"}
    assert ask(panel, "refill_status", refill=number) == {"error": "Refill not found"}
