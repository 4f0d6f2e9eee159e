"""Reads what a claim has to know to keep lookalike orders apart (`worker.domain.evidence.lookalikes`)."""

from sqlalchemy import text

from worker.domain.evidence import lookalikes
from worker.store.db.transactions import Transaction

#: Whether the panel has lost a reply recently, whatever became of that order since; or, if each order in doubt counts,
#: whether there is any.
LOSING_REPLIES = """
    EXISTS (
        SELECT FROM submissions
        WHERE panel = :panel AND outcome IN ('unknown', 'refuted')
            AND ended_at > clock_timestamp() - make_interval(secs => :losing)
    ) OR :distinct AND EXISTS (SELECT FROM orders WHERE panel = :panel AND state = 'unconfirmed')
"""

#: One claim at a time goes on from here, so that each sees the charges that the one before has put in flight.
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('order_sync claim ' || :panel)) AS alone")

#: The charges of calls in flight, and of lost orders without a known order behind every id that they may have. The
#: next accepted call is read from its index; Postgres might answer NOT EXISTS by reading the whole history.
IN_FLIGHT = text("""
    SELECT s.expected_charge FROM submissions s WHERE s.panel = :panel AND s.outcome IS NULL
    UNION
    SELECT s.expected_charge
    FROM orders o
    CROSS JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
    CROSS JOIN LATERAL (
        SELECT s.ended_at + CASE WHEN s.replied THEN interval '0' ELSE make_interval(secs => :settle) END AS last_at
    ) l
    WHERE o.panel = :panel AND o.state = 'unconfirmed' AND s.outcome = 'unknown'
        AND s.ended_at > clock_timestamp() - make_interval(secs => :patience)
        AND (
            SELECT k.id FROM submissions k
            WHERE k.id > s.id AND k.panel = :panel AND k.outcome = 'accepted' AND k.began_at > l.last_at
            ORDER BY k.began_at
            LIMIT 1
        ) IS NULL
""")

IN_DOUBT = text("""
    SELECT s.expected_charge
    FROM orders o
    CROSS JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
    WHERE o.panel = :panel AND o.state = 'unconfirmed'
""")


async def charges_in_doubt(transaction: Transaction, panel: str) -> list[lookalikes.Likeness]:
    """Returns the expected charges of all orders in doubt."""
    return [row.expected_charge for row in await transaction.fetch(IN_DOUBT, {"panel": panel})]


async def charges_in_flight(transaction: Transaction, panel: str, *, settle: float) -> list[lookalikes.Likeness] | None:
    """Returns the expected charges that lookalikes have to wait for; None while another claim does the same.

    `settle`: seconds for which a panel may still take a request that it left unanswered.
    """
    about = {"panel": panel, "patience": lookalikes.PATIENCE, "settle": settle}
    lock = await transaction.execute(_ALONE, about)
    in_flight = await transaction.execute(IN_FLIGHT, about)
    ((alone,),) = await lock.fetchall()
    return [row.expected_charge for row in await in_flight.fetchall()] if alone else None
