"""The table of docs/benchmarks.md and the chart show the figures that `make bench` found, and no others."""

import json

import pytest

from tests.bench import chart, tables
from tests.bench.publish import PAGE, PUBLISHED, with_table

FOUND = json.loads((PUBLISHED / "bench.json").read_text(encoding="utf-8"))
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_table():
    assert tables.markdown(FOUND) in TEXT
    assert with_table(TEXT, FOUND) == TEXT


def test_the_chart():
    assert (PUBLISHED / "bench.svg").read_text(encoding="utf-8") == chart.svg(FOUND)
    assert "(../tests/bench/published/bench.svg)" in TEXT


def test_other_figures_would_be_seen():
    (found, *_) = json.loads(json.dumps(FOUND))
    found["figures"][0]["value"] *= 2
    assert with_table(TEXT, [found]) != TEXT
    assert chart.svg([found]) != chart.svg(FOUND[:1])


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found["scenario"])
def test_every_scenario_names_what_it_was_measured_on(found):
    assert {"processor", "cores", "python", "postgres", "order-sync"} <= found["measured_on"].keys()
    assert found["sizes"]
