"""Follows `order_events`, for consumers: yields every change of an order once, in the order of time.

    with psycopg.connect(url, autocommit=True) as connection:
        bookmark = Bookmark(connection, "my-bot")
        for event in follow(connection, after=bookmark.position):
            with connection.transaction():
                ...  # your work, on this connection
                bookmark.move(event.id)

Rows that you write in the bookmark's transaction are written exactly once, whatever fails. Other work (a request, a
mail) may be repeated for the events since the last move: recognize them by `event.id`.

Events get their ids in the order of their commits (docs/events.md), so a consumer has to keep only the last id that it
has seen. A bookmark keeps it in a table; you may keep it anywhere else. Archived events come like all others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import class_row, scalar_row

#: Limits each of the two tables, since Postgres 15 may read all of a view of both. Reads each order by itself, since
#: Postgres may plan a join as a walk through all orders.
_READ = """
    SELECT e.id, e.order_id, o.panel, o.reference, e.at, e.kind, e.state_before, e.state_after, e.panel_status,
        e.charge, e.remains, e.start_count, e.detail
    FROM (
        (SELECT * FROM order_events WHERE id > %(after)s ORDER BY id LIMIT %(at_most)s)
        UNION ALL
        (SELECT * FROM order_events_archive WHERE id > %(after)s ORDER BY id LIMIT %(at_most)s)
        ORDER BY id LIMIT %(at_most)s
    ) e
    LEFT JOIN LATERAL (SELECT * FROM orders o WHERE o.id = e.order_id OFFSET 0) o ON true
    ORDER BY e.id
"""

_MAKE = """
    CREATE TABLE IF NOT EXISTS order_sync_bookmarks (
        consumer text PRIMARY KEY,
        position bigint NOT NULL,
        moved_at timestamptz NOT NULL DEFAULT now()
    )
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one order: a row of `order_events`, with the order's panel and reference.

    `charge` is in the account's currency, `at` the database's time. `panel` is None for an order that was deleted.
    """

    id: int
    order_id: int
    panel: str | None
    reference: str | None
    at: datetime
    kind: str
    state_before: str | None
    state_after: str
    panel_status: str | None
    charge: Decimal | None
    remains: int | None
    start_count: int | None
    detail: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """Returns the event in types of JSON: money as text, the time in ISO 8601."""
        charge = None if self.charge is None else f"{self.charge:f}"
        return asdict(self) | {"at": self.at.astimezone(UTC).isoformat(), "charge": charge}


def follow(
    connection: Connection[Any], *, after: int, at_most: int = 1000, look_every: float = 30.0, forever: bool = True
) -> Iterator[Event]:
    """Yields every event above the id `after`, in order, and then each new one as soon as it is committed.

    `at_most`: events of one query. `look_every`: seconds after which it queries without a notification, for connections
    that get none (PgBouncer in transaction mode). Without `forever` it ends after the newest event.

    You may use the connection between two events. It needs autocommit, without which no notification arrives; raises
    ValueError if it has none. Raises `psycopg.OperationalError` if the connection is lost: connect again, and go on
    after the last event.
    """
    if not connection.autocommit:
        raise ValueError("follow needs a connection with autocommit=True")
    if forever:
        connection.execute("LISTEN order_sync_events")
    while True:
        with connection.cursor(row_factory=class_row(Event)) as cursor:
            events = cursor.execute(_READ, {"after": after, "at_most": at_most}).fetchall()
        for event in events:
            yield event
            after = event.id
        if not events:
            if not forever:
                return
            _wait(connection, look_every)


def _wait(connection: Connection[Any], seconds: float) -> None:
    """Waits for a notification, and takes those that came with it."""
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        pass
    for _ in connection.notifies(timeout=0):
        pass


def latest(connection: Connection[Any]) -> int:
    """Returns the id of the newest event, 0 if there is none: the start for a consumer that skips the past."""
    return int(_value(connection, "SELECT coalesce(max(id), 0) FROM order_events_all"))


class BookmarkMovedError(Exception):
    """Raised if another process, which follows under the same name, has moved the bookmark."""


class Bookmark:
    """The id of the last event that a consumer has finished, kept in a table that the first bookmark creates.

    The table may be in another database than the events: in the one that the consumer writes to. After a transaction
    that was rolled back, make a new Bookmark.
    """

    def __init__(self, connection: Connection[Any], consumer: str, *, begin_at: int = 0) -> None:
        """`begin_at`: the id after which a new consumer begins."""
        self._connection = connection
        self._consumer = consumer
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('order_sync_bookmarks'))")
            if not _value(connection, "SELECT to_regclass('order_sync_bookmarks') IS NOT NULL"):
                connection.execute(_MAKE)
            connection.execute(
                "INSERT INTO order_sync_bookmarks (consumer, position) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [consumer, begin_at],
            )
            self.position = int(
                _value(connection, "SELECT position FROM order_sync_bookmarks WHERE consumer = %s", [consumer])
            )

    def move(self, event_id: int) -> None:
        """Moves the bookmark to this event: the consumer has finished all events up to here.

        Raises BookmarkMovedError if another process has moved it meanwhile. The transaction then undoes the consumer's
        work on the event, too.
        """
        moved = self._connection.execute(
            "UPDATE order_sync_bookmarks SET position = %s, moved_at = now() WHERE consumer = %s AND position = %s",
            [event_id, self._consumer, self.position],
        )
        if moved.rowcount != 1:
            raise BookmarkMovedError(f"another process follows as {self._consumer!r}: give each a name of its own")
        self.position = event_id


def _value(connection: Connection[Any], query: LiteralString, parameters: list[Any] | None = None) -> Any:
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query, parameters).fetchone()
