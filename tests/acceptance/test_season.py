"""Runs the soak test in its short form. `make season` runs the long one, with 10,000 orders."""

from pathlib import Path

from tests.acceptance.season import Plan
from tests.acceptance.soak import GRAIN, run
from worker.domain.amounts import NOTHING


def test_over_clean_seasons_all_is_explained_and_what_was_spent_is_what_the_ledger_took(
    database_url: str, tmp_path: Path
) -> None:
    plan = Plan()
    figures = run(plan, database_url, tmp_path)
    assert figures.wrong == [], figures
    assert (figures.unexplained, figures.suspects) == (NOTHING, 0), figures
    assert figures.spent == figures.taken > 0
    assert figures.slack <= figures.in_doubt + GRAIN * figures.orders, figures
    assert figures.periods == plan.periods + 3
