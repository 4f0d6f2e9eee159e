"""A panel to develop and test against. It keeps its state in memory and loses it when the process ends."""

from worker.sandbox.http.server import Sandbox
from worker.sandbox.misbehaviour.faults import Fault, FaultKind, Where
from worker.sandbox.options import SandboxOptions

__all__ = ["Fault", "FaultKind", "Sandbox", "SandboxOptions", "Where"]
