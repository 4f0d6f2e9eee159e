"""Who is told of how jobs fare."""

from collections.abc import Coroutine
from typing import Any, Protocol

from worker.domain.orders.outcomes import AddOutcome
from worker.domain.orders.submission import Claimed


class JobObserver(Protocol):
    """`panel` is empty for a job that is for all panels. Its methods must not raise."""

    def job_succeeded(self, job: str, panel: str) -> None:
        """A run of the job has ended well."""

    def job_failed(self, job: str, panel: str) -> None:
        """A run, or a call that it began, has thrown."""


class Tracer(Protocol):
    """Who follows each call from its claim until what came of it is written. Its methods must not raise."""

    def followed(
        self, work: Coroutine[Any, Any, None], *, panel: str, job: str, items: int
    ) -> Coroutine[Any, Any, None]:
        """The same work, on so many claimed items. What is told below in its task is told about it."""

    def request(self, action: str, outcome: str, seconds: float) -> None:
        """A request to the panel has ended: as the client's observer has it."""

    def sent(self, claimed: Claimed, outcome: AddOutcome) -> None:
        """It was about this order, and this came of it."""
