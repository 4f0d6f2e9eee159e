"""Reads how all orders stand from the database now and then, so that no scrape has to ask it."""

from collections.abc import Awaitable, Callable, Collection, Iterable

from worker.domain.orders.states import OrderState
from worker.observe.metrics import Metrics, Snapshot
from worker.store.views.overview import Overview, PanelStands

#: The states in which an order is open. Closed orders are too many to be counted.
OPEN = (OrderState.PENDING, OrderState.SUBMITTING, OrderState.UNCONFIRMED, OrderState.SUBMITTED)


class TakeSnapshot:
    """Shows the numbers of open orders in the metrics, and in the supervisor's status line."""

    def __init__(
        self, read: Callable[[], Awaitable[Overview]], metrics: Metrics, show_status: Callable[[str], None]
    ) -> None:
        """`show_status` takes one line for a person."""
        self._read = read
        self._metrics = metrics
        self._show_status = show_status

    async def run(self) -> None:
        stands = await self._read()
        self._metrics.show(snapshot_of(stands, self._metrics.label))
        self._show_status(
            ", ".join(f"{sum(getattr(panel, state) for panel in stands.panels)} {state}" for state in OPEN)
        )


def snapshot_of(overview: Overview, label: Callable[[str], str]) -> Snapshot:
    """Returns the gauges of an overview. Panels of one label count as one: sums of orders, and the longest waits."""
    snapshot = Snapshot()
    panels: dict[str, list[PanelStands]] = {}
    for panel in overview.panels:
        panels.setdefault(label(panel.panel), []).append(panel)
    for name, alike in panels.items():
        _show_orders(snapshot, name, alike)
    for panel in overview.panels:
        if panel.configured:
            _show_account(snapshot, panel)
    snapshot.workers.set(len(overview.workers))
    return snapshot


def _show_orders(snapshot: Snapshot, name: str, panels: Collection[PanelStands]) -> None:
    for state in OPEN:
        snapshot.orders.labels(name, state).set(sum(getattr(panel, state) for panel in panels))
    snapshot.unconfirmed.labels(name).set(sum(panel.unconfirmed for panel in panels))
    for gauge, waits in (
        (snapshot.oldest_pending, [panel.oldest_pending_seconds for panel in panels]),
        (snapshot.oldest_unconfirmed, [panel.oldest_unconfirmed_seconds for panel in panels]),
        (snapshot.status_age, [panel.status_age_seconds for panel in panels]),
        (snapshot.status_overdue, [panel.status_overdue_seconds for panel in panels]),
    ):
        gauge.labels(name).set(_longest(waits))


def _longest(waits: Iterable[float | None]) -> float:
    return max(wait or 0.0 for wait in waits)


def _show_account(snapshot: Snapshot, panel: PanelStands) -> None:
    if panel.balance is not None:
        snapshot.balance(panel.panel, panel.balance.currency, panel.balance.amount)
        snapshot.balance_read.labels(panel.panel).set(panel.balance.at.timestamp())
    if panel.services_at is not None:
        snapshot.services_read.labels(panel.panel).set(panel.services_at.timestamp())
    snapshot.shared_account.labels(panel.panel).set(panel.shared_since is not None)
    for pause in panel.pauses:
        snapshot.paused.labels(panel.panel, pause.reason, pause.scope).set(1)
