"""The guides that hold commands, taken apart into what a reader would type."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

GUIDES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [
        *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
        *(path for room in ("docs", "deploy") for path in sorted((ROOT / room).rglob("*.md"))),
    ]
}

#: Indented where it stands in a list.
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(guide: str) -> list[tuple[str, str]]:
    """Each fenced block, with its language."""
    return [(language, code) for _, language, code in _FENCE.findall(GUIDES[guide])]


def shell(guide: str) -> list[str]:
    return [code for language, code in blocks(guide) if language == "sh"]


def below(guide: str, heading: str, language: str = "sh") -> str:
    """All code of a language between a heading and the next one."""
    (section,) = re.findall(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", GUIDES[guide], re.MULTILINE | re.DOTALL)
    code = "".join(code for _, found, code in _FENCE.findall(section) if found == language)
    assert code, f"{guide} has no {language} below {heading}"
    return code


def typed(guide: str) -> Iterator[list[str]]:
    """Each simple command of the guide's shell, as words; what a substitution in quotes holds isn't looked into."""
    for block in shell(guide):
        yield from commands(block)


def commands(block: str) -> Iterator[list[str]]:
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
    """Each command of a program that stands in the text itself, in backquotes; it may lack what it must be given."""
    prose = _FENCE.sub("", GUIDES[guide])
    for words in re.findall(rf"(?<!`)`(?:[\w./]*/)?{re.escape(program)}\s([^`]+)`(?!`)", prose):
        yield shlex.split(words)
