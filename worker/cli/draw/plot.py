"""A curve in a terminal, of block characters."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from worker.cli.draw.output import money

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_FULL = 8


def can_plot(encoding: str | None) -> bool:
    """Whether a terminal of this encoding has the blocks."""
    try:
        _EIGHTHS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def plot(values: Sequence[Decimal | None], height: int) -> Iterator[str]:
    """One column for each value, from 0 (or the lowest, where that is below) up to the highest; None is a gap.

    The highest and the lowest are written beside it, to the second decimal.
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
