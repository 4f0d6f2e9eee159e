"""What commands are given, checked before anything is done."""

import re
from datetime import UTC, datetime, timedelta

import click

#: Ids are Postgres' bigint.
ORDER_ID = click.IntRange(1, 2**63 - 1)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

#: Of a relative time; beyond it, dates end.
_LONGEST_AGO = timedelta(days=36_525)


def words(given: str) -> str:
    """A text that isn't blank, and that a database can hold."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise click.BadParameter("it is no valid text") from None
    if not given.strip():
        raise click.BadParameter("it is empty")
    return given.strip()


def moment(given: str) -> datetime | timedelta:
    """`90s`, `15m`, `2h`, `7d` or `1w` ago; or a date, or a date with a time, in UTC where no other zone is named."""
    if ago := re.fullmatch(r"([0-9]{1,9})([smhdw])", given):
        span = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if span > _LONGEST_AGO:
            raise click.BadParameter("that is more than a century ago")
        return span
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(f"{given!r} is neither like 2h nor like 2026-11-01 or 2026-11-01T12:30") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
