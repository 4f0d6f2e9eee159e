"""Keeps what orders cost at first, for the evidence about lost answers (`worker.domain.evidence.prices`).

The newest price of each service is kept, and of the older ones about one in so many seconds, as long as they agree.
"""

from collections.abc import Iterable

from sqlalchemy import text

from worker.domain.evidence.prices import PACKAGE
from worker.domain.evidence.sightings import uncut_charge
from worker.domain.orders.changes import Change
from worker.domain.orders.statuses import OrderReport
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transaction

#: Seconds in which two prices of a service that agree are enough.
OFTEN = 10.0

LEARN = text("""
    INSERT INTO prices (panel, service, began_at, ended_at, units, charge)
    SELECT DISTINCT ON (o.panel, o.service)
        o.panel, o.service, s.began_at, s.ended_at, coalesce(s.units, :package), c.charge
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:charge AS numeric[])) AS c(order_id, charge)
    JOIN orders o ON o.id = c.order_id
    JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
        ON s.outcome = 'accepted' AND NOT s.is_parent
    ORDER BY o.panel, o.service, s.began_at DESC
    ON CONFLICT DO NOTHING
""")

#: Deletes prices that tell no more than the ones around them, of the services of these orders.
THIN_OUT = text("""
    DELETE FROM prices p
    USING (
        SELECT DISTINCT panel, service FROM orders WHERE id = ANY(CAST(:order_id AS bigint[]))
    ) c
    CROSS JOIN LATERAL (
        SELECT
            n.began_at, n.charge / n.units AS price, 0.01 / n.units AS grain,
            lag(n.began_at) OVER w AS before_at, lead(n.began_at) OVER w AS after_at,
            lag(n.charge / n.units) OVER w AS price_before, lead(n.charge / n.units) OVER w AS price_after
        FROM (
            SELECT * FROM prices i WHERE i.panel = c.panel AND i.service = c.service ORDER BY i.began_at DESC LIMIT 4
        ) n
        WINDOW w AS (ORDER BY n.began_at)
    ) m
    WHERE p.panel = c.panel AND p.service = c.service AND p.began_at = m.began_at
        AND m.after_at < m.before_at + make_interval(secs => :often)
        AND abs(m.price - m.price_before) <= m.grain AND abs(m.price - m.price_after) <= m.grain
""")


async def learn_prices(transaction: Transaction, told: Iterable[tuple[Change, OrderReport]]) -> None:
    """Notes the charge of each order that a panel has just told for the first time."""
    first = {
        change.order_id: charge
        for change, report in told
        if not change.before.charge and (charge := uncut_charge(report)) is not None
    }
    if first:
        await transaction.execute(
            LEARN, {"order_id": literal(first), "charge": literal(first.values()), "package": PACKAGE}
        )
        await transaction.execute(THIN_OUT, {"order_id": literal(first), "often": OFTEN})
