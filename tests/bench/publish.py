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


def publish(scenarios: Iterable[str]) -> None:
    """Raises FileNotFoundError where one of them was never run."""
    found = [json.loads((results.KEPT / f"{name}.json").read_text(encoding="utf-8")) for name in scenarios]
    PUBLISHED.mkdir(exist_ok=True)
    (PUBLISHED / "bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (PUBLISHED / "bench.svg").write_text(chart.svg(found), encoding="utf-8")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


def with_table(page: str, found: Sequence[Mapping[str, Any]]) -> str:
    """Returns the page with these figures in place of those that it has."""
    return between_marks(page, "make bench", tables.markdown(found))


def between_marks(page: str, name: str, text: str) -> str:
    """Returns the page with this text in place of the one between the comments of this name."""
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return marked.sub(lambda marks: f"{marks[1]}{text}{marks[2]}", page)
