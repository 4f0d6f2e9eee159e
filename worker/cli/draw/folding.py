"""Lines that fit a terminal: broken between words, and going on below where their text began."""

import re
from typing import IO, Any

#: What is never broken: a command at the end of a line, so that it can be copied, and what stands in backquotes.
_COMMAND = r"order-sync (?:\w[\w-]*|--).*"
_WORDS = re.compile(rf" *(?:(?P<command>{_COMMAND})|`[^`]*`\S*|\S+)")

#: Where a column begins, and how far to the right it may for others to go on below it.
_COLUMNS = re.compile(r"^ +| {2,}")
_DEEPEST = 32


def fitting(line: str, stream: IO[Any] | None) -> str:
    """In a terminal, the line as it fits there; anywhere else it stays one line."""
    if stream is None or not stream.isatty():
        return line
    import shutil  # noqa: PLC0415 - as below

    return folded(line, shutil.get_terminal_size().columns)


def folded(line: str, width: int) -> str:
    """A line of more than so many cells in several, below its last column that begins early.

    What wouldn't fit there either, an address say, stays where it is for the terminal to break.
    """
    from rich.cells import cell_len  # noqa: PLC0415 - the frame, which complains, imports nothing heavy

    if cell_len(line) <= width:
        return line
    deepest = min(_DEEPEST, width // 2)
    indent = max((column.end() for column in _COLUMNS.finditer(line) if column.end() <= deepest), default=2)
    rows, row = [], ""
    for word in _WORDS.finditer(line):
        below = " " * (2 if word["command"] else indent) + word[0].lstrip(" ")
        if row.strip() and cell_len(row + word[0]) > width and (word["command"] or cell_len(below) <= width):
            rows.append(row)
            row = below
        else:
            row += word[0]
    return "\n".join([*rows, row])
