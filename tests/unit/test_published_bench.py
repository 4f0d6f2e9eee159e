"""What is shown of `make bench` is what it found: README.md's table and the chart say no other than its figures."""

import json

import pytest

from tests import readme
from tests.bench import chart, tables
from tests.bench.publish import PUBLISHED, with_table

FOUND = json.loads((PUBLISHED / "bench.json").read_text(encoding="utf-8"))


def test_the_table_in_the_readme():
    assert tables.markdown(FOUND) in readme.TEXT
    assert with_table(readme.TEXT, FOUND) == readme.TEXT


def test_the_chart():
    assert (PUBLISHED / "bench.svg").read_text(encoding="utf-8") == chart.svg(FOUND)
    assert "tests/bench/published/bench.svg" in readme.TEXT


def test_other_figures_would_be_seen():
    (found, *_) = json.loads(json.dumps(FOUND))
    found["figures"][0]["value"] *= 2
    assert with_table(readme.TEXT, [found]) != readme.TEXT
    assert chart.svg([found]) != chart.svg(FOUND[:1])


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found["scenario"])
def test_every_scenario_names_what_it_was_measured_on(found):
    assert {"processor", "cores", "python", "postgres", "order-sync"} <= found["measured_on"].keys()
    assert found["sizes"]
