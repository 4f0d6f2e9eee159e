"""Types and options of commands' parameters. They check what a person types before a command begins."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

#: Order ids are bigint in Postgres.
ORDER_ID = click.IntRange(1, 2**63 - 1)

#: The help of an option that `when` reads.
SINCE = "Since then (UTC), or within: 90s, 15m, 2h, 7d, 1w."

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

#: Seconds, a century: far below the range of dates.
_LONGEST_AGO = 36_525 * 86_400


def json_option(shape: str) -> Callable[[F], F]:
    """Adds `--json` to a command that takes `as_json`. `shape` describes its output for the help."""
    return click.option("--json", "as_json", is_flag=True, help=f"For a script: {shape}")


def ago(time: timedelta) -> str:
    """Returns a duration as a person types it, in the largest unit that gives a whole number: `90s`, `15m`, `7d`."""
    seconds = round(time.total_seconds())
    size, unit = max((size, unit) for unit, size in _UNITS.items() if unit != "w" and seconds % size == 0)
    return f"{seconds // size}{unit}"


def nonblank(given: str) -> str:
    """Parses a text that isn't blank and that a database can hold."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise click.BadParameter("it is no valid text") from None
    if not given.strip():
        raise click.BadParameter("it is empty")
    return given.strip()


def when(given: str) -> datetime | timedelta:
    """Parses `90s`, `15m`, `2h`, `7d` or `1w` (ago), or a date with or without a time, in UTC unless it has a zone."""
    if match := re.fullmatch(r"([0-9]{1,9})([smhdw])", given):
        seconds = int(match[1]) * _UNITS[match[2]]
        if seconds > _LONGEST_AGO:
            raise click.BadParameter("that is more than a century ago")
        return timedelta(seconds=seconds)
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(f"{given!r} is neither like 2h nor like 2026-11-01 or 2026-11-01T12:30") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
