"""Keeps what orders cost at first, for the evidence about lost answers (`worker.domain.evidence.prices`)."""

from collections.abc import Iterable

from sqlalchemy import text

from worker.domain.evidence.sightings import uncut_charge
from worker.domain.orders.changes import Change
from worker.domain.orders.statuses import OrderReport
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transaction

#: Seconds in which one price of a service is enough.
OFTEN = 10.0

LEARN = text("""
    INSERT INTO prices (panel, service, began_at, ended_at, units, charge)
    SELECT DISTINCT ON (o.panel, o.service)
        o.panel, o.service, s.began_at, s.ended_at, coalesce(s.units, 1), c.charge
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:charge AS numeric[])) AS c(order_id, charge)
    JOIN orders o ON o.id = c.order_id
    JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
        ON s.outcome = 'accepted' AND NOT s.is_parent
    WHERE NOT EXISTS (
        SELECT FROM prices p
        WHERE p.panel = o.panel AND p.service = o.service
            AND p.began_at > s.began_at - make_interval(secs => :often)
            AND p.began_at < s.began_at + make_interval(secs => :often)
    )
    ORDER BY o.panel, o.service, s.began_at DESC
    ON CONFLICT DO NOTHING
""")


async def learn_prices(transaction: Transaction, told: Iterable[tuple[Change, OrderReport]]) -> None:
    """Notes the charge of each order that a panel has just told for the first time."""
    first = {
        change.order_id: charge
        for change, report in told
        if not change.before.charge and (charge := uncut_charge(report)) is not None
    }
    if first:
        values = {"order_id": literal(first), "charge": literal(first.values()), "often": OFTEN}
        await transaction.execute(LEARN, values)
