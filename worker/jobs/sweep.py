"""What the schedule alone brings to light: what dead and frozen workers left, and rows for panels that nobody
configured.
"""

from collections.abc import Awaitable, Callable, Collection

import structlog

from worker.store.orders import Orders

_log = structlog.get_logger()


class Sweep:
    def __init__(self, orders: Orders, panels: Collection[str], end_abandoned: Callable[[], Awaitable[int]]) -> None:
        """`panels` are the configured ones; `end_abandoned` tells how many sessions it ended."""
        self._orders = orders
        self._panels = panels
        self._end_abandoned = end_abandoned

    async def run(self) -> None:
        if ended := await self._end_abandoned():  # first: all else may wait for what they hold
            _log.warning("sessions_ended", sessions=ended)
        for panel, change in await self._orders.take_over():
            _log.warning(
                "order_unconfirmed",
                order_id=change.order_id,
                panel=panel,
                state=change.after.state,
                error_code=change.after.error_code,
                error=change.after.error,
            )
        for panel in await self._orders.panels_waiting():
            if panel not in self._panels:
                _log.warning("panel_not_configured", panel=panel)
