"""What a bench found: figures to show, and the single runs behind them."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

#: Where `make bench` leaves what it finds.
KEPT = Path(__file__).parents[2] / ".cache" / "bench"

PACKAGES = ("aiohttp", "asyncpg", "httpx", "pgqueuer", "procrastinate", "psycopg", "requests", "sqlalchemy")


@dataclass(frozen=True)
class Figure:
    """One number. `ratio`: compared as its outcome says. `ours`: it is of the worker, and not of something else."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    ours: bool = True


class Runs:
    """Every single run of everything that was compared."""

    def __init__(self) -> None:
        self.of: dict[str, list[dict[str, float]]] = {}

    def add(self, name: str, run: dict[str, float]) -> None:
        self.of.setdefault(name, []).append(run)

    def median(self, name: str, what: str = "rate") -> float:
        return median(run[what] for run in self.of[name])


@dataclass(frozen=True)
class Outcome:
    """What one scenario found. `ratio` says what its figures are compared with."""

    title: str
    figures: Sequence[Figure]
    ratio: str = ""
    runs: Runs = field(default_factory=Runs)


def keep(scenario: str, outcome: Outcome, sizes: Mapping[str, Any], postgres: str) -> dict[str, Any]:
    """Write it to `<scenario>.json`, with its sizes and what it was measured on; returns what was written."""
    KEPT.mkdir(parents=True, exist_ok=True)
    found = {
        "scenario": scenario,
        "title": outcome.title,
        "ratio": outcome.ratio,
        "sizes": dict(sizes),
        "figures": [_rounded(asdict(figure)) for figure in outcome.figures],
        "runs": {name: [_rounded(run) for run in runs] for name, runs in outcome.runs.of.items()},
        "measured_on": measured_on(postgres),
    }
    (KEPT / f"{scenario}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def measured_on(postgres: str) -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "postgres": postgres,
        "order-sync": version("order-sync"),
        **{name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them doesn't exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(int(rank), 1) - 1]
