"""Who is told of how jobs fare."""

from typing import Protocol


class JobObserver(Protocol):
    """`panel` is empty for a job that is for all panels. Its methods must not raise."""

    def job_succeeded(self, job: str, panel: str) -> None:
        """A run of the job has ended well."""

    def job_failed(self, job: str, panel: str) -> None:
        """A run, or a call that it began, has thrown."""
