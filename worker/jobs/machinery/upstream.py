"""What every job of one panel has in hand."""

from dataclasses import dataclass

from worker.jobs.machinery.gate import Gate
from worker.jobs.machinery.in_flight import InFlight
from worker.panel import PanelClient


@dataclass(frozen=True, slots=True)
class Upstream:
    """One configured panel: how it is reached, how much of it may be asked, and which calls are under way."""

    name: str
    client: PanelClient
    gate: Gate
    in_flight: InFlight
