"""The connection of the jobs to one panel."""

from dataclasses import dataclass

from worker.jobs.machinery.abilities import PanelAbilities
from worker.jobs.machinery.gate import Gate
from worker.jobs.machinery.in_flight import InFlight
from worker.panel import PanelClient


@dataclass(frozen=True, slots=True)
class Upstream:
    """One configured panel: its client, the gate before it, the calls in flight, and what the panel can do."""

    name: str
    client: PanelClient
    gate: Gate
    in_flight: InFlight
    abilities: PanelAbilities
