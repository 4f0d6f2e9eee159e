"""Reads recent rates and errors from the newest events, at the same cost however long the history is."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: The number of events that the statements read.
NEWEST_EVENTS = 10_000

#: The number of errors that `errors` returns.
MOST_ERRORS = 20

MINUTE, HOUR = 60.0, 3600.0

#: Reads the order of each event by itself: Postgres might plan a join as a walk through all orders.
_PANEL = "(SELECT o.panel FROM orders o WHERE o.id = e.order_id)"

_NEWEST = "(SELECT * FROM order_events ORDER BY id DESC LIMIT :newest)"

#: The age of the oldest event that the statements read, in seconds; no row if they read all events.
REACH = text("""
    SELECT extract(epoch FROM clock_timestamp() - at)::float8 FROM order_events
    ORDER BY id DESC LIMIT 1 OFFSET :newest - 1
""")

#: Doesn't count a closed order as finished again when it changes once more.
HAPPENED = text(f"""
    SELECT {_PANEL} AS panel, h.what,
        count(*) FILTER (WHERE e.at > clock_timestamp() - make_interval(secs => :minute)) AS in_minute,
        count(*) AS in_hour
    FROM {_NEWEST} e
    CROSS JOIN LATERAL (SELECT CASE
        WHEN e.state_after = 'submitted' AND e.state_before IN ('submitting', 'unconfirmed') THEN 'sent'
        WHEN e.state_after IN ('completed', 'partial', 'canceled')
            AND e.state_before NOT IN ('completed', 'partial', 'canceled') THEN 'finished'
        WHEN e.state_after IN ('rejected', 'unconfirmed') AND e.state_before <> e.state_after THEN e.state_after
    END AS what) h
    WHERE e.at > clock_timestamp() - make_interval(secs => :hour) AND h.what IS NOT NULL
    GROUP BY 1, h.what
""")  # noqa: S608 - no value is put into the text

ERRORS = text(f"""
    SELECT e.at, e.order_id, {_PANEL} AS panel, e.kind, e.detail->>'error_code', e.detail->>'error'
    FROM {_NEWEST} e
    WHERE e.detail->>'error_code' IS NOT NULL
    ORDER BY e.id DESC LIMIT :at_most
""")  # noqa: S608 - no value is put into the text


@dataclass(slots=True)
class Rates:
    """The numbers of orders that were sent, finished, rejected, or became unconfirmed within a period.

    Where the newest events don't reach back so far, the numbers are extrapolated from the time that they cover.
    """

    sent: float = 0.0
    finished: float = 0.0
    rejected: float = 0.0
    unconfirmed: float = 0.0


@dataclass(frozen=True, slots=True)
class RecentError:
    """The event of an order that was refused, put off, or left without an answer. `kind` is the event's kind."""

    at: datetime
    order_id: int
    panel: str
    kind: str
    error_code: str
    error: str | None


async def rates(connection: AsyncConnection) -> list[tuple[str, Rates, Rates]]:
    """Returns each panel with recent events, and its rates of the last minute and of the last hour."""
    about = {"newest": NEWEST_EVENTS, "minute": MINUTE, "hour": HOUR}
    reach = (await connection.execute(REACH, {"newest": NEWEST_EVENTS})).scalar_one_or_none() or HOUR
    told: dict[str, tuple[Rates, Rates]] = {}
    for row in await connection.execute(HAPPENED, about):
        if row.panel is None:  # somebody has deleted the order
            continue
        minute, hour = told.setdefault(row.panel, (Rates(), Rates()))
        setattr(minute, row.what, _projected(row.in_minute, MINUTE, reach))
        setattr(hour, row.what, _projected(row.in_hour, HOUR, reach))
    return [(panel, minute, hour) for panel, (minute, hour) in told.items()]


def _projected(count: int, span: float, reach: float) -> float:
    return round(count * max(span / max(reach, 1.0), 1.0), 1)


async def errors(connection: AsyncConnection) -> tuple[RecentError, ...]:
    """Returns the latest errors, the latest first."""
    rows = await connection.execute(ERRORS, {"newest": NEWEST_EVENTS, "at_most": MOST_ERRORS})
    return tuple(RecentError(*row) for row in rows if row.panel is not None)
