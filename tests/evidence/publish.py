"""Puts the last table of `make evidence` into the tree and docs/evidence-worlds.md: `make evidence ARGS=publish`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.bench import chart
from tests.bench.publish import ROOT, between_marks
from tests.evidence import tables
from tests.evidence.score import WITHIN

PUBLISHED = Path(__file__).parent / "published"
PAGE = ROOT / "docs" / "evidence-worlds.md"

_STYLE = """<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .part0 { fill: #1a7f37 }
  .part1 { fill: #4ac26b }
  .part2 { fill: #aceebb }
  .part3 { fill: #d0d7de }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .part3 { fill: #6e7681 } }
</style>"""


def publish(kept: Path) -> None:
    """Raises FileNotFoundError where the whole table was never made."""
    found = json.loads((kept / "table.json").read_text(encoding="utf-8"))
    PUBLISHED.mkdir(exist_ok=True)
    (PUBLISHED / "evidence.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (PUBLISHED / "evidence.svg").write_text(svg(found["rows"]), encoding="utf-8")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


def with_table(page: str, found: Mapping[str, Any]) -> str:
    """Returns the page with these figures in place of those that it has."""
    return between_marks(page, "make evidence", tables.markdown(found["rows"]))


def svg(rows: Sequence[Mapping[str, Any]]) -> str:
    """The share of lost orders that was settled within each time, one bar for each world and pace."""
    title = f"Settled within {', '.join(WITHIN)} of the loss, in percent"
    return chart.drawing({title: list(_bars(rows))}, _STYLE)


def _bars(rows: Sequence[Mapping[str, Any]]) -> Iterator[chart.Bar]:
    for row in rows:
        times = enumerate(pairwise([0.0, *row["shares"]]))
        parts = [(f"part{place}", (after - before) / 100) for place, (before, after) in times]
        label = " / ".join(f"{share:.0f}" for share in row["shares"])
        yield chart.Bar(f"{row['world']}, own {row['own']}", parts, label)
