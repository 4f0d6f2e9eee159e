"""Reads pages in Markdown: their tables, sections and code blocks."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: A block may be indented, where it stands in a list.
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """A page in Markdown. `path` is relative to the root of the project."""

    path: str

    @cached_property
    def text(self) -> str:
        return (ROOT / self.path).read_text(encoding="utf-8")

    def table(self, heading: str, *, below: str | None = None) -> list[list[str]]:
        """Returns the rows of the one table whose first column has this heading, without backquotes.

        `below`: only the section with this heading is read.
        """
        found = _tables(self.text if below is None else self.section(below), heading)
        assert len(found) == 1, f"{self.path} has {len(found)} tables of `{heading}`"
        return found[0]

    def section(self, heading: str) -> str:
        """Returns the text between a heading and the next one."""
        (found,) = re.findall(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return str(found)

    def column(self, heading: str) -> list[str]:
        """Returns the first cells of a table. Fails if one is there twice."""
        cells = [row[0] for row in self.table(heading)]
        twice = sorted({cell for cell in cells if cells.count(cell) > 1})
        assert not twice, f"{self.path} lists these twice: {twice}"
        return cells

    def block(self, language: str, holding: str = "") -> str:
        """Returns the one code block of this language that holds a text."""
        blocks = [code for code in self.code(language) if holding in code]
        assert len(blocks) == 1, f"{self.path} has {len(blocks)} blocks of `{language}` with `{holding}`"
        return blocks[0]

    def blocks(self) -> list[tuple[str, str]]:
        """Returns each code block, with its language."""
        return _blocks(self.text)

    def code(self, language: str, *, below: str | None = None) -> list[str]:
        """Returns the code blocks of a language. `below`: only the section with this heading is read."""
        return [
            code for found, code in _blocks(self.text if below is None else self.section(below)) if found == language
        ]

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return _FENCE.sub("", self.text)

    def has(self, heading: str) -> bool:
        return bool(_tables(self.text, heading))


def _blocks(text: str) -> list[tuple[str, str]]:
    return [(language, code) for _, language, code in _FENCE.findall(text)]


def _tables(text: str, heading: str) -> list[list[list[str]]]:
    found = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|[-:|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [[_cells(line) for line in rows.splitlines()] for rows in found]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]


#: Every page that may hold a table, those of docs/ first.
PAGES = [Page(str(path.relative_to(ROOT))) for path in [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]]


def page_with(heading: str) -> Page:
    """Returns the first page that has a table with this heading."""
    return next(page for page in PAGES if page.has(heading))
