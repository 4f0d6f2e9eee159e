"""Reads the guides that hold commands, and takes them apart into what a reader types."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: The text of each guide, by its path.
GUIDES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "deploy").rglob("*.md")),
    ]
}

#: Indented where it stands in a list.
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(guide: str) -> list[tuple[str, str]]:
    """Returns each fenced block, with its language."""
    return [(language, code) for _, language, code in _FENCE.findall(GUIDES[guide])]


def code(guide: str, language: str) -> list[str]:
    """Returns the code of each block of a language."""
    return [code for found, code in blocks(guide) if found == language]


def shell(guide: str) -> list[str]:
    return code(guide, "sh")


def prose(guide: str) -> str:
    """Returns the guide without its blocks."""
    return _FENCE.sub("", GUIDES[guide])


def below(guide: str, heading: str, language: str = "sh") -> str:
    """Returns all code of a language between a heading and the next one."""
    (section,) = re.findall(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", GUIDES[guide], re.MULTILINE | re.DOTALL)
    code = "".join(code for _, found, code in _FENCE.findall(section) if found == language)
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
    for words in re.findall(rf"(?<!`)`(?:[\w./]*/)?{re.escape(program)}\s([^`]+)`(?!`)", prose(guide)):
        yield shlex.split(words)
