"""What happened of late, read from the newest events: it costs the same however long the history, or busy the hour."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: So many are read.
NEWEST_EVENTS = 10_000

#: Errors that are told, the latest.
MOST_ERRORS = 20

MINUTE, HOUR = 60.0, 3600.0

#: Each order is looked up by itself: a join might be planned as a walk through all of them.
_PANEL = "(SELECT o.panel FROM orders o WHERE o.id = e.order_id)"

_NEWEST = "(SELECT * FROM order_events ORDER BY id DESC LIMIT :newest)"

#: How far back they reach, in seconds; nothing where there are no more events than these.
REACH = text("""
    SELECT extract(epoch FROM clock_timestamp() - at)::float8 FROM order_events
    ORDER BY id DESC LIMIT 1 OFFSET :newest - 1
""")

#: A closed order that changes once more isn't finished again.
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
    """Orders that were sent, finished, rejected, or became unconfirmed within some time.

    Where the events that are read don't reach back so far, they are projected from as far as they do.
    """

    sent: float = 0.0
    finished: float = 0.0
    rejected: float = 0.0
    unconfirmed: float = 0.0


@dataclass(frozen=True, slots=True)
class RecentError:
    """An order that was refused, put off or left without an answer: `kind` is the event's, `error_code` ours."""

    at: datetime
    order_id: int
    panel: str
    kind: str
    error_code: str
    error: str | None


async def rates(connection: AsyncConnection) -> list[tuple[str, Rates, Rates]]:
    """Each panel of which something happened, with what did in the last minute and hour."""
    about = {"newest": NEWEST_EVENTS, "minute": MINUTE, "hour": HOUR}
    reach = (await connection.execute(REACH, {"newest": NEWEST_EVENTS})).scalar_one_or_none() or HOUR
    told: dict[str, tuple[Rates, Rates]] = {}
    for row in await connection.execute(HAPPENED, about):
        if row.panel is None:  # an order that somebody has deleted
            continue
        minute, hour = told.setdefault(row.panel, (Rates(), Rates()))
        setattr(minute, row.what, _projected(row.in_minute, MINUTE, reach))
        setattr(hour, row.what, _projected(row.in_hour, HOUR, reach))
    return [(panel, minute, hour) for panel, (minute, hour) in told.items()]


def _projected(count: int, span: float, reach: float) -> float:
    return round(count * max(span / max(reach, 1.0), 1.0), 1)


async def errors(connection: AsyncConnection) -> tuple[RecentError, ...]:
    """The latest first."""
    rows = await connection.execute(ERRORS, {"newest": NEWEST_EVENTS, "at_most": MOST_ERRORS})
    return tuple(RecentError(*row) for row in rows if row.panel is not None)
