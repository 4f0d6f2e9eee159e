"""Tests what a report changes: over every state that the panel's word can move, and arbitrary reports."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from worker.domain.orders.changes import EventKind, OrderRecord
from worker.domain.orders.news import read_news
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import OrderReport, Recognition

ON_PANEL = [OrderState.SUBMITTED, OrderState.COMPLETED, OrderState.PARTIAL, OrderState.CANCELED]
WORDS = {
    "In progress": OrderState.SUBMITTED,
    "Completed": OrderState.COMPLETED,
    "Partial": OrderState.PARTIAL,
    "Canceled": OrderState.CANCELED,
    "Paused": OrderState.SUBMITTED,
    "Gone fishing": OrderState.SUBMITTED,
}
RECORD = OrderRecord(
    OrderState.SUBMITTED,
    panel_order_id="23501",
    panel_status="In progress",
    charge=Decimal("0.27819000"),
    currency="USD",
    start_count=3572,
    remains=157,
)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("state", ON_PANEL)
def test_the_panels_word_moves_an_order_freely(state, word):
    change = read_news(7, replace(RECORD, state=state, panel_status="Pending"), OrderReport(word)).change
    assert change.after == replace(RECORD, state=WORDS[word], panel_status=word)
    assert (change.order_id, change.kind, change.retry_in) == (7, EventKind.STATUS, None)
    assert change.changes_state is (state is not WORDS[word])


@pytest.mark.parametrize("state", [state for state in OrderState if state not in ON_PANEL])
@pytest.mark.parametrize("word", WORDS)
def test_what_the_panel_does_not_have_is_not_moved_by_its_word(state, word):
    assert read_news(7, OrderRecord(state), OrderReport(word)).change is None


@pytest.mark.parametrize(
    ("word", "recognition"),
    [
        (None, Recognition.KNOWN),
        ("Completed", Recognition.KNOWN),
        ("Paused", Recognition.TROUBLED),
        ("Gone fishing", Recognition.UNKNOWN),
    ],
)
def test_a_word_that_is_not_known_is_told(word, recognition):
    assert read_news(7, RECORD, OrderReport(word)).recognition is recognition


def test_the_same_again_is_no_news():
    report = OrderReport("In progress", Decimal("0.27819"), "USD", 3572, 157)
    assert read_news(7, RECORD, report).change is None


def test_a_parent_without_charge_and_remains_keeps_what_was_known():
    news = read_news(7, RECORD, OrderReport("Active", spawned=("23510", "23511")))
    assert news.change.after == replace(RECORD, panel_status="Active")
    assert news.change.detail == {"orders": ["23510", "23511"]}


def test_a_completed_order_that_is_cut_short_later_tells_its_new_charge():
    before = replace(RECORD, state=OrderState.COMPLETED, panel_status="Completed", remains=0)
    news = read_news(7, before, OrderReport("Partial", Decimal("0.1"), "USD", 3572, 640))
    assert news.change.before == before
    assert news.change.after == replace(
        before, state=OrderState.PARTIAL, panel_status="Partial", charge=Decimal("0.1"), remains=640
    )


def test_an_old_error_goes_with_the_next_news_and_makes_none():
    before = replace(RECORD, error_code="worker_lost", error="the worker died")
    assert read_news(7, before, OrderReport("In progress")).change is None
    after = read_news(7, before, OrderReport("Completed")).change.after
    assert (after.error_code, after.error) == (None, None)


@pytest.mark.parametrize(
    ("charge", "stored"),
    [
        ("0.3", "0.30000000"),
        ("0", "0.00000000"),
        ("0.123456785", "0.12345678"),
        ("1E-8", "0.00000001"),
        ("1E-9", "0.00000000"),
        ("-0.5", "-0.50000000"),
        ("999999999999.99999999", "999999999999.99999999"),
    ],
)
def test_a_charge_is_stored_to_eight_places(charge, stored):
    after = read_news(7, RECORD, OrderReport(None, Decimal(charge))).change.after
    assert str(after.charge) == str(Decimal(stored))


@pytest.mark.parametrize("charge", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+12", "-1E+12", "1E+999999"])
def test_a_charge_that_can_not_be_meant_is_ignored(charge):
    assert read_news(7, RECORD, OrderReport(None, Decimal(charge))).change is None


def test_a_charge_that_would_be_rounded_out_of_its_column_is_ignored():
    assert read_news(7, RECORD, OrderReport(None, Decimal("999999999999.999999999"))).change is None


reports = st.builds(
    OrderReport,
    st.none() | st.sampled_from(sorted(WORDS)) | st.text(),
    st.none() | st.decimals(allow_nan=True),
    st.none() | st.sampled_from(["USD", "EUR"]),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.lists(st.text(min_size=1)).map(tuple),
)
records = st.builds(
    OrderRecord,
    st.sampled_from(ON_PANEL),
    st.just("23501"),
    st.none() | st.text(),
    st.none() | st.decimals(-1000, 1000, places=8),
    st.none() | st.sampled_from(["USD", "EUR"]),
    st.none() | st.integers(-5, 5),
    st.none() | st.integers(-5, 5),
)


@given(records, reports)
def test_what_a_report_leaves_out_is_never_lost(before, report):
    news = read_news(7, before, report)
    after = before if news.change is None else news.change.after
    assert after.panel_order_id == before.panel_order_id
    for name in ("currency", "start_count", "remains"):
        said = getattr(report, name)
        assert getattr(after, name) == (getattr(before, name) if said is None else said)
    assert after.panel_status == (before.panel_status if report.status is None else report.status)
    if report.charge is None:
        assert after.charge == before.charge
    if report.status is None:
        assert after.state is before.state


@given(records, reports)
def test_a_charge_fits_its_column(before, report):
    news = read_news(7, before, report)
    charge = before.charge if news.change is None else news.change.after.charge
    if charge is not None:
        assert charge.is_finite()
        assert charge.as_tuple().exponent == -8
        assert len(charge.as_tuple().digits) <= 20


@given(records, reports)
def test_the_same_report_brings_no_news_twice(before, report):
    news = read_news(7, before, report)
    assume(news.change is not None)
    assert read_news(7, news.change.after, report).change is None


def test_the_record_has_no_field_that_these_tests_forget():
    assert {field.name for field in fields(OrderRecord)} == {
        "state",
        "panel_order_id",
        "panel_status",
        "charge",
        "currency",
        "start_count",
        "remains",
        "error_code",
        "error",
    }
