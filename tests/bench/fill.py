"""Rows to begin with, as they stand in the tables of a shop."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from tests.bench.panel import CHARGE, CURRENCY, REMAINS, START_COUNT, STATUS

#: The mirror as it is after the first minute of a worker's life.
_SERVICE = """
    INSERT INTO services (panel, service, name, type, rate, min, max, refill, cancel, raw)
    VALUES ('default', '1', 'Followers', 'Default', 0.90, 50, 10000, true, true, '{}')
    ON CONFLICT DO NOTHING
"""

_PENDING = """
    INSERT INTO orders (service, link, quantity, reference)
    SELECT '1', 'https://example.com/bench/' || n, 100, 'bench-' || gen_random_uuid()
    FROM generate_series(1, %s::bigint) n
"""

#: The panel's ids of what is open and closed lie far above those that it gives out.
OPEN_FROM = 500_000_000

_OPEN = """
    WITH submitted AS (
        UPDATE orders SET
            state = 'submitted', attempts = 1, panel_order_id = 500000000 + id, panel_status = %(status)s,
            charge = %(charge)s, currency = %(currency)s, start_count = %(start_count)s, remains = %(remains)s,
            submitted_at = now(), checked_at = now()
        WHERE state = 'pending'
        RETURNING id, panel
    )
    INSERT INTO polls (order_id, panel, due_at, changed_at)
    SELECT id, panel, now() + %(due_in)s::float8 * interval '1 second', now() FROM submitted
"""

_CLOSED = """
    WITH closed AS (
        UPDATE orders o SET
            state = 'completed', attempts = 1, panel_order_id = 1000000000 + o.id, panel_status = 'Completed',
            charge = %(charge)s, currency = %(currency)s, start_count = %(start_count)s, remains = 0,
            created_at = at, submitted_at = at, checked_at = at, finished_at = at, updated_at = at
        FROM (
            SELECT id, now() - interval '8 days' - (max(id) OVER () - id) * interval '1 second' AS at
            FROM orders WHERE state = 'pending'
        ) t
        WHERE o.id = t.id
        RETURNING o.id, o.panel, o.panel_order_id, at
    ), events AS (
        INSERT INTO order_events (order_id, at, kind, state_before, state_after, panel_status, charge, remains)
        SELECT c.id, c.at, e.kind, e.before, e.after, e.status, e.charge, e.remains
        FROM closed c
        CROSS JOIN (
            VALUES
                ('submitting', 'pending', 'submitting', NULL, NULL::numeric, NULL::bigint),
                ('submitted', 'submitting', 'submitted', NULL, NULL, NULL),
                ('status', 'submitted', 'submitted', 'In progress', 0.09, 60),
                ('status', 'submitted', 'completed', 'Completed', 0.09, 0)
        ) e(kind, before, after, status, charge, remains)
    )
    INSERT INTO submissions (
        order_id, panel, worker_id, began_at, ended_at, expected_charge, units, is_parent, replied, outcome,
        panel_order_id
    )
    SELECT id, panel, gen_random_uuid(), at, at, 0.09, 100, false, true, 'accepted', panel_order_id FROM closed
"""

_ABOUT = {
    "status": STATUS,
    "charge": CHARGE,
    "currency": CURRENCY,
    "start_count": START_COUNT,
    "remains": REMAINS,
}

#: Rows in one statement.
BUNCH = 250_000


@contextmanager
def connection_to_shop(url: str) -> Iterator[psycopg.Connection]:
    """Its service is mirrored."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_SERVICE)
        yield connection


@contextmanager
def filling(url: str) -> Iterator[psycopg.Connection]:
    """Rows are put in, and then all is as after some quiet time: analysed, and nothing left to be written to disk."""
    with connection_to_shop(url) as connection:
        yield connection
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def pending(connection: psycopg.Connection, orders: int) -> None:
    connection.execute(_PENDING, [orders])


def open_ones(connection: psycopg.Connection, orders: int, *, due_in: float = 0.0) -> None:
    """Orders that the panel has, whose status is looked at in so many seconds. No others may be pending."""
    _made_of_pending(connection, orders, _OPEN, {**_ABOUT, "due_in": due_in})


def closed(connection: psycopg.Connection, orders: int) -> None:
    """Orders that were closed before the settlement window, with their events and submissions.

    No others may be pending.
    """
    _made_of_pending(connection, orders, _CLOSED, _ABOUT)


def _made_of_pending(connection: psycopg.Connection, orders: int, how: str, values: Mapping[str, object]) -> None:
    """Rows that grew from pending ones, as a worker's do: what is inserted later finds the pages as full as a shop's.

    Rows that were inserted in their last shape would leave on each page a gap that takes one pending row.
    """
    for first in range(0, orders, BUNCH):
        with connection.transaction():
            pending(connection, min(BUNCH, orders - first))
            connection.execute(how, values)
        connection.execute("VACUUM orders")
