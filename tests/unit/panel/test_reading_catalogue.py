"""Tests how lists of services and balances are read."""

from decimal import Decimal

import pytest

from worker.domain.orders.outcomes import Answered, Reason, Refused, Unknown
from worker.domain.orders.services import Service
from worker.domain.orders.statuses import Balance
from worker.panel.catalogue import read_services
from worker.panel.replies import read_balance

ENTRY = {
    "service": 1,
    "name": "Followers",
    "type": "Default",
    "category": "First Category",
    "rate": "0.90",
    "min": "50",
    "max": "10000",
    "refill": True,
    "cancel": True,
}
SERVICE = Service("1", "Followers", "Default", "First Category", Decimal("0.90"), 50, 10000, True, True, None, ENTRY)


@pytest.mark.parametrize(
    "body",
    [
        [ENTRY],
        {"services": [ENTRY]},
        {"data": [ENTRY]},
        {"status": "success", "data": [ENTRY]},
        {"data": {"services": [ENTRY]}},
        {"success": True, "message": "Services retrieved successfully", "services": [ENTRY]},
        {"response": {"result": [ENTRY]}},
        {"Data": {"Services": {"1": ENTRY}}},
        {"1": ENTRY},
        {"services": {"1": ENTRY}},
        [{"name": "no id"}, None, "x", [], {"service": 0}, {"service": None}, ENTRY],
        [ENTRY | {"name": "older"}, ENTRY],
    ],
)
def test_every_shape_of_the_list(received, body):
    assert read_services(received(body)) == Answered([SERVICE])


def test_in_a_map_the_key_is_the_id_of_an_entry_without_one(received):
    reply = read_services(received({"7": {"name": "a"}}))

    assert isinstance(reply, Answered)
    assert [service.service for service in reply.value] == ["7"]


def test_the_id_may_stand_under_id_and_keys_in_any_case(received):
    reply = read_services(received([{"ID": 1680, "Name": "Views", "Rate": "$18.66", "Min": 100}]))

    assert isinstance(reply, Answered)
    assert [(s.service, s.name, s.rate, s.min) for s in reply.value] == [("1680", "Views", Decimal("18.66"), 100)]


@pytest.mark.parametrize("body", [[], {}, {"services": []}])
def test_an_empty_list_is_an_answer(received, body):
    assert read_services(received(body)) == Answered([])


def test_what_an_entry_says_unreadably_is_none(received):
    entry = {"service": "x1", "name": None, "rate": "free", "min": "", "max": "many", "refill": "yes", "dripfeed": "0"}

    assert read_services(received([entry])) == Answered([Service("x1", dripfeed=False, raw=entry)])


def test_a_rate_that_is_a_json_number_is_exact_also_in_the_raw_entry(received):
    reply = read_services(received(b'[{"service": 1, "rate": 0.90, "min": 50}]'))

    assert reply == Answered(
        [Service("1", rate=Decimal("0.90"), min=50, raw={"service": 1, "rate": "0.90", "min": 50})]
    )


@pytest.mark.parametrize(
    "body", [b"", b"null", b"<html>", b'[{"service": 1', b'{"message": "x"}', b'["x"]', b"[[]]", b"5"]
)
def test_a_list_that_cannot_be_read_is_unknown(received, body):
    assert isinstance(read_services(received(body)), Unknown)


@pytest.mark.parametrize(
    ("body", "balance"),
    [
        ({"balance": "100.84292", "currency": "USD"}, Balance(Decimal("100.84292"), "USD")),
        (b'{"balance": 100.84292}', Balance(Decimal("100.84292"), None)),
        ({"balance": 0, "currency": ""}, Balance(Decimal(0), None)),
        ({"balance": "-1.5", "currency": "EUR"}, Balance(Decimal("-1.5"), "EUR")),
        ({"balance": "1,234.50", "error": None}, Balance(Decimal("1234.50"), None)),
        ({"balance": "$12.50", "currency": "USD"}, Balance(Decimal("12.50"), "USD")),
        ({"balance": "12.50 EUR"}, Balance(Decimal("12.50"), "EUR")),
        ({"success": True, "data": {"balance": 12.5, "currency": "RUB"}}, Balance(Decimal("12.5"), "RUB")),
        ({"status": "success", "funds": "5"}, Balance(Decimal(5), None)),
    ],
)
def test_balances(received, body, balance):
    assert read_balance(received(body)) == Answered(balance)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"balance": null}', b'{"balance": "1,5"}', b'{"balance": NaN}', b"5"]
)
def test_a_balance_that_cannot_be_read_is_unknown(received, body):
    assert isinstance(read_balance(received(body)), Unknown)


@pytest.mark.parametrize("read", [read_services, read_balance])
@pytest.mark.parametrize("extra", [{}, {"balance": "5"}, {"services": [ENTRY]}])
def test_an_error_is_refusal(received, read, extra):
    body = extra | {"error": "Invalid API key"}

    assert read(received(body)) == Refused(Reason.BAD_KEY, "Invalid API key")


@pytest.mark.parametrize("text", ["The account does not exists", "User is not active", "User not found"])
@pytest.mark.parametrize("read", [read_services, read_balance])
def test_the_account_is_ours_where_no_order_is_meant(received, read, text):
    assert read(received({"error": text})) == Refused(Reason.BAD_KEY, text)
