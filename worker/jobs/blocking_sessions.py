"""What frozen and lost workers hold is taken from them: a job of its own, as all others may be waiting for that."""

from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger()


class Abandoned:
    def __init__(self, end: Callable[[], Awaitable[int]]) -> None:
        """`end` tells how many sessions it ended."""
        self._end = end

    async def run(self) -> None:
        if ended := await self._end():
            _log.warning("sessions_ended", sessions=ended)
