"""Counts and measures what the worker does (docs/reference/metrics.md). A scrape reads memory, and no database.

Each daemon has a registry of its own, and counts what it does as it happens. A job reads from the database now and then
how all orders stand, which is the same for all workers; a scrape shows that as long as it is young enough.
"""

import platform
import re
import time
from collections.abc import Callable, Collection, Iterator
from decimal import Decimal
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric

from worker.domain.evidence.verdicts import Doubt
from worker.domain.orders.changes import Change
from worker.domain.orders.states import OrderState

PREFIX = "order_sync_"

#: The one label of all panels that rows name and the settings don't, since there may be any number of them.
NOT_CONFIGURED = "(not configured)"

#: Seconds for which a scrape shows a snapshot. An older one would pass for the present.
SNAPSHOT_COUNTS = 60.0

ACTIONS = ("add", "status", "refill", "refill_status", "cancel", "services", "balance")
OUTCOMES = ("answered", "refused", "not_sent", "unknown")

#: Seconds. Panels answer in a tenth of a second, or time out after half a minute.
REQUEST_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)

#: Verdicts that settle an order, in the words of its events.
SETTLED = ("linked", "absent")

#: Seconds. Most orders that were bought are found in half a minute, and proof of absence takes ten by default.
SETTLE_SECONDS = (2.5, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 14_400, 86_400)

_CURRENCY = re.compile(r"[A-Z]{3,5}")


class Snapshot:
    """How all orders stood when a job read them. Each one is new, so that panels without orders disappear."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        gauge = partial(_gauge, self.registry)
        self.orders = gauge("orders", "Open orders.", "panel", "state")
        self.oldest_pending = gauge(
            "oldest_pending_seconds", "How long the oldest order has waited to be sent.", "panel"
        )
        self.unconfirmed = gauge("unconfirmed", "Orders of which nobody knows whether the panel has them.", "panel")
        self.oldest_unconfirmed = gauge(
            "oldest_unconfirmed_seconds", "How long the oldest unconfirmed order has been so.", "panel"
        )
        self.status_age = gauge(
            "status_age_seconds",
            "Since the panel last told the status of the open order whose next poll is due first.",
            "panel",
        )
        self.status_overdue = gauge(
            "status_overdue_seconds", "By how much the poll that is due first is late.", "panel"
        )
        self.currencies: set[tuple[str, str]] = set()
        self._balance = gauge("balance", "The balance at its last reading.", "panel", "currency")
        self.balance_read = gauge("balance_read_timestamp_seconds", "When the balance was last read.", "panel")
        self.services_read = gauge("services_read_timestamp_seconds", "When the services were last mirrored.", "panel")
        self.paused = gauge("paused", "1 for each pause in force.", "panel", "reason", "scope")
        self.shared_account = gauge(
            "shared_account", "1 if somebody else was found to order on the panel's account.", "panel"
        )
        self.workers = gauge("workers", "Workers that are alive.")

    def balance(self, panel: str, currency: str | None, amount: Decimal) -> None:
        labels = panel, _currency(currency)
        self.currencies.add(labels)
        self._balance.labels(*labels).set(float(amount))


class Metrics:
    """The numbers that this worker counts and measures. All methods are cheap, and none raises."""

    def __init__(self, version: str, panels: Collection[str], clock: Callable[[], float] = time.monotonic) -> None:
        """`panels` are the configured ones."""
        self._panels = frozenset(panels)
        self._clock = clock
        self._registry = CollectorRegistry()
        self._snapshot: Snapshot | None = None
        self._snapshot_at = clock()
        counter, gauge = partial(_counter, self._registry), partial(_gauge, self._registry)

        self._requests = counter("panel_requests_total", "Requests to panels.", "panel", "action", "outcome")
        self._request_seconds = Histogram(
            f"{PREFIX}panel_request_seconds",
            "How long requests to panels took.",
            ["panel", "action"],
            buckets=REQUEST_SECONDS,
            registry=self._registry,
        )
        self._transitions = counter("transitions_total", "Orders that came into a state.", "panel", "state")
        self._order_errors = counter("order_errors_total", "Changes of orders with an error code.", "panel", "code")
        self._charged = counter("charged_total", "By how much charges of orders rose.", "panel", "currency")
        self._refunded = counter("refunded_total", "By how much charges of orders fell.", "panel", "currency")
        # Not `job`: Prometheus gives each target a label of that name.
        self._job_succeeded = gauge(
            "job_last_success_timestamp_seconds",
            "When a run of the job last ended without an error; 0: never.",
            "job_name",
            "panel",
        )
        self._job_failures = counter(
            "job_failures_total", "Failed runs of the job, and failed calls that it started.", "job_name", "panel"
        )
        self._evidence_requests = counter(
            "evidence_requests_total", "Requests about ids that may be those of lost orders.", "panel"
        )
        self._evidence_ids = counter("evidence_ids_total", "The ids in these requests.", "panel")
        self._verdicts = counter("verdicts_total", "New verdicts on orders in doubt.", "panel", "verdict")
        self._settle_seconds = Histogram(
            f"{PREFIX}settle_seconds",
            "How long orders were in doubt until evidence settled them.",
            ["panel", "verdict"],
            buckets=SETTLE_SECONDS,
            registry=self._registry,
        )
        self._limit = gauge("requests_per_second_limit", "REQUESTS_PER_SECOND, for all workers together.", "panel")
        self._pool_in_use = gauge("pool_connections_in_use", "Connections to the database in use.", "pool")
        self._pool_limit = gauge("pool_connections_limit", "Most connections of the pool.", "pool")
        self._unexplained = gauge(
            "audit_unexplained", "The part of the balance that the last audit couldn't explain.", "panel", "currency"
        )
        self._audited_in: dict[str, str] = {}
        self._threshold = gauge("audit_threshold", "AUDIT__THRESHOLD: smallest missing amount that raises a warning.")
        gauge("build_info", "1.", "version", "python").labels(version, platform.python_version()).set(1)
        gauge("snapshot_age_seconds", "Age of the snapshot of all orders.").set_function(self._snapshot_age)
        ProcessCollector(namespace=PREFIX.rstrip("_"), registry=self._registry)
        self._begin_at_zero()

    def label(self, panel: str) -> str:
        """Returns the label of a panel that a row names."""
        return panel if panel in self._panels else NOT_CONFIGURED

    def request(self, panel: str, action: str, outcome: str, seconds: float) -> None:
        """Counts a request to a configured panel. `action` and `outcome` are those of the client's observer."""
        self._requests.labels(panel, action, outcome).inc()
        self._request_seconds.labels(panel, action).observe(seconds)

    def change(self, panel: str, change: Change) -> None:
        """Counts a committed change of an order."""
        label, before, after = self.label(panel), change.before, change.after
        if change.changes_state:
            self._transitions.labels(label, after.state).inc()
        if after.error_code is not None:
            self._order_errors.labels(label, after.error_code).inc()
        if (before.charge, before.currency) == (after.charge, after.currency):
            return
        if before.currency == after.currency:
            self._charge(label, after.currency, (after.charge or Decimal(0)) - (before.charge or Decimal(0)))
        else:
            self._charge(label, before.currency, -(before.charge or Decimal(0)))
            self._charge(label, after.currency, after.charge or Decimal(0))

    def _charge(self, label: str, currency: str | None, amount: Decimal) -> None:
        if amount:
            sums = self._charged if amount > 0 else self._refunded
            sums.labels(label, _currency(currency)).inc(float(abs(amount)))  # Prometheus has no other numbers

    def job_known(self, job: str, panel: str) -> None:
        """Begins to show a job; `panel` is empty for a job of all panels."""
        self._job_succeeded.labels(job, panel)
        self._job_failures.labels(job, panel)

    def job_succeeded(self, job: str, panel: str) -> None:
        self._job_succeeded.labels(job, panel).set_to_current_time()

    def job_failed(self, job: str, panel: str) -> None:
        self._job_failures.labels(job, panel).inc()

    def ids_asked(self, panel: str, ids: int) -> None:
        """Counts a request of evidence about so many ids."""
        self._evidence_requests.labels(panel).inc()
        self._evidence_ids.labels(panel).inc(ids)

    def weighed(self, panel: str, verdict: str, seconds: float | None = None) -> None:
        """Counts a new verdict. `seconds`: how long the order was in doubt, if it is settled now."""
        self._verdicts.labels(panel, verdict).inc()
        if seconds is not None:
            self._settle_seconds.labels(panel, verdict).observe(max(seconds, 0.0))

    def limit(self, panel: str, requests_per_second: float) -> None:
        self._limit.labels(panel).set(requests_per_second)

    def pool(self, name: str, in_use: Callable[[], int], limit: int) -> None:
        self._pool_in_use.labels(name).set_function(in_use)
        self._pool_limit.labels(name).set(limit)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Adds a number that each scrape reads."""
        _gauge(self._registry, name, text).set_function(read)

    def unexplained(self, panel: str, currency: str | None, amount: Decimal) -> None:
        """Sets the amount that an audit couldn't explain; below 0, money is missing."""
        label = self.label(panel)
        before, now = self._audited_in.get(label), _currency(currency)
        if before is not None and before != now:
            self._unexplained.remove(label, before)
        self._audited_in[label] = now
        self._unexplained.labels(label, now).set(float(amount))

    def threshold(self, amount: Decimal) -> None:
        """Sets the smallest missing amount that raises a warning."""
        self._threshold.set(float(amount))

    def show(self, snapshot: Snapshot) -> None:
        """Shows this snapshot from now on."""
        self._snapshot, self._snapshot_at = snapshot, self._clock()
        for labels in snapshot.currencies:
            self._charged.labels(*labels)
            self._refunded.labels(*labels)

    def collect(self) -> Iterator[Metric]:
        """Collects like a registry of Prometheus' client, without the time at which each counter was made."""
        registries = [self._registry]
        if self._snapshot is not None and self._snapshot_age() <= SNAPSHOT_COUNTS:
            registries.append(self._snapshot.registry)
        for registry in registries:
            for metric in registry.collect():
                metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
                yield metric

    def text(self) -> bytes:
        """Returns all metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self)

    def _snapshot_age(self) -> float:
        return self._clock() - self._snapshot_at

    def _begin_at_zero(self) -> None:
        """Sets counters to 0 before anything happens: to Prometheus, from nothing to 1 is no increase."""
        for panel in self._panels:
            for state in OrderState:
                self._transitions.labels(panel, state)
            for action in ACTIONS:
                for outcome in OUTCOMES:
                    self._requests.labels(panel, action, outcome)
            self._evidence_requests.labels(panel)
            self._evidence_ids.labels(panel)
            for verdict in (*SETTLED, *Doubt):
                self._verdicts.labels(panel, verdict)
            for verdict in SETTLED:
                self._settle_seconds.labels(panel, verdict)


def _gauge(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Gauge:
    return Gauge(PREFIX + name, text, labels, registry=registry)


def _counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Counter:
    return Counter(PREFIX + name, text, labels, registry=registry)


def _currency(given: str | None) -> str:
    """Returns the label of a currency. A panel may give any text for one: only codes are shown."""
    code = (given or "").strip().upper()
    if not code:
        return "(not told)"
    return code if _CURRENCY.fullmatch(code) else "(other)"
