"""What is counted of changes and requests, and for how long a snapshot is shown."""

from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.observe.conftest import Clock
from worker.domain.evidence.verdicts import Doubt
from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import OrderState
from worker.observe.metrics import SNAPSHOT_COUNTS, Metrics, Snapshot


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics("1.2.3", ["shop"], clock)


def told(metrics: Metrics, name: str, **labels: str) -> dict[tuple[str, ...], float]:
    """The samples of this name that have these labels, by their other labels' values, in the order of their names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items() - labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if sample.name == f"order_sync_{name}" and labels.items() <= sample.labels.items()
    }


def status(before: str | None, after: str | None, *currencies: str | None) -> Change:
    """A look that brought another charge, in one currency, or in one before and another after."""
    records = [
        OrderRecord(OrderState.SUBMITTED, "7", charge=None if charge is None else Decimal(charge), currency=currency)
        for charge, currency in zip((before, after), (currencies or ("USD",)) * 2, strict=False)
    ]
    return Change(1, EventKind.STATUS, *records)


@pytest.mark.parametrize(
    ("changes", "charged", "refunded"),
    [
        ([status(None, "1.5")], {"USD": 1.5}, {}),
        ([status(None, "1.5"), status("1.5", "0.9")], {"USD": 1.5}, {"USD": 0.6}),
        ([status("1.5", "1.7")], {"USD": 0.2}, {}),
        ([status("1.5", "1.5")], {}, {}),
        ([status("1", "2", "USD", "EUR")], {"EUR": 2}, {"USD": 1}),
        ([status(None, "-0.5")], {}, {"USD": 0.5}),
        ([status(None, "1", None)], {"(not told)": 1}, {}),
        ([status(None, "1", "usd ")], {"USD": 1}, {}),
        ([status(None, "1", 'x"} 1\nsk-1234567')], {"(other)": 1}, {}),
    ],
)
def test_charges_are_counted_where_they_rise_and_where_they_fall(
    metrics: Metrics, changes: list[Change], charged: dict[str, float], refunded: dict[str, float]
) -> None:
    for change in changes:
        metrics.change("shop", change)
    for name, expected in (("charged_total", charged), ("refunded_total", refunded)):
        assert {currency: value for (currency,), value in told(metrics, name, panel="shop").items()} == pytest.approx(
            expected
        )


def test_changes_of_a_state_and_its_errors(metrics: Metrics) -> None:
    submitting = OrderRecord(OrderState.SUBMITTING)
    lost = OrderRecord(OrderState.UNCONFIRMED, error_code="worker_lost", error="the worker died")
    metrics.change("shop", Change(1, EventKind.SUBMITTING, OrderRecord(), submitting))
    metrics.change("shop", Change(1, EventKind.UNCONFIRMED, submitting, lost))
    metrics.change("shop", Change(1, EventKind.STATUS, lost, lost, retry_in=1.0))
    counted = {state: value for (state,), value in told(metrics, "transitions_total", panel="shop").items()}
    assert counted == {**dict.fromkeys(OrderState, 0), "submitting": 1, "unconfirmed": 1}
    assert told(metrics, "order_errors_total", panel="shop") == {("worker_lost",): 2}


def test_panels_that_are_not_configured_have_one_label(metrics: Metrics) -> None:
    for panel in ("a", "b", 'c"} 1'):
        metrics.change(panel, Change(1, EventKind.CANCELED, OrderRecord(), OrderRecord(OrderState.CANCELED)))
    assert told(metrics, "transitions_total", state="canceled") == {("shop",): 0, ("(not configured)",): 3}


def test_requests(metrics: Metrics) -> None:
    metrics.request("shop", "add", "answered", 0.2)
    metrics.request("shop", "add", "unknown", 30.0)
    counted = told(metrics, "panel_requests_total", panel="shop", action="add")
    assert counted == {("answered",): 1, ("unknown",): 1, ("refused",): 0, ("not_sent",): 0}
    assert told(metrics, "panel_request_seconds_sum", panel="shop") == {("add",): 30.2}
    buckets = told(metrics, "panel_request_seconds_bucket", panel="shop", action="add")
    assert (buckets["0.1",], buckets["0.25",], buckets["30.0",]) == (0, 1, 2)


def test_what_evidence_costs_and_what_comes_of_it(metrics: Metrics) -> None:
    assert told(metrics, "verdicts_total", panel="shop") == dict.fromkeys(
        [(verdict,) for verdict in ("linked", "absent", *Doubt)], 0
    )
    metrics.ids_asked("shop", 100)
    metrics.ids_asked("shop", 37)
    metrics.weighed("shop", "ambiguous")
    metrics.weighed("shop", "linked", 3.5)
    metrics.weighed("shop", "linked", -0.1)  # a clock that was set
    assert told(metrics, "evidence_requests_total") == {("shop",): 2}
    assert told(metrics, "evidence_ids_total") == {("shop",): 137}
    counted = {
        verdict: number for (verdict,), number in told(metrics, "verdicts_total", panel="shop").items() if number
    }
    assert counted == {"ambiguous": 1, "linked": 2}
    assert told(metrics, "settle_seconds_sum", panel="shop") == {("absent",): 0, ("linked",): 3.5}
    buckets = told(metrics, "settle_seconds_bucket", panel="shop", verdict="linked")
    assert (buckets["2.5",], buckets["5.0",]) == (1, 2)


def test_a_snapshot_is_shown_for_a_while_and_its_age_for_ever(metrics: Metrics, clock: Clock) -> None:
    snapshot = Snapshot()
    snapshot.unconfirmed.labels("shop").set(3)
    clock.now += 5
    assert told(metrics, "snapshot_age_seconds") == {(): 5}
    metrics.show(snapshot)
    clock.now += SNAPSHOT_COUNTS
    assert told(metrics, "unconfirmed") == {("shop",): 3}
    clock.now += 1
    assert told(metrics, "unconfirmed") == {}
    assert told(metrics, "snapshot_age_seconds") == {(): SNAPSHOT_COUNTS + 1}


def test_a_snapshot_leaves_nothing_of_the_one_before(metrics: Metrics) -> None:
    for reason in ("outage", "bad_key"):
        snapshot = Snapshot()
        snapshot.paused.labels("shop", reason, "all").set(1)
        metrics.show(snapshot)
    assert told(metrics, "paused") == {("shop", "bad_key", "all"): 1}


def test_what_is_spent_is_counted_from_nothing_on_once_the_currency_is_known(metrics: Metrics) -> None:
    snapshot = Snapshot()
    snapshot.balance("shop", "EUR", Decimal("12.50"))
    metrics.show(snapshot)
    assert told(metrics, "balance") == {("EUR", "shop"): 12.5}
    assert told(metrics, "charged_total") == told(metrics, "refunded_total") == {("EUR", "shop"): 0}


def test_what_an_audit_could_not_explain(metrics: Metrics) -> None:
    metrics.unexplained("shop", "USD", Decimal("-1.25"))
    metrics.threshold(Decimal("0.01"))
    assert told(metrics, "audit_unexplained") == {("USD", "shop"): -1.25}
    assert told(metrics, "audit_threshold") == {(): 0.01}


def test_a_balance_in_another_currency_than_before_is_another_balance(metrics: Metrics) -> None:
    """Else what was missing of the one would go on being told, beside the other."""
    metrics.unexplained("shop", None, Decimal("-1.25"))
    metrics.unexplained("shop", "USD", Decimal(0))
    assert told(metrics, "audit_unexplained") == {("USD", "shop"): 0}


def test_jobs(metrics: Metrics) -> None:
    metrics.job_known("sweep", "")
    assert told(metrics, "job_last_success_timestamp_seconds") == {("sweep", ""): 0}
    metrics.job_failed("sweep", "")
    metrics.job_succeeded("sweep", "")
    assert told(metrics, "job_failures_total") == {("sweep", ""): 1}
    assert told(metrics, "job_last_success_timestamp_seconds")["sweep", ""] > 1.7e9


def test_two_workers_in_one_process_count_each_for_itself(metrics: Metrics) -> None:
    other = Metrics("1.2.3", ["shop"])
    other.request("shop", "add", "answered", 0.2)
    assert told(metrics, "panel_requests_total", outcome="answered", action="add") == {("shop",): 0}


def test_nothing_is_told_that_nobody_asked_for(metrics: Metrics) -> None:
    metrics.request("shop", "add", "answered", 0.2)
    assert "_created" not in metrics.text().decode()
