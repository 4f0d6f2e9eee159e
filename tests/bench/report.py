"""What the benches show and keep: a small table on the screen, and the figures in .cache/bench."""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / ".cache" / "bench"


def keep(name: str, figures: Mapping[str, Any]) -> None:
    """Write the figures, and what they were measured on, to `.cache/bench/<name>.json`."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    text = json.dumps({**figures, "measured_on": machine}, indent=2)
    (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def table(title: str, rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they must be: the first to the left, the others to the right."""
    cells = [tuple(row) for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    lines = [
        "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(placed))
        for placed in (list(zip(row, widths, strict=True)) for row in cells)
    ]
    return "\n".join(["", title, *(f"  {line}" for line in lines), ""])


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them doesn't exceed."""
    rank = -(-len(sorted_values) * share // 1)
    return sorted_values[max(int(rank), 1) - 1]
