"""Plots a curve in a terminal, with block characters."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from worker.cli.draw.output import money

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_FULL = 8


def can_plot(encoding: str | None) -> bool:
    """Returns whether a terminal with this encoding can show the blocks."""
    try:
        _EIGHTHS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def plot(values: Sequence[Decimal | None], height: int) -> Iterator[str]:
    """Yields the lines of a plot with a column for each value; None is a gap.

    The plot begins at 0, or at the lowest value if that is below 0, and ends at the highest. Labels show both ends to
    the second decimal.
    """
    known = [value for value in values if value is not None]
    if not known:
        return
    low, high = min(*known, Decimal(0)), max(known)
    labels = {height - 1: money(round(high, 2)), 0: money(round(low, 2))}
    wide = max(map(len, labels.values()))
    for row in range(height - 1, -1, -1):
        cells = "".join(" " if value is None else _cell(value, low, high, row, height) for value in values)
        yield f"{labels.get(row, ''):>{wide}} {cells}".rstrip()


def _cell(value: Decimal, low: Decimal, high: Decimal, row: int, height: int) -> str:
    share = (value - low) / (high - low) if high > low else Decimal(1)
    return _EIGHTHS[min(max(round(share * height * _FULL) - row * _FULL, 0), _FULL)]
