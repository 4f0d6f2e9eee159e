"""Puts the last figures of `make bench` into the tree and docs/benchmarks.md: `make bench ARGS=publish`."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import chart, results, tables

ROOT = Path(__file__).parents[2]
PUBLISHED = Path(__file__).parent / "published"
PAGE = ROOT / "docs" / "benchmarks.md"

_TABLE = re.compile(r"(<!-- make bench -->\n).*?(<!-- /make bench -->)", re.DOTALL)


def publish(scenarios: Iterable[str]) -> None:
    """Raises FileNotFoundError where one of them was never run."""
    found = [json.loads((results.KEPT / f"{name}.json").read_text(encoding="utf-8")) for name in scenarios]
    PUBLISHED.mkdir(exist_ok=True)
    (PUBLISHED / "bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (PUBLISHED / "bench.svg").write_text(chart.svg(found), encoding="utf-8")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


def with_table(page: str, found: Sequence[Mapping[str, Any]]) -> str:
    """Returns the page with these figures in place of those that it has."""
    return _TABLE.sub(lambda marks: f"{marks[1]}{tables.markdown(found)}{marks[2]}", page)
