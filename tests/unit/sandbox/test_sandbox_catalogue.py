"""Tests catalogues of real shape: thousands of services of every type, with odd limits and any rate."""

from decimal import Decimal

from worker.domain.orders.services import TYPES


def test_many_services_of_every_kind(quirky):
    it = quirky("many_services")
    listed = it.ask("services")

    assert [entry["service"] for entry in listed] == list(range(1, 6001))
    added = listed[20:]
    assert {entry["type"] for entry in added} == {rule.name for rule in TYPES}
    limits = {(entry.get("min"), entry.get("max")) for entry in added}
    assert {("999999", "150000"), ("50", "0"), (None, None), ("100", "2147483647")} <= limits
    rates = {Decimal(entry["rate"]) for entry in added}
    assert (min(rates), max(rates)) == (0, 10**12)
    assert not any("E" in entry["rate"] for entry in added)
    assert len({(entry["type"], entry.get("min"), entry.get("max"), entry["rate"]) for entry in added}) > 1000


def test_a_catalogue_grows_and_shrinks(quirky):
    it = quirky("many_services=40")
    order = {"service": 34, "link": "https://example.com/me", "quantity": 1000}
    assert len(it.ask("services")) == 40
    assert it.ask("add", **order) == {"order": 23501}
    it.quirks.on("many_services=33")
    assert len(it.ask("services")) == 33
    assert it.ask("add", **order) == {"error": "Incorrect service ID"}

    it.quirks.clear()

    assert len(it.ask("services")) == 20
    assert it.ask("status", order=23501)["charge"] == "0.90000"
    assert it.ask("cancel", orders=23501) == [
        {"order": 23501, "cancel": {"error": "Cancel is not available for this order"}}
    ]
    it.quirks.on("many_services=34")
    assert it.ask("add", **order) == {"order": 23502}
