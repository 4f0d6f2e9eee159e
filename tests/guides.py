"""Reads the guides that hold commands, and takes them apart into what a reader types."""

import re
import shlex
from collections.abc import Iterator

from tests.tables_of import ROOT, Page

#: The text of each guide, by its path.
GUIDES = {
    path: Page(path).text
    for path in [
        "README.md",
        "CONTRIBUTING.md",
        *(str(path.relative_to(ROOT)) for room in ("docs", "deploy") for path in sorted((ROOT / room).rglob("*.md"))),
    ]
}


def blocks(guide: str) -> list[tuple[str, str]]:
    """Returns each fenced block, with its language."""
    return Page(guide).blocks()


def code(guide: str, language: str) -> list[str]:
    """Returns the code of each block of a language."""
    return Page(guide).code(language)


def shell(guide: str) -> list[str]:
    """Returns the code of each block of shell."""
    return code(guide, "sh")


def below(guide: str, heading: str, language: str = "sh") -> str:
    """Returns all code of a language between a heading and the next one."""
    code = "".join(Page(guide).code(language, below=heading))
    assert code, f"{guide} has no {language} below {heading}"
    return code


def typed(guide: str) -> Iterator[list[str]]:
    """Yields each simple command of the guide's shell, as words. Substitutions within quotes stay as they are."""
    for block in shell(guide):
        yield from commands(block)


def commands(block: str) -> Iterator[list[str]]:
    """Yields each simple command of a block, as words."""
    for line in block.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not set(word) <= set("();<>|&{}"):
                words.append(word)
            elif words:
                yield words
                words = []


def mentioned(guide: str, program: str) -> Iterator[list[str]]:
    """Yields each command of a program that the text itself has in backquotes. It may lack required arguments."""
    for words in re.findall(rf"(?<!`)`(?:[\w./]*/)?{re.escape(program)}\s([^`]+)`(?!`)", Page(guide).prose):
        yield shlex.split(words)
