"""Following `order_events`, for consumers: every change of an order in the order of time, none missed and none doubled.

    with psycopg.connect(url, autocommit=True) as connection:
        bookmark = Bookmark(connection, "my-bot")
        for event in follow(connection, after=bookmark.position):
            with connection.transaction():
                ...  # what you do about it, on this connection
                bookmark.move(event.id)

What is written on the connection beside the bookmark happens exactly once, whatever dies when. What goes elsewhere (a
request, a mail) happens again for at most the events since the last move: tell them apart by `event.id`.

Events get their ids in the order of their commits (README, "See what became of it"), so the last id that was seen is
all that has to be kept. A bookmark keeps it in a table; wherever else you keep it will do as well. Events that were
archived before you came to them are told like any other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import class_row, scalar_row

#: So many of each place: Postgres 15 might read all of a view of both. Each order is looked up by itself: a join might
#: be planned as a walk through all of them.
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
        """Of nothing but what JSON has: money as a text, the time in ISO 8601."""
        charge = None if self.charge is None else f"{self.charge:f}"
        return asdict(self) | {"at": self.at.astimezone(UTC).isoformat(), "charge": charge}


def follow(
    connection: Connection[Any], *, after: int, at_most: int = 1000, look_every: float = 30.0, forever: bool = True
) -> Iterator[Event]:
    """Every event above the id `after`, in order, and then each new one as soon as it is committed.

    `at_most` are read at once. `look_every`: seconds after which it looks without having been told, for connections on
    which notifications don't come (PgBouncer in transaction mode). Not `forever`: it ends where there is nothing more.

    The connection may be used while it waits for you, and has to have autocommit: else it would hear of nothing.
    Raises ValueError without, and `psycopg.OperationalError` when it is lost: connect again, and go on from the last.
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
    """Until something is announced, and what was announced with it is heard."""
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        pass
    for _ in connection.notifies(timeout=0):
        pass


def latest(connection: Connection[Any]) -> int:
    """The id of the newest event; 0 where there is none. A consumer begins there that isn't interested in the past."""
    return int(_value(connection, "SELECT coalesce(max(id), 0) FROM order_events_all"))


class BookmarkMovedError(Exception):
    """Another process follows under the same name, and has moved the bookmark."""


class Bookmark:
    """The last event that a consumer has done with, in a table of its own, which is made when missing.

    It may be in another database than the events: in that of what the consumer writes. After a transaction that was
    rolled back, take a new one.
    """

    def __init__(self, connection: Connection[Any], consumer: str, *, begin_at: int = 0) -> None:
        """`begin_at`: where a consumer begins that has none yet."""
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
        """Put it at this event: all up to here is done with.

        Raises BookmarkMovedError where somebody else has moved it meanwhile. What was done about the event in the same
        transaction is undone with it.
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
