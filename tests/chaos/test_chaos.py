"""The short form of the chaos suite; `make chaos` has the long one."""

from pathlib import Path

from tests.chaos.chaos import Figures, Plan, run


def nothing_is_wrong(figures: Figures) -> None:
    assert (figures.doubled, figures.lost, figures.wrongly_linked) == (0, 0, 0), figures
    assert figures.untrue == []
    assert figures.unconfirmed > 0  # or nothing was tried


async def test_orders_that_differ(postgres_directory: Path) -> None:
    figures = await run(Plan(seed=1), postgres_directory)
    nothing_is_wrong(figures)
    assert figures.settled >= 0.95, figures  # of a hundred, one more or less is chance; the long form has thousands


async def test_orders_of_which_most_are_alike(postgres_directory: Path) -> None:
    figures = await run(Plan(seed=2, orders=300, alike=0.8), postgres_directory)
    nothing_is_wrong(figures)
