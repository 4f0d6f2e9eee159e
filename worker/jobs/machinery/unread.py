"""Warns of replies of which nothing can be read: somebody has to see what the panel says instead."""

import time
from collections.abc import Callable

import structlog

_log = structlog.get_logger()

#: Seconds from one warning to the next of the same action.
EVERY = 3600.0


class UnreadReplies:
    """Warns of one panel's replies, for each action once in a while."""

    def __init__(self, panel: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is in seconds and doesn't go back."""
        self._panel = panel
        self._clock = clock
        self._next: dict[str, float] = {}

    def __call__(self, action: str, error: str, sample: Callable[[], str]) -> None:
        """`error`: what the reply holds instead of an answer. `sample` returns its beginning, without secrets."""
        now = self._clock()
        if now < self._next.get(action, now):
            return
        self._next[action] = now + EVERY
        _log.warning("reply_not_read", panel=self._panel, action=action, error=error, sample=sample())
