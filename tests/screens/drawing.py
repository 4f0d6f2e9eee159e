"""Draws a terminal's screen as SVG: monospaced text in the terminal's colours, on a background of its own.

So it reads alike on a light page and on a dark one. It names no font that has to be fetched: whatever monospaced one
is there is stretched to the cells.
"""

import re
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby

from pyte.screens import Char, Screen

CELL, LINE, SIZE = 8, 18, 13

#: The margin around the text, and the bar with the command above it.
_MARGIN, _BAR = 14, 32

_GROUND, _FRAME, _BARS, _INK, _FAINT = "#0d1117", "#6e7681", "#21262d", "#e6edf3", "#9198a1"

#: The sixteen colours of a terminal, by pyte's names. Pyte gives other colours as six digits.
_COLOURS: Mapping[str, str] = {
    "default": _INK,
    "black": "#484f58",
    "red": "#ff7b72",
    "green": "#3fb950",
    "brown": "#d29922",
    "blue": "#58a6ff",
    "magenta": "#bc8cff",
    "cyan": "#39c5cf",
    "white": "#b1bac4",
    "brightblack": "#7d8590",
    "brightred": "#ffa198",
    "brightgreen": "#56d364",
    "brightbrown": "#e3b341",
    "brightblue": "#79c0ff",
    "brightmagenta": "#d2a8ff",
    "brightcyan": "#56d4dd",
    "brightwhite": "#ffffff",
}

_STYLE = f"""<style>
  text {{ font: {SIZE}px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace }}
  .bold {{ font-weight: 600 }}
  .frame {{ fill: {_GROUND}; stroke: {_FRAME} }}
</style>"""

#: This character is drawn as a box, so that a bar has no gaps.
_BLOCK = "█"


def svg(screen: Screen, command: str) -> str:
    """Draws the screen without its empty lines, under a bar with the command."""
    written = [row for row in range(screen.lines) if screen.display[row].strip()] or [0]
    lines = range(written[0], written[-1] + 1)
    width = screen.columns * CELL + 2 * _MARGIN
    height = len(lines) * LINE + _BAR + 2 * _MARGIN
    drawn = [part for place, row in enumerate(lines) for part in _row(screen, row, _BAR + _MARGIN + place * LINE)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
            f"<title>{escape(command)}</title>",
            _STYLE,
            f'<rect class="frame" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            f'<path d="M1 {_BAR}V8a7 7 0 0 1 7-7H{width - 8}a7 7 0 0 1 7 7V{_BAR}z" fill="{_BARS}"/>',
            f'<text x="{_MARGIN}" y="21" fill="{_FAINT}">$ <tspan fill="{_INK}">{escape(command)}</tspan></text>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _row(screen: Screen, row: int, top: int) -> Iterator[str]:
    """Draws cells of one style as one text, stretched to their places."""
    cells = [(column, screen.buffer[row][column]) for column in range(screen.columns)]
    for style, run in groupby(cells, key=lambda cell: (_colours(cell[1]), cell[1].bold, cell[1].data == _BLOCK)):
        (ink, ground), bold, is_block = style
        found = list(run)
        left, width = _MARGIN + found[0][0] * CELL, len(found) * CELL
        text = "".join(char.data for _, char in found)
        if ground != _GROUND:
            yield f'<rect x="{left}" y="{top}" width="{width}" height="{LINE}" fill="{ground}"/>'
        if is_block:
            yield f'<rect x="{left}" y="{top + 3}" width="{width}" height="{LINE - 6}" fill="{ink}"/>'
        elif text.strip():
            yield from _text(text, left, top, f'fill="{ink}"' + (' class="bold"' if bold else ""))


def _text(text: str, left: int, top: int, style: str) -> Iterator[str]:
    """Splits a text at runs of blanks, since SVG would collapse them."""
    for words in re.finditer(r"\S+(?: \S+)*", text):
        yield (
            f'<text x="{left + words.start() * CELL}" y="{top + SIZE}" textLength="{len(words[0]) * CELL}" '
            f'lengthAdjust="spacingAndGlyphs" {style}>{escape(words[0], quote=False)}</text>'
        )


def _colours(char: Char) -> tuple[str, str]:
    """Returns the colours of the text and of the background."""
    ink = _COLOURS.get(char.fg, f"#{char.fg}")
    ground = _GROUND if char.bg == "default" else _COLOURS.get(char.bg, f"#{char.bg}")
    return (ground, ink) if char.reverse else (ink, ground)
