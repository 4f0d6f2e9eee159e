"""Takes over the orders of dead workers, and reports rows for panels that aren't configured."""

from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from worker.domain.orders.changes import Change

_log = structlog.get_logger()


class Sweep:
    """Finds what no insert announces, so that only the schedule brings it to light."""

    def __init__(
        self,
        take_over: Callable[[], Awaitable[Sequence[tuple[str, Change]]]],
        panels_waiting: Callable[[], Awaitable[Sequence[str]]],
        panels: Collection[str],
    ) -> None:
        """`panels` are the configured ones. `worker.store.queue` has the two calls."""
        self._take_over = take_over
        self._panels_waiting = panels_waiting
        self._panels = panels

    async def run(self) -> None:
        for panel, change in await self._take_over():
            _log.warning(
                "order_unconfirmed",
                order_id=change.order_id,
                panel=panel,
                state=change.after.state,
                error_code=change.after.error_code,
                error=change.after.error,
            )
        for panel in await self._panels_waiting():
            if panel not in self._panels:
                _log.warning("panel_not_configured", panel=panel)
