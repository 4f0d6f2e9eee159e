"""A panel of our own to develop and test against. Its state is in memory and ends with the process."""

from worker.sandbox.http.server import Sandbox
from worker.sandbox.misbehaviour.faults import Fault, FaultKind, Where
from worker.sandbox.options import SandboxOptions

__all__ = ["Fault", "FaultKind", "Sandbox", "SandboxOptions", "Where"]
