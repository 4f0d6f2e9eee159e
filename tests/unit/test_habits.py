"""Tests the tools of this repository: hooks for commits, the changelog, and the explained mutants."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import worker

ROOT = Path(__file__).parents[2]
(LOCAL,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
HOOKS = {hook["id"]: hook for hook in LOCAL["hooks"]}


@pytest.mark.parametrize(("length", "refused"), [(1, False), (72, False), (73, True), (200, True)])
def test_a_subject_has_at_most_72_characters(length: int, refused: bool) -> None:
    message = f"{'s' * length}\n\n{'A line of the body may be longer. ' * 5}\n"
    found = re.search(HOOKS["subject"]["entry"], message, re.MULTILINE | re.DOTALL)  # as pre-commit's pygrep does
    assert bool(found) is refused


def test_hooks_need_no_network() -> None:
    assert LOCAL["repo"] == "local"
    assert {hook["language"] for hook in HOOKS.values()} <= {"system", "pygrep"}


def test_the_changelog_ends_at_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\](.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == worker.__version__
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", date) for _, date in headings[1:])


EQUIVALENT = tomllib.loads((ROOT / "tests/mutants/explained.toml").read_text(encoding="utf-8"))["equivalent"]


@pytest.mark.parametrize("change", EQUIVALENT, ids=lambda change: change["after"])
def test_an_explained_mutant_is_of_a_line_that_is_there(change: dict[str, str]) -> None:
    lines = (ROOT / change["module"]).read_text(encoding="utf-8").splitlines()
    assert change["before"] in {line.strip() for line in lines}
    assert change["why"]
