"""Prints what a database holds. Producers and panels wrote it, so a text may hold anything."""

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import click
from rich.cells import cell_len, set_cell_size

from worker.cli.draw.folding import fitting
from worker.domain.redaction import Redactor
from worker.settings.model import Settings

#: The widest column of a table, in cells. It holds the longest state, and seven such columns fit into 80 cells.
_WIDEST = 11

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TEN, _HUNDRED_THOUSAND, _MILLION = 10, 100_000, 999_500


def harmless(text: str, most: int = 500) -> str:
    """Returns the text on one line, with control characters escaped, and cut to `most` characters."""
    shown = text[:most]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return f"{shown}… ({len(text)} characters)" if len(text) > most else shown


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yields lines of at most `width` cells (80 or more). A column has at most _WIDEST; the last gets the rest."""
    shown = [head, *([harmless(cell) for cell in row] for row in rows)]
    columns = [min(max(cell_len(row[i]) for row in shown), _WIDEST) for i in range(len(head) - 1)]
    columns.append(max(width - sum(columns) - 2 * len(columns), 1))
    for row in shown:
        yield "  ".join(_fitted(cell, size) for cell, size in zip(row, columns, strict=True)).rstrip()


def _fitted(cell: str, size: int) -> str:
    return set_cell_size(cell, size) if cell_len(cell) <= size else f"{set_cell_size(cell, size - 1)}…"


def timestamp(at: datetime | None) -> str:
    """Returns a time in UTC, to the second; nothing for None."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def span(seconds: float | None) -> str:
    """Returns a duration as `12 s`, `5 min`, `3 h 10 min` or `2 d 4 h`; nothing for None."""
    if seconds is None:
        return ""
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def brief(seconds: float | None) -> str:
    """Returns a duration in its largest unit: `12s`, `5m`, `3h`, `2d`; nothing for None."""
    if seconds is None:
        return ""
    whole = max(int(seconds), 0)
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def compact(number: float) -> str:
    """Returns a number in at most six cells: `0.4`, `12`, `9,540`, `954k`, `1.23M`."""
    if number < _TEN:
        return f"{number:.1f}".removesuffix(".0")
    if number < _HUNDRED_THOUSAND:
        return f"{number:,.0f}"
    return f"{number / 1e3:.0f}k" if number < _MILLION else f"{number / 1e6:.2f}M"


def money(amount: Decimal | None, currency: str | None = None) -> str:
    """Returns an amount without trailing zeros, with its currency; nothing for None."""
    if amount is None:
        return ""
    shown = f"{amount.normalize():f}" if amount.is_finite() else str(amount)
    return f"{shown} {currency}" if currency else shown


def print_json(value: object, settings: Settings) -> None:
    """Prints JSON for a script: money as text, times in ISO 8601, secrets removed."""
    click.echo(json.dumps(Redactor(settings.secrets()).value(json_value(value)), indent=2))


def print_csv(rows: Sequence[Mapping[str, object]], columns: Sequence[str], settings: Settings) -> None:
    """Prints CSV for a spreadsheet: the columns' names first, values as in JSON, secrets removed."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([json_value(row[name]) for name in columns] for row in rows)
    click.echo(Redactor(settings.secrets()).text(written.getvalue()), nl=False)


def print_lines(lines: Iterator[str], settings: Settings) -> None:
    """Prints lines for a person: folded in a terminal, secrets removed."""
    redact = Redactor(settings.secrets()).text
    for line in lines:
        click.echo(fitting(redact(line), sys.stdout))


def json_value(value: object) -> object:
    """Converts a value to types that JSON has."""
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case Mapping():
            return {str(name): json_value(one) for name, one in value.items()}
        case list() | tuple():
            return [json_value(one) for one in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return json_value(asdict(value))
        case _:
            return value
