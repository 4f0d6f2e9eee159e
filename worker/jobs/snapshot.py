"""How all orders stand, read from the database now and then, so that a scrape needn't ask it."""

from collections.abc import Awaitable, Callable, Collection, Iterable

from worker.domain.orders.states import OrderState
from worker.observe.metrics import Metrics
from worker.observe.metrics import Snapshot as Gauges
from worker.store.views.overview import Overview, PanelStands

#: The states in which an order is open. Closed ones are too many to be counted.
OPEN = (OrderState.PENDING, OrderState.SUBMITTING, OrderState.UNCONFIRMED, OrderState.SUBMITTED)


class Snapshot:
    def __init__(self, read: Callable[[], Awaitable[Overview]], metrics: Metrics, tell: Callable[[str], None]) -> None:
        """`tell`: one line for a person, each time."""
        self._read = read
        self._metrics = metrics
        self._tell = tell

    async def run(self) -> None:
        stands = await self._read()
        self._metrics.show(gauges_of(stands, self._metrics.label))
        self._tell(", ".join(f"{sum(getattr(panel, state) for panel in stands.panels)} {state}" for state in OPEN))


def gauges_of(overview: Overview, label: Callable[[str], str]) -> Gauges:
    """Panels of one label are told as one: sums of their orders, and the longest of their waits."""
    gauges = Gauges()
    panels: dict[str, list[PanelStands]] = {}
    for panel in overview.panels:
        panels.setdefault(label(panel.panel), []).append(panel)
    for name, alike in panels.items():
        _show_orders(gauges, name, alike)
    for panel in overview.panels:
        if panel.configured:
            _show_account(gauges, panel)
    gauges.workers.set(len(overview.workers))
    return gauges


def _show_orders(gauges: Gauges, name: str, panels: Collection[PanelStands]) -> None:
    for state in OPEN:
        gauges.orders.labels(name, state).set(sum(getattr(panel, state) for panel in panels))
    gauges.unconfirmed.labels(name).set(sum(panel.unconfirmed for panel in panels))
    for gauge, waits in (
        (gauges.oldest_pending, [panel.oldest_pending_seconds for panel in panels]),
        (gauges.oldest_unconfirmed, [panel.oldest_unconfirmed_seconds for panel in panels]),
        (gauges.status_age, [panel.status_age_seconds for panel in panels]),
        (gauges.status_overdue, [panel.status_overdue_seconds for panel in panels]),
    ):
        gauge.labels(name).set(_longest(waits))


def _longest(waits: Iterable[float | None]) -> float:
    return max(wait or 0.0 for wait in waits)


def _show_account(gauges: Gauges, panel: PanelStands) -> None:
    if panel.balance is not None:
        gauges.balance(panel.panel, panel.balance.currency, panel.balance.amount)
        gauges.balance_read.labels(panel.panel).set(panel.balance.at.timestamp())
    if panel.services_at is not None:
        gauges.services_read.labels(panel.panel).set(panel.services_at.timestamp())
    for pause in panel.pauses:
        gauges.paused.labels(panel.panel, pause.reason, pause.scope).set(1)
