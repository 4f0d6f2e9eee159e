"""Lets an operator say which panel orders are none of ours, and ends the guard that they set off."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence.landmarks import Landmarks, ids_increase
from worker.domain.evidence.owners import suspects_of
from worker.domain.evidence.progress import candidates_of
from worker.domain.evidence.questions import Premises
from worker.domain.evidence.sightings import Asked, Sighting
from worker.domain.evidence.verdicts import Knowledge, weigh
from worker.domain.orders.operator_actions import disowned
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transactions
from worker.store.evidence.prices import Prices
from worker.store.evidence.reading import Reading
from worker.store.queue.changes import RECORD_COLUMNS, record_of, write_changes

#: Most panel orders that the history of an order names.
MOST_NAMED = 100

_SHARED_SINCE = text("SELECT shared_since FROM guards WHERE panel = :panel")

#: The orders in doubt, none of which was settled meanwhile.
LOCK_ORDERS = text(f"""
    SELECT o.id, {RECORD_COLUMNS} FROM orders o
    WHERE o.panel = :panel AND o.state = 'unconfirmed'
    ORDER BY o.id
    FOR NO KEY UPDATE OF o
""")  # noqa: S608 - names of ours

#: Leaves an id alone that was linked, or explained, meanwhile.
DISOWN = text("""
    WITH c AS (
        SELECT t.number FROM sightings t
        WHERE t.panel = :panel AND t.number = ANY(CAST(:number AS bigint[]))
            AND t.explained IS NULL AND t.order_id IS NULL
            AND NOT EXISTS (SELECT FROM orders o WHERE o.panel = t.panel AND o.panel_order_id = t.number::text)
        ORDER BY t.number
        FOR UPDATE OF t
    )
    UPDATE sightings t SET explained = 'disowned' FROM c WHERE t.panel = :panel AND t.number = c.number
    RETURNING t.number
""")

_CLEAR = text("UPDATE guards SET shared_since = NULL WHERE panel = :panel AND shared_since IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Unowned:
    """A panel order that answered and is no known order's.

    `may_be` are the orders in doubt that may own it. `is_nobodys`: it can't be any order's of ours, nor a child order.
    Neither: too many orders may own it, or it may be a child order.
    """

    sighting: Sighting
    may_be: tuple[int, ...]
    is_nobodys: bool


@dataclass(frozen=True, slots=True)
class Account:
    """The panel orders without a known owner on an account, as of `now` in seconds of the database's clock.

    `shared_since`: since when it is known that somebody else orders there; None: it isn't known.
    """

    now: float
    shared_since: datetime | None
    unowned: tuple[Unowned, ...]


class Disowning:
    """Finds and disowns panel orders of one panel."""

    def __init__(self, engine: AsyncEngine, panel: str, premises: Premises) -> None:
        self._engine = engine
        self._transactions = Transactions(engine)
        self._panel = panel
        self._premises = premises

    async def account(self) -> Account:
        """Weighs what the worker has seen so far, and asks no panel."""
        reading = Reading(self._engine, self._panel, self._premises)
        known = await reading.snapshot()
        landmarks = Landmarks(known.landmarks)
        suspects = suspects_of(known.questions, landmarks, self._premises)
        services = {one.question.service for one in suspects} | {parent.service for parent in known.parents}
        times = {one.question.began_at for one in suspects} | {sighting.seen_at for sighting in known.sightings}
        knowledge = Knowledge(
            known.now,
            suspects,
            landmarks,
            known.sightings,
            Asked(known.asked),
            await Prices(self._engine, self._panel).book(services, times),
            known.parents,
            shapes_tell=await reading.shapes_tell(),
            is_ordered=known.are_numbers and ids_increase(known.landmarks),
        )
        weighing = weigh(knowledge, self._premises)
        may_own: dict[int, list[int]] = {}
        for order_id, verdict in weighing.verdicts.items():
            for number in candidates_of(verdict):
                may_own.setdefault(number, []).append(order_id)
        unowned = [
            Unowned(
                sighting,
                tuple(sorted(may_own.get(sighting.number, ()))),
                is_nobodys=sighting.number in weighing.nobodys and sighting.number not in may_own,
            )
            for sighting in sorted(known.sightings, key=attrgetter("number"))
        ]
        async with self._engine.connect() as connection:
            shared_since = await connection.scalar(_SHARED_SINCE, {"panel": self._panel})
        return Account(known.now, shared_since, tuple(unowned))

    async def disown(self, numbers: Collection[int], *, who: str, why: str) -> list[int]:
        """Says that these panel orders are none of ours, and that evidence may settle orders again.

        Returns those that were disowned: not those that were linked or explained meanwhile. The history of each order
        in doubt tells of it.
        """
        about = {"panel": self._panel, "number": literal(numbers)}
        async with self._transactions.begin() as transaction:
            rows = await transaction.fetch(LOCK_ORDERS, about)
            done = sorted(row.number for row in await transaction.fetch(DISOWN, about))
            await transaction.execute(_CLEAR, about)
            named = [str(number) for number in done[:MOST_NAMED]]
            await write_changes(
                transaction, [disowned(row.id, record_of(row), named, who=who, why=why) for row in rows]
            )
        return done
