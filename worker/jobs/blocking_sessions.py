"""Ends the database sessions of frozen or lost workers. It is a job of its own, since all others may wait for it."""

from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger()


class EndBlockingSessions:
    """Ends the sessions that hold locks for too long, and logs how many."""

    def __init__(self, end: Callable[[], Awaitable[int]]) -> None:
        """`end` ends the sessions and returns their number."""
        self._end = end

    async def run(self) -> None:
        if ended := await self._end():
            _log.warning("sessions_ended", sessions=ended)
