"""Tests each service type: accepted with all that it needs, refused without any of it, billed by its rule."""

from dataclasses import replace
from decimal import Decimal

import pytest

from worker.domain.orders.add_request import AddRequest, OrderRequest, check
from worker.domain.orders.services import TYPES, Billing, Service, Untyped, rule_of

LINK = "https://example.com/p/1"
RATE = Decimal("1.2345")

#: A value for every parameter that a type may require.
VALUES = {
    "comments": "Nice\nGreat\nWow",
    "usernames": "ann\nbob",
    "hashtags": "cats\ndogs",
    "groups": "g1\ng2",
    "keywords": "cheap shoes",
    "username": "ann",
    "hashtag": "cats",
    "media": "https://example.com/m/1",
    "answer_number": "2",
    "country": "US",
    "device": "1",
    "type_of_traffic": "3",
    "min": "10",
    "max": "20",
}
#: What an order of the type costs with these values, quantity 300 and one run.
CHARGES = {
    "Package": RATE,
    "Custom Comments": RATE * 3 / 1000,
    "Custom Comments Package": RATE,
    "Comment Replies": RATE * 3 / 1000,
    "Mentions Custom List": RATE * 2 / 1000,
    "Subscriptions": None,
}

every_type = pytest.mark.parametrize("rule", TYPES, ids=lambda rule: rule.name)


def _service(rule, **more):
    return Service("7", type=rule.name, rate=RATE, **more)


def _order(rule, **more):
    return OrderRequest(
        "7",
        link=LINK if rule.takes_link else None,
        quantity=300 if rule.takes_quantity else None,
        params={name: VALUES[name] for name in rule.required},
        **more,
    )


NEEDS = [
    pytest.param(rule, name, id=f"{rule.name}-{name}")
    for rule in TYPES
    for name in [*rule.required, *["link"] * rule.takes_link, *["quantity"] * rule.takes_quantity]
]


@every_type
def test_an_order_with_all_that_its_type_needs_is_sent(rule):
    sent = {"link": LINK} if rule.takes_link else {}
    sent |= {"quantity": "300"} if rule.takes_quantity else {}
    sent |= {name: VALUES[name] for name in rule.required}
    request = check(_order(rule), _service(rule))
    assert isinstance(request, AddRequest)
    assert (request.service, request.parameters) == ("7", sent)
    assert request.expected_charge == CHARGES.get(rule.name, RATE * 300 / 1000)


@every_type
def test_what_remains_counts_down_from_is_known_where_it_counts_units(rule):
    request = check(_order(rule), _service(rule))
    assert isinstance(request, AddRequest)
    match rule.billing:
        case Billing.QUANTITY:
            assert (request.units, request.is_parent) == (300, False)
        case Billing.LINES:
            assert (request.units, request.is_parent) == (VALUES[rule.counted_list].count("\n") + 1, False)
        case Billing.PACKAGE:
            assert (request.units, request.is_parent) == (None, False)
        case Billing.SPAWNED:
            assert (request.units, request.is_parent) == (None, True)


def test_a_drip_feed_is_a_parent():
    default = next(rule for rule in TYPES if rule.takes_drip_feed)
    request = check(_order(default, runs=2, interval_minutes=5), _service(default))
    assert isinstance(request, AddRequest)
    assert (request.units, request.is_parent) == (None, True)


@pytest.mark.parametrize(("rule", "name"), NEEDS)
@pytest.mark.parametrize("blank", [False, True], ids=["absent", "blank"])
def test_an_order_without_it_is_refused(rule, name, blank):
    order = _order(rule)
    match name:
        case "link":
            order = replace(order, link=" \t\r\n" if blank else None)
        case "quantity":
            order = replace(order, quantity=None)
        case _:
            params = {key: value for key, value in order.params.items() if key != name}
            order = replace(order, params=params | ({name: " \r\n "} if blank else {}))
    refusal = check(order, _service(rule))
    assert (refusal.code, refusal.text) == ("missing_parameter", f"a service of type {rule.name} needs {name}")


def test_all_that_is_missing_is_named():
    refusal = check(OrderRequest("7"), _service(rule_of("Mentions with Hashtags")))
    assert refusal.text == "a service of type Mentions with Hashtags needs quantity, link, usernames, hashtags"


@pytest.mark.parametrize("rule", [rule for rule in TYPES if not rule.takes_quantity], ids=lambda rule: rule.name)
def test_a_quantity_is_refused_where_none_is_taken(rule):
    refusal = check(replace(_order(rule), quantity=77), _service(rule))
    assert refusal.code == "quantity_not_taken"


@pytest.mark.parametrize(
    ("type_name", "quantity"), [("Custom Comments", 3), ("Mentions Custom List", 2), ("Package", 1)]
)
def test_a_quantity_that_says_the_same_does_no_harm(type_name, quantity):
    rule = rule_of(type_name)
    request = check(replace(_order(rule), quantity=quantity), _service(rule))
    assert "quantity" not in request.parameters


def test_a_subscription_has_no_quantity_that_could_say_the_same():
    rule = rule_of("Subscriptions")
    assert check(replace(_order(rule), quantity=1), _service(rule)).code == "quantity_not_taken"


def test_a_subscription_takes_no_link():
    rule = rule_of("Subscriptions")
    assert "link" not in check(replace(_order(rule), link=LINK), _service(rule)).parameters


# Web Traffic


@pytest.mark.parametrize(("traffic", "needed"), [("1", "google_keyword"), ("2", "referring_url")])
def test_web_traffic_needs_its_source(traffic, needed):
    rule = rule_of("Web Traffic")
    order = _order(rule)
    order = replace(order, params={**order.params, "type_of_traffic": traffic})
    refusal = check(order, _service(rule))
    assert (refusal.code, refusal.text) == ("missing_parameter", f"a service of type Web Traffic needs {needed}")
    request = check(replace(order, params={**order.params, needed: "x"}), _service(rule))
    assert request.parameters[needed] == "x"


@pytest.mark.parametrize("name", ["device", "type_of_traffic"])
@pytest.mark.parametrize("value", ["0", "6", "-1", "1.5", "x", "01", "٣", "1\n2", 6, 1.5, False])
def test_a_choice_outside_its_range_is_refused(name, value):
    rule = rule_of("Web Traffic")
    order = _order(rule)
    refusal = check(replace(order, params={**order.params, name: value}), _service(rule))
    assert refusal.code == "bad_parameter"
    assert name in refusal.text


@pytest.mark.parametrize("value", ["5", 5, 5.0, " 5 "])
def test_a_choice_may_be_a_text_or_a_number(value):
    rule = rule_of("Web Traffic")
    order = _order(rule)
    request = check(replace(order, params={**order.params, "device": value}), _service(rule))
    assert request.parameters["device"] == "5"


# Quantities and the catalogue


@pytest.mark.parametrize("quantity", [50, 300, 10_000])
def test_a_quantity_in_range(quantity):
    rule = rule_of("Default")
    request = check(replace(_order(rule), quantity=quantity), _service(rule, min=50, max=10_000))
    assert request.parameters["quantity"] == str(quantity)


@pytest.mark.parametrize("quantity", [1, 49, 10_001, 2**63 - 1])
def test_a_quantity_out_of_range(quantity):
    rule = rule_of("Default")
    refusal = check(replace(_order(rule), quantity=quantity), _service(rule, min=50, max=10_000))
    assert refusal.code == "quantity_out_of_range"
    assert str(quantity) in refusal.text


@pytest.mark.parametrize("bounds", [{"min": 4}, {"max": 2}], ids=["min", "max"])
def test_a_list_out_of_range(bounds):
    rule = rule_of("Custom Comments")
    assert check(_order(rule), _service(rule, **bounds)).code == "quantity_out_of_range"


@pytest.mark.parametrize("bounds", [{"min": 11}, {"max": 19}], ids=["min", "max"])
def test_a_subscription_out_of_range(bounds):
    rule = rule_of("Subscriptions")
    assert check(_order(rule), _service(rule, **bounds)).code == "quantity_out_of_range"
    assert isinstance(check(_order(rule), _service(rule, min=10, max=20)), AddRequest)


@pytest.mark.parametrize("type_name", ["Package", "Custom Comments Package"])
def test_a_package_has_no_range(type_name):
    rule = rule_of(type_name)
    assert isinstance(check(_order(rule), _service(rule, min=100, max=200)), AddRequest)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("20", "10"),
        ("0", "10"),
        ("-1", "10"),
        ("x", "10"),
        ("٣", "10"),
        ("1", "9" * 19),
        ("1", "9" * 5000),
        ("1.5", "2"),
    ],
)
def test_a_subscription_needs_whole_numbers_in_their_order(low, high):
    rule = rule_of("Subscriptions")
    order = replace(_order(rule), params={"username": "ann", "min": low, "max": high})
    assert check(order, _service(rule)).code == "bad_parameter"


@pytest.mark.parametrize(("low", "high"), [("10", "10"), ("1", "9" * 18)])
def test_a_subscription_at_the_bounds_of_its_numbers(low, high):
    rule = rule_of("Subscriptions")
    order = replace(_order(rule), params={"username": "ann", "min": low, "max": high})
    assert isinstance(check(order, _service(rule)), AddRequest)


def test_a_service_that_the_catalogue_does_not_have():
    refusal = check(OrderRequest("7", LINK, 300), None)
    assert (refusal.code, refusal.text) == ("unknown_service", "the panel's catalogue has no service 7")


def test_a_service_that_is_gone():
    rule = rule_of("Default")
    refusal = check(_order(rule), _service(rule), removed=True)
    assert (refusal.code, refusal.text) == ("unknown_service", "service 7 is gone from the panel's catalogue")


@pytest.mark.parametrize("type_name", [None, "", "Livestream"])
def test_a_type_that_is_not_known(type_name):
    assert check(OrderRequest("7", LINK, 300), Service("7", type=type_name)).code == "unknown_type"


UNTYPED = Untyped("PANELS__SHOP__DEFAULT_TYPE", "Default")


@pytest.mark.parametrize("type_name", [None, ""])
def test_a_service_without_a_type_is_taken_for_what_the_setting_says(type_name):
    service = Service("7", type=type_name, rate=Decimal(1))
    assert check(OrderRequest("7", LINK, 300), service, untyped=UNTYPED).parameters == {"link": LINK, "quantity": "300"}
    packages = Untyped(UNTYPED.setting, "Package")
    assert check(OrderRequest("7", LINK), service, untyped=packages).parameters == {"link": LINK}
    refusal = check(OrderRequest("7", LINK, 300), service, untyped=Untyped(UNTYPED.setting))
    assert refusal.code == "unknown_type"
    assert "; set PANELS__SHOP__DEFAULT_TYPE to the type" in refusal.text


def test_the_setting_says_nothing_of_a_type_that_is_not_known():
    service = Service("7", type="Livestream")
    refusal = check(OrderRequest("7", LINK, 300), service, untyped=UNTYPED)
    assert (refusal.code, UNTYPED.setting in refusal.text) == ("unknown_type", False)


# Drip-feed

dripped = [rule for rule in TYPES if rule.takes_drip_feed]


@pytest.mark.parametrize("dripfeed", [None, True])
@pytest.mark.parametrize("rule", dripped, ids=lambda rule: rule.name)
def test_a_drip_feed_is_sent_and_billed_for_all_its_runs(rule, dripfeed):
    request = check(_order(rule, runs=5, interval_minutes=60), _service(rule, dripfeed=dripfeed, min=50, max=300))
    assert (request.parameters["quantity"], request.parameters["runs"], request.parameters["interval"]) == (
        "300",
        "5",
        "60",
    )
    assert request.expected_charge == RATE * 1500 / 1000


@pytest.mark.parametrize("rule", dripped, ids=lambda rule: rule.name)
def test_a_drip_feed_that_the_service_does_not_offer(rule):
    refusal = check(_order(rule, runs=5, interval_minutes=60), _service(rule, dripfeed=False))
    assert refusal.code == "dripfeed_not_offered"


@pytest.mark.parametrize("rule", [rule for rule in TYPES if rule not in dripped], ids=lambda rule: rule.name)
def test_a_drip_feed_that_the_type_does_not_know(rule):
    refusal = check(_order(rule, runs=5, interval_minutes=60), _service(rule, dripfeed=True))
    assert refusal.code == "dripfeed_not_offered"


# Charges


@pytest.mark.parametrize(
    ("rate", "quantity", "charge"),
    [
        ("0.90", 1000, "0.9"),
        ("0.0001", 1, "0.0000001"),
        ("0.1", 3, "0.0003"),
        ("12345.678901", 10_000_000, "123456789.01"),
        ("0", 1000, "0"),
    ],
)
def test_a_charge_is_exact(rate, quantity, charge):
    request = check(OrderRequest("7", LINK, quantity), Service("7", type="Default", rate=Decimal(rate)))
    assert request.expected_charge == Decimal(charge)


def test_without_a_rate_nothing_is_expected():
    assert check(OrderRequest("7", LINK, 300), Service("7", type="Default")).expected_charge is None


@pytest.mark.parametrize(("most", "code"), [("0.37035", None), ("0.37034", "max_charge_exceeded"), ("1e9", None)])
def test_a_limit_of_the_charge(most, code):
    rule = rule_of("Default")
    answer = check(_order(rule, max_charge=Decimal(most)), _service(rule))
    assert getattr(answer, "code", None) == code


def test_a_limit_counts_all_runs():
    rule = rule_of("Default")
    order = _order(rule, runs=5, interval_minutes=60, max_charge=Decimal("0.37035"))
    refusal = check(order, _service(rule))
    assert refusal.code == "max_charge_exceeded"
    assert "1.85175" in refusal.text


def test_a_limit_and_no_rate():
    order = OrderRequest("7", LINK, 300, max_charge=Decimal(1))
    assert check(order, Service("7", type="Default")).code == "charge_not_known"


@pytest.mark.parametrize(
    ("limits", "most", "code"),
    [
        ({}, "1000", "charge_not_known"),
        ({"posts": 0}, "1000", "charge_not_known"),
        ({"posts": "x"}, "1000", "bad_parameter"),
        ({"posts": 5}, "0.12345", None),
        ({"posts": 5}, "0.12344", "max_charge_exceeded"),
        ({"posts": 5, "old_posts": 0}, "0.12345", None),
        ({"posts": 5, "old_posts": 5}, "0.2469", None),
        ({"posts": 5, "old_posts": 5}, "0.2468", "max_charge_exceeded"),
    ],
)
def test_a_subscription_is_limited_by_its_posts(limits, most, code):
    rule = rule_of("Subscriptions")
    order = _order(rule, max_charge=Decimal(most))
    answer = check(replace(order, params={**order.params, **limits}), _service(rule))
    assert getattr(answer, "code", None) == code
