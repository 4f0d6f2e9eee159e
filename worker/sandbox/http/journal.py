"""Records the requests to the sandbox and their violations of the panel document, never a key."""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

from worker.sandbox.panel.validate import ParsedRequest, Violation

_HIDDEN = "***"


class Journal:
    """Counts all requests, and keeps the last `keep` requests with their forms and the last `keep` violations.

    It hides the account's `key` wherever it occurs, and every text that a request sent as its key.
    """

    def __init__(self, keep: int, key: str) -> None:
        self._key = key
        self.limited = 0  #: requests that the panel's own limit answered with 429
        self.counts: Counter[str] = Counter()
        self.batches: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.violations: deque[dict[str, Any]] = deque(maxlen=keep)
        self.violation_counts: Counter[str] = Counter()
        self.last: deque[dict[str, Any]] = deque(maxlen=keep)
        self._awaited: list[tuple[str, int, asyncio.Event]] = []

    def record(self, form: Mapping[str, str], parsed: ParsedRequest, violations: Iterable[Violation]) -> None:
        secrets = [secret for secret in (self._key, form.get("key", "")) if secret]
        action = _hidden(parsed.action, secrets) or "none"
        self.counts[action] += 1
        if parsed.is_batch:
            self.batches[action][len(form.get("orders", form.get("refills", "")).split(","))] += 1
        number = self.counts.total()
        self.last.append(
            {
                "number": number,
                "at": time.time(),
                "form": {name: _hidden(value, secrets) for name, value in form.items()},
            }
        )
        for kind, detail in violations:
            self.violation_counts[kind] += 1
            noted = {"number": number, "action": action, "kind": kind, "detail": _hidden(detail, secrets)}
            self.violations.append(noted)
        for awaited, times, event in self._awaited:
            if self.counts[awaited] >= times:
                event.set()

    async def reached(self, action: str, times: int) -> None:
        """Waits until `times` requests of this action have arrived since the start."""
        event = asyncio.Event()
        if self.counts[action] >= times:
            return
        entry = (action, times, event)
        self._awaited.append(entry)
        try:
            await event.wait()
        finally:
            self._awaited.remove(entry)

    def listing(self, last: int) -> dict[str, Any]:
        """Returns counts by action, sizes of batches, violations, and the `last` requests, newest last.

        `number` counts all requests from 1; `at` is the real Unix time in seconds.
        """
        return {
            "counts": dict(self.counts),
            "limited": self.limited,
            "batches": {
                action: {str(size): times for size, times in sizes.items()} for action, sizes in self.batches.items()
            },
            "violation_counts": dict(self.violation_counts),
            "violations": list(self.violations),
            "requests": list(self.last)[-last:] if last > 0 else [],
        }


def _hidden(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text
