"""README.md, taken apart: its code by the language of the fence, and its tables by their first heading."""

import re

from tests import guides

ROOT = guides.ROOT
TEXT = guides.GUIDES["README.md"]


def code(language: str) -> list[str]:
    """Every block of this language, in order."""
    found = [block for name, block in guides.blocks("README.md") if name == language]
    assert found, f"README.md has no {language}"
    return found


def block(language: str, holding: str) -> str:
    """The one block of this language that holds a text."""
    (found,) = [block for block in code(language) if holding in block]
    return found


def table(heading: str) -> list[list[str]]:
    """The rows of the one table whose first column is headed so, without backquotes."""
    (found,) = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in found.splitlines()]


def column(heading: str) -> list[str]:
    """The first cells of a table, each once."""
    cells = [row[0] for row in table(heading)]
    assert len(cells) == len(set(cells)), f"given twice: {sorted({cell for cell in cells if cells.count(cell) > 1})}"
    return cells
