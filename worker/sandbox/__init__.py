"""A panel of our own to develop and test against. Its state is in memory and ends with the process."""

from worker.sandbox.faults import Fault, FaultKind, Where
from worker.sandbox.options import SandboxOptions
from worker.sandbox.server import Sandbox

__all__ = ["Fault", "FaultKind", "Sandbox", "SandboxOptions", "Where"]
