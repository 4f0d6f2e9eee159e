"""The interfaces through which jobs report to metrics and tracing."""

from collections.abc import Coroutine
from typing import Any, Protocol

from worker.domain.orders.outcomes import AddOutcome
from worker.domain.orders.submission import Claimed


class JobObserver(Protocol):
    """Counts how runs of jobs end. `panel` is empty for a job of all panels. The methods must not raise."""

    def job_succeeded(self, job: str, panel: str) -> None:
        """Notes that a run of the job has ended without an error."""

    def job_failed(self, job: str, panel: str) -> None:
        """Notes that a run of the job, or a call that it started, has raised an error."""


class Tracer(Protocol):
    """Follows each call from its claim until its outcome is written. The methods must not raise."""

    def followed(
        self, work: Coroutine[Any, Any, None], *, panel: str, job: str, items: int
    ) -> Coroutine[Any, Any, None]:
        """Returns the work, wrapped, on so many claimed items. The other methods, called in its task, are about it."""

    def request(self, action: str, outcome: str, seconds: float) -> None:
        """Notes that a request to the panel has ended, in the words of the client's observer."""

    def sent(self, claimed: Claimed, outcome: AddOutcome) -> None:
        """Notes the order that the call was about, and its outcome."""


class EvidenceObserver(Protocol):
    """Counts what evidence about lost answers costs, and what comes of it. The methods must not raise."""

    def ids_asked(self, panel: str, ids: int) -> None:
        """Notes one call that asked the panel about so many ids."""

    def weighed(self, panel: str, verdict: str, seconds: float | None = None) -> None:
        """Notes a new verdict on an order: linked, absent, or a doubt.

        `seconds`: how long the order was in doubt, if the verdict has settled it.
        """
