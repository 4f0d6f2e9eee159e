"""The table and the chart of docs/evidence-worlds.md show the figures that `make evidence` found, and no others."""

import json

from tests.evidence.publish import PAGE, PUBLISHED, svg, with_table
from tests.evidence.rows import rows
from tests.evidence.tables import cells

FOUND = json.loads((PUBLISHED / "evidence.json").read_text(encoding="utf-8"))
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_table_and_the_chart():
    assert with_table(TEXT, FOUND) == TEXT
    assert cells(FOUND["rows"][0])[3] in TEXT
    assert (PUBLISHED / "evidence.svg").read_text(encoding="utf-8") == svg(FOUND["rows"])


def test_other_figures_would_be_seen():
    other = json.loads(json.dumps(FOUND))
    other["rows"][0]["shares"][0] += 5
    assert with_table(TEXT, other) != TEXT
    assert svg(other["rows"]) != svg(FOUND["rows"])


def test_nothing_was_settled_wrongly_in_any_world():
    assert [(found["world"], found["own"]) for found in FOUND["rows"]] == [(row.world, row.own) for row in rows()]
    assert not any(found["wrong"] for found in FOUND["rows"])
