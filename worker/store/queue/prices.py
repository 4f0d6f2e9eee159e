"""Keeps what orders cost at first, for the evidence about lost answers (`worker.domain.evidence.prices`).

Of each service, one price in so many seconds is kept, the newest one, and all that differ from one of their neighbours:
a price that was another one for a moment must be known.
"""

from collections.abc import Iterable

from sqlalchemy import text

from worker.domain.evidence.prices import PACKAGE
from worker.domain.evidence.sightings import uncut_charge
from worker.domain.orders.changes import Change
from worker.domain.orders.statuses import OrderReport
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transaction

#: Seconds in which one price of a service is enough, as long as it stays the same.
OFTEN = 10.0

#: Whether a price tells no more than its neighbours of the same service: all cost the same for a unit, as far as the
#: panel's decimals tell, and the one before was sent in the same stretch of so many seconds.
_TELLS_NOTHING = """
    coalesce(
        floor(extract(epoch FROM n.began_at) / :often) = floor(extract(epoch FROM lag(n.began_at) OVER w) / :often)
        AND abs(n.charge / n.units - lag(n.charge / n.units) OVER w)
            <= power(10.0, -n.decimals) * (1.0 / n.units + lag(1.0 / n.units) OVER w)
        AND abs(n.charge / n.units - lead(n.charge / n.units) OVER w)
            <= power(10.0, -n.decimals) * (1.0 / n.units + lead(1.0 / n.units) OVER w),
        false
    )
"""

#: The decimals that a panel tells, as far as some charges show: at least 2, and 5 are enough.
_DECIMALS = "least(greatest(max(min_scale({})), 2), 5)"

LEARN = text(f"""
    WITH told AS (
        SELECT o.panel, o.service, s.began_at, s.ended_at, coalesce(s.units, :package) AS units, c.charge
        FROM unnest(CAST(:order_id AS bigint[]), CAST(:charge AS numeric[])) AS c(order_id, charge)
        JOIN orders o ON o.id = c.order_id
        JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
            ON s.outcome = 'accepted' AND NOT s.is_parent
    )
    INSERT INTO prices (panel, service, began_at, ended_at, units, charge)
    SELECT m.panel, m.service, m.began_at, m.ended_at, m.units, m.charge
    FROM (
        SELECT n.*, {_TELLS_NOTHING} AS tells_nothing
        FROM (SELECT told.*, (SELECT {_DECIMALS.format("charge")} FROM told) AS decimals FROM told) n
        WINDOW w AS (PARTITION BY n.panel, n.service ORDER BY n.began_at)
    ) m
    WHERE NOT m.tells_nothing
    ORDER BY m.panel, m.service, m.began_at
    ON CONFLICT DO NOTHING
""")  # noqa: S608 - no value is put into the text

#: Deletes prices around those of these orders that tell no more than their neighbours.
THIN_OUT = text(f"""
    DELETE FROM prices p
    USING (
        SELECT o.panel, o.service, min(s.began_at) AS since, max(s.began_at) AS until
        FROM orders o CROSS JOIN LATERAL (
            SELECT began_at FROM submissions WHERE order_id = o.id ORDER BY id DESC LIMIT 1
        ) s
        WHERE o.id = ANY(CAST(:order_id AS bigint[]))
        GROUP BY o.panel, o.service
    ) c
    CROSS JOIN LATERAL (
        SELECT {_DECIMALS.format("r.charge")} AS decimals
        FROM (SELECT charge FROM prices i WHERE i.panel = c.panel ORDER BY i.began_at DESC LIMIT 20) r
    ) d
    CROSS JOIN LATERAL (
        SELECT n.began_at, {_TELLS_NOTHING} AS tells_nothing
        FROM (
            SELECT i.*, d.decimals FROM prices i
            WHERE i.panel = c.panel AND i.service = c.service
                AND i.began_at BETWEEN c.since - 2 * make_interval(secs => :often)
                    AND c.until + 2 * make_interval(secs => :often)
        ) n
        WINDOW w AS (ORDER BY n.began_at)
    ) m
    WHERE p.panel = c.panel AND p.service = c.service AND p.began_at = m.began_at AND m.tells_nothing
""")  # noqa: S608 - no value is put into the text


async def learn_prices(transaction: Transaction, told: Iterable[tuple[Change, OrderReport]]) -> None:
    """Notes the charge of each order that a panel has just told for the first time."""
    first = {
        change.order_id: charge
        for change, report in told
        if not change.before.charge and (charge := uncut_charge(report)) is not None
    }
    if first:
        about = {"order_id": literal(first), "often": OFTEN}
        await transaction.execute(LEARN, about | {"charge": literal(first.values()), "package": PACKAGE})
        await transaction.execute(THIN_OUT, about)
