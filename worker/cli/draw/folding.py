"""Folds long lines to fit a terminal: breaks them between words, and indents what follows."""

import re
from typing import IO, Any

#: Parts that stay whole: a command at the end of a line, so that it can be copied, and text in backquotes.
_COMMAND = r"order-sync (?:\w[\w-]*|--).*"
_WORDS = re.compile(rf" *(?:(?P<command>{_COMMAND})|`[^`]*`\S*|\S+)")

#: The beginning of a column, and the deepest indent of the folded lines.
_COLUMNS = re.compile(r"^ +| {2,}")
_DEEPEST = 32


def fitting(line: str, stream: IO[Any] | None) -> str:
    """Folds the line if `stream` is a terminal; otherwise returns it unchanged."""
    if stream is None or not stream.isatty():
        return line
    import shutil  # noqa: PLC0415 - as below

    return folded(line, shutil.get_terminal_size().columns)


def folded(line: str, width: int) -> str:
    """Folds a line of more than `width` cells, and indents what follows to its last column that begins early enough.

    A word that wouldn't fit there either, such as an address, stays in its line, and the terminal breaks it.
    """
    from rich.cells import cell_len  # noqa: PLC0415 - the frame uses this module and imports nothing heavy

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
