"""Writes what a panel answered when it was asked about ids."""

from collections.abc import Collection, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence.sightings import CHUNK, Sighting
from worker.domain.orders.statuses import OrderReport
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transactions
from worker.store.evidence.names import Names

#: The ids that belong to an order, by an answer or by evidence, whether or not its row is still there.
KNOWN = text("""
    SELECT panel_order_id FROM orders
    WHERE panel = ANY(CAST(:names AS text[])) AND panel_order_id = ANY(CAST(:numbers AS text[]))
    UNION
    SELECT panel_order_id FROM submissions
    WHERE panel = ANY(CAST(:names AS text[])) AND panel_order_id = ANY(CAST(:numbers AS text[]))
        AND outcome IN ('accepted', 'accepted_late')
    UNION
    SELECT number::text FROM sightings
    WHERE panel = ANY(CAST(:names AS text[])) AND number = ANY(CAST(:numbers AS bigint[])) AND order_id IS NOT NULL
""")

#: A later sight of an id adds to the first one. Its time is that of the first.
SEEN = text("""
    INSERT INTO sightings AS t
        (panel, number, seen_at, denied_at, charge, uncut_charge, most_remains, is_parent, has_spawned)
    SELECT :panel, c.number, clock_timestamp(), to_timestamp(c.denied_at), c.charge, c.uncut_charge, c.most_remains,
        c.is_parent, c.has_spawned
    FROM unnest(
        CAST(:number AS bigint[]), CAST(:denied_at AS float8[]), CAST(:charge AS numeric[]),
        CAST(:uncut_charge AS numeric[]), CAST(:most_remains AS bigint[]), CAST(:is_parent AS bool[]),
        CAST(:has_spawned AS bool[])
    ) AS c(number, denied_at, charge, uncut_charge, most_remains, is_parent, has_spawned)
    ORDER BY c.number
    ON CONFLICT (panel, number) DO UPDATE SET
        charge = excluded.charge,
        uncut_charge = coalesce(t.uncut_charge, excluded.uncut_charge),
        most_remains = greatest(t.most_remains, excluded.most_remains),
        is_parent = excluded.is_parent,
        has_spawned = t.has_spawned OR excluded.has_spawned
""")

ASKED = text("""
    INSERT INTO asked_ids AS a (panel, chunk, sent_at)
    SELECT :panel, c.chunk, to_timestamp(c.sent_at)
    FROM unnest(CAST(:chunk AS bigint[]), CAST(:sent_at AS float8[])) AS c(chunk, sent_at)
    ORDER BY c.chunk
    ON CONFLICT (panel, chunk) DO UPDATE SET sent_at = greatest(a.sent_at, excluded.sent_at)
""")

EXPLAIN = text("""
    UPDATE sightings SET explained = :how
    WHERE panel = :panel AND number = ANY(CAST(:number AS bigint[])) AND explained IS NULL AND order_id IS NULL
""")

#: The panel told some ids in the end: they had answered while their own calls were in flight. Here as below, what is
#: known is read from an index: Postgres might read the whole history for a join.
EXPLAIN_KNOWN = text("""
    UPDATE sightings t SET explained = 'known'
    WHERE t.panel = :panel AND t.explained IS NULL AND t.order_id IS NULL
        AND (
            SELECT s.id FROM submissions s
            WHERE s.panel = t.panel AND s.panel_order_id = t.number::text AND s.outcome IN ('accepted', 'accepted_late')
            LIMIT 1
        ) IS NOT NULL
""")

#: A person named some for lost orders.
OWN = text("""
    UPDATE sightings t SET order_id = n.order_id
    FROM (
        SELECT s.number, (
            SELECT o.id FROM orders o WHERE o.panel = s.panel AND o.panel_order_id = s.number::text LIMIT 1
        ) AS order_id
        FROM sightings s WHERE s.panel = :panel AND s.explained IS NULL AND s.order_id IS NULL
    ) n
    WHERE t.panel = :panel AND t.number = n.number AND n.order_id IS NOT NULL
        AND t.explained IS NULL AND t.order_id IS NULL
""")

#: What was asked about ids below every open question is of no use any more.
FORGET = text("DELETE FROM asked_ids WHERE panel = :panel AND chunk < :chunk")

#: Seconds for which an id that is explained stays on record. One that was linked stays for ever: no answer told it.
_WEEK = 7 * 86_400.0
FORGET_SIGHTINGS = text(f"""
    DELETE FROM sightings
    WHERE panel = :panel AND explained IS NOT NULL AND order_id IS NULL
        AND seen_at < clock_timestamp() - make_interval(secs => {_WEEK}) AND number < :number
""")  # noqa: S608 - a number of ours


class Asking:
    """Writes the answers about the ids of one account, of which the panel is one name."""

    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._transactions = Transactions(engine)
        self._panel = panel
        self._names = Names(engine, panel)

    async def known(self, numbers: Collection[int]) -> set[int]:
        """Returns those of these ids that belong to an order."""
        about = {"names": await self._names.all(), "numbers": [str(number) for number in numbers]}
        async with self._engine.connect() as connection:
            return {int(number) for number in (await connection.execute(KNOWN, about)).scalars()}

    async def note(
        self, answered: Mapping[int, float], reports: Mapping[int, OrderReport], denied: Mapping[int, float]
    ) -> None:
        """Writes which chunks were answered for, by calls that were sent at these times or later, and the ids seen.

        `denied` has, for each id seen, when the last call before was sent that denied it.
        """
        no_time = 0.0  # the database's clock tells when an id was seen
        seen = [Sighting(number, no_time, denied.get(number)).told(report) for number, report in reports.items()]
        async with self._transactions.begin() as transaction:
            about = {"panel": self._panel, "chunk": literal(answered), "sent_at": literal(answered.values())}
            await transaction.execute(ASKED, about)
            if seen:
                await transaction.execute(
                    SEEN,
                    {
                        "panel": self._panel,
                        "number": literal(one.number for one in seen),
                        "denied_at": literal(one.denied_at for one in seen),
                        "charge": literal(one.charge for one in seen),
                        "uncut_charge": literal(one.uncut_charge for one in seen),
                        "most_remains": literal(one.most_remains for one in seen),
                        "is_parent": literal(one.is_parent for one in seen),
                        "has_spawned": literal(one.has_spawned for one in seen),
                    },
                )

    async def spawned(self, numbers: Collection[int]) -> None:
        """Notes that these ids are child orders."""
        await self._explain(numbers, "spawned")

    async def _explain(self, numbers: Collection[int], how: str) -> None:
        async with self._transactions.begin() as transaction:
            await transaction.execute(EXPLAIN, {"panel": self._panel, "number": literal(numbers), "how": how})

    async def tidy(self, below: int) -> None:
        """Notes which ids that answered have an order by now; forgets what no open question needs.

        That is what was asked about chunks below this one, and old ids there that are explained.
        """
        about = {"panel": self._panel, "chunk": below, "number": below * CHUNK}
        async with self._transactions.begin() as transaction:
            for statement in (EXPLAIN_KNOWN, OWN, FORGET, FORGET_SIGHTINGS):
                await transaction.execute(statement, about)
