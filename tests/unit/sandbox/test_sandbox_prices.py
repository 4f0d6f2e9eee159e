"""Tests prices that differ from the list. The ledger and the balance have what was really debited."""

from decimal import Decimal

import pytest

from worker.sandbox.panel import ledger

ORDER = {"service": 1, "link": "https://example.com/me", "quantity": 1000}  # 0.90 in the list


def debited(it):
    return [entry["debited"] for entry in ledger.orders(it.panel)]


def shown(it, service=1):
    return next(entry["rate"] for entry in it.ask("services") if entry["service"] == service)


def test_a_discount_starts_and_ends_when_it_is_switched(quirky):
    it = quirky()
    for setting in ("price_factor=0.9", "price_factor=1.111"):
        it.ask("add", **ORDER)
        it.quirks.on(setting)
    it.ask("add", **ORDER)
    it.quirks.clear()
    it.ask("add", **ORDER)

    assert debited(it) == ["0.90000", "0.81000", "0.99990", "0.90000"]
    assert shown(it) == "0.90"
    assert it.ask("balance")["balance"] == str(1000 - sum(map(Decimal, debited(it))))


def test_a_service_has_a_price_of_its_own_that_no_catalogue_shows(quirky):
    it = quirky("price_of=1:0.5,5:4")
    it.ask("add", **ORDER)
    it.ask("add", service=5, link="x")
    it.ask("add", **{**ORDER, "service": 2})
    it.quirks.on("price_factor=2")
    it.ask("add", **ORDER)

    assert debited(it) == ["0.50000", "4.00000", "0.04750", "1.00000"]
    assert (shown(it), shown(it, 5)) == ("0.90", "4.50")


def test_a_subscription_pays_the_price_of_the_account(quirky):
    it = quirky("price_factor=0.5", first_order_id=1)
    it.ask("add", service=20, username="ann", min=1000, max=1000, posts=1)
    it.panel.clock.advance(4 * 3600)

    assert debited(it) == ["0.00000", "0.27500"]


@pytest.mark.parametrize(("quirks", "late"), [((), 600), (("rates_shown_late=600",), None)])
def test_a_rate_changes_before_the_catalogue_shows_it(quirky, quirks, late):
    it = quirky(*quirks)
    it.panel.catalogue.change("1", rate=Decimal("1.10"), lag=late)
    it.ask("add", **ORDER)

    assert (debited(it), shown(it)) == (["1.10000"], "0.90")
    it.panel.clock.advance(599)
    assert shown(it) == "0.90"
    it.panel.clock.advance(1)
    assert shown(it) == "1.10"


def test_a_rate_that_flashes_and_returns_is_never_shown(quirky):
    it = quirky("rates_shown_late=never")
    it.panel.catalogue.change("1", rate=Decimal("1.10"))
    it.ask("add", **ORDER)
    it.panel.catalogue.change("1", rate=Decimal("0.90"))
    it.ask("add", **ORDER)
    it.panel.clock.advance(10**9)

    assert (debited(it), shown(it)) == (["1.10000", "0.90000"], "0.90")
    it.quirks.clear()
    it.panel.catalogue.change("1", rate=Decimal("0.95"))
    assert shown(it) == "0.95"


def test_rates_drift_and_come_back(quirky):
    it = quirky("rates_drift=3600")
    start = [entry["rate"] for entry in it.ask("services")]
    changes = []
    for _ in range(100):
        it.panel.clock.advance(3600)
        before = [str(service.rate) for service in it.panel.catalogue.listed()]
        it.panel.book.settle()
        changes.append(sum(a != str(b.rate) for a, b in zip(before, it.panel.catalogue.listed(), strict=True)))

    assert 60 < sum(changes) < 110
    for first, entry in zip(start, it.ask("services"), strict=True):
        assert Decimal("0.79") < Decimal(entry["rate"]) / Decimal(first) < Decimal("1.21")
    it.quirks.clear()
    settled = it.ask("services")
    it.panel.clock.advance(10 * 3600)
    assert it.ask("services") == settled


def test_a_drift_may_be_unseen(quirky):
    it = quirky("rates_drift=60", "rates_shown_late=never")
    start = it.ask("services")
    it.panel.clock.advance(3600)

    assert it.ask("services") == start
    assert any(str(it.panel.catalogue.sold(str(e["service"])).rate) != e["rate"] for e in start)
