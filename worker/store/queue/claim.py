"""Commit 1 of an order: claims pending orders, with the intent to send them (docs/architecture.md).

No transaction is open during the call. The same commit writes the outcomes of earlier calls, which
`worker.store.queue.settle` has the statements for.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence import lookalikes
from worker.domain.evidence.lookalikes import Intent
from worker.domain.orders.add_request import AddRequest, OrderRequest, Refusal
from worker.domain.orders.changes import Change
from worker.domain.orders.refusals import TRIES
from worker.domain.orders.services import Service
from worker.domain.orders.submission import Claimed, PendingOrder, best_probes
from worker.store.db.arrays import literal
from worker.store.db.errors import ConflictError, UnstorableError
from worker.store.db.pipeline import Rows
from worker.store.db.transactions import Transaction, Transactions
from worker.store.queue.changes import OnChange, write_changes
from worker.store.queue.lookalikes import LOSING_REPLIES, charges_in_doubt, charges_in_flight
from worker.store.queue.pending import LEVELS, RUNNABLE, runnable
from worker.store.queue.settle import Outcomes, SettleApartError, settle_with_claim

#: Locks orders that may be sent, with the catalogue's entries for their services. The lock of the worker's lease is
#: held until the commit: nobody claims under a lease that has ended, and `open_claims` can wait for a commit.
#:
#: It reads one priority after the other, and no further than the limit, so it locks no more orders than it returns.
#: The rows come in the right order already: the last ORDER BY only says so.
CLAIM = text(f"""
    WITH RECURSIVE lease AS MATERIALIZED (
        SELECT FROM workers WHERE id = :worker_id AND ended_at IS NULL FOR KEY SHARE
    ), {LEVELS}
    SELECT
        id, service, link, quantity, runs, interval_minutes, max_charge, attempts, params,
        listed, name, type, category, rate, min, max, refill, cancel, dripfeed, removed,
        (SELECT {LOSING_REPLIES}) AS losing_replies
    FROM (
        SELECT r.* FROM lease CROSS JOIN levels l CROSS JOIN LATERAL (
            SELECT
                o.id, o.priority, o.not_before,
                o.service, o.link, o.quantity, o.runs, o.interval_minutes, o.max_charge, o.attempts,
                o.params::text AS params,
                s.service AS listed, s.name, s.type, s.category, s.rate, s.min, s.max, s.refill, s.cancel, s.dripfeed,
                s.removed_at IS NOT NULL AS removed
            FROM orders o
            LEFT JOIN services s ON s.panel = o.panel AND s.service = o.service
            WHERE {RUNNABLE}
            ORDER BY o.not_before, o.id
            LIMIT :at_most
            FOR NO KEY UPDATE OF o SKIP LOCKED
        ) r
        LIMIT :at_most
    ) claimed
    ORDER BY priority DESC, not_before, id
""")  # noqa: S608 - no value is put into the text

_INTENTS = text("""
    INSERT INTO submissions (order_id, panel, worker_id, expected_charge, units, is_parent)
    SELECT c.order_id, :panel, :worker_id, c.expected_charge, c.units, c.is_parent
    FROM unnest(
        CAST(:order_id AS bigint[]), CAST(:expected_charge AS numeric[]),
        CAST(:units AS bigint[]), CAST(:is_parent AS bool[])
    ) AS c(order_id, expected_charge, units, is_parent)
    RETURNING id, order_id
""")

POSTPONE = text("""
    UPDATE orders o SET retry_at = now() + make_interval(secs => c.seconds)
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:seconds AS float8[])) AS c(order_id, seconds)
    WHERE o.id = c.order_id
""")

_END_OF_CLAIMS = text("SELECT FROM workers WHERE id = :worker_id FOR UPDATE")

OPEN_CLAIMS = text("""
    SELECT s.id AS token, s.order_id, o.attempts, o.service
    FROM submissions s JOIN orders o ON o.id = s.order_id
    WHERE s.worker_id = :worker_id AND s.panel = :panel AND s.outcome IS NULL
""")


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing can be decided about an order yet: it stays pending, and is read again after so many seconds."""

    seconds: float


Decision: TypeAlias = AddRequest | Refusal | Postponed

#: Decides about an order, by the catalogue's entry for its service, if there is one, and whether the panel has removed
#: that service.
Decide: TypeAlias = Callable[[OrderRequest, Service | None, bool], Decision]


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim did: the orders to send, those that it refused, and how many it postponed.

    `lookalikes`: how many orders wait for a lookalike. `gave_way`: another claim was choosing among lookalikes, so this
    one took none of the orders that may be sent. `settled`: the changes that the outcomes of earlier calls made.
    """

    sendable: tuple[Claimed, ...]
    refused: tuple[Change, ...]
    postponed: int
    lookalikes: int = 0
    gave_way: bool = False
    settled: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class _Decided:
    """What is decided about the orders that a claim has locked."""

    intents: Sequence[Intent]
    refused: Sequence[Change]
    postponed: Sequence[tuple[int, float]]
    lookalikes: Sequence[tuple[int, float]] = ()
    gave_way: bool = False


class Claims:
    """Claims orders."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        first_poll: float,
        settle: float,
        tries: int = TRIES,
        distinct: bool = False,
        on_change: OnChange | None = None,
    ) -> None:
        """`first_poll`: seconds from an order's acceptance to its first status check.

        `settle`: seconds for which a panel may still take a request that it left unanswered. `tries`: how often it may
        refuse an order in unknown words before the order is rejected. `distinct`: an order that would cost the same as
        one in doubt is sent with more units.
        """
        self._engine = engine
        self._transactions = Transactions(engine)
        self._first_poll = first_poll
        self._settle = settle
        self._tries = tries
        self._distinct = distinct
        self._on_change = on_change

    async def runnable(self, panel: str, at_most: int) -> int:
        """Counts the orders that could be claimed now, up to `at_most`."""
        return await runnable(self._engine, panel, at_most)

    async def claim(
        self,
        panel: str,
        worker_id: UUID,
        at_most: int,
        decide: Decide,
        *,
        read_at_least: int = 0,
        probe: bool = False,
        outcomes: Outcomes = (),
    ) -> Claim:
        """Claims up to `at_most` orders to send, and writes the outcomes of earlier calls, in one commit.

        `read_at_least`: how many orders to decide about, where some that have to wait stand before those that needn't.
        `probe`: the order is to show whether a pause is over, so it is one that the trouble has spared so far.
        A worker whose lease has ended claims nothing. Raises SettleApartError, which only outcomes can cause.
        """
        try:
            async with self._transactions.begin() as transaction:
                settlement = await settle_with_claim(transaction, outcomes)
                about = {"panel": panel, "worker_id": worker_id, "at_most": max(at_most, read_at_least)}
                rows = await transaction.fetch(CLAIM, about | {"losing": lookalikes.LOSING, "distinct": self._distinct})
                settled = await settlement.write(first_poll=self._first_poll, tries=self._tries)
                decided = _decide_each(rows, decide)
                if probe:
                    decided = replace(decided, intents=best_probes(decided.intents))
                lost = lookalikes.lost((claimed.request, outcome) for claimed, outcome in outcomes)
                if decided.intents and (lost or rows[0].losing_replies):
                    decided = await self._keep_apart(transaction, panel, decided, lost)
                intents = decided.intents[:at_most]
                await _postpone(transaction, [*decided.postponed, *decided.lookalikes])
                submissions = await _write_intents(transaction, panel, worker_id, intents)
                intended = [order.intended(request) for order, request in intents]
                # The order of locks has these last. So nothing is claimed that an outcome has only just put back.
                await write_changes(transaction, [*settled, *decided.refused, *intended], self._on_change)
        except (ConflictError, UnstorableError) as error:
            if outcomes:
                raise SettleApartError from error
            raise
        tokens = {} if submissions is None else {row.order_id: row.id for row in await submissions.fetchall()}
        return Claim(
            tuple(Claimed(order.order_id, tokens[order.order_id], order.attempts + 1, to) for order, to in intents),
            tuple(decided.refused),
            len(decided.postponed),
            len(decided.lookalikes),
            decided.gave_way,
            settled,
        )

    async def _keep_apart(
        self, transaction: Transaction, panel: str, decided: _Decided, lost: Sequence[lookalikes.Likeness]
    ) -> _Decided:
        """Takes the orders that have to wait for a lookalike out of the intents."""
        in_flight = await charges_in_flight(transaction, panel, settle=self._settle)
        if in_flight is None:
            return replace(decided, intents=[], gave_way=True)
        # The calls that were just lost are closed by now, and their orders aren't unconfirmed yet.
        intents = decided.intents
        if self._distinct:
            in_doubt = await charges_in_doubt(transaction, panel)
            intents = lookalikes.made_distinct(intents, [*lost, *in_flight, *in_doubt])
        separated = lookalikes.keep_apart(intents, [*lost, *in_flight])
        return replace(decided, intents=separated.sendable, lookalikes=separated.waiting)

    async def open_claims(self, panel: str, worker_id: UUID) -> list[Claimed]:
        """Returns a worker's claims without an outcome. It doesn't say what they were to send.

        Waits for a claim that the database is still committing although nobody waits for its answer any more.
        """
        async with self._transactions.begin() as transaction:
            await transaction.execute(_END_OF_CLAIMS, {"worker_id": worker_id})
            rows = await transaction.fetch(OPEN_CLAIMS, {"panel": panel, "worker_id": worker_id})
        return [Claimed(row.order_id, row.token, row.attempts, AddRequest(row.service)) for row in rows]


def _decide_each(rows: Sequence[Any], decide: Decide) -> _Decided:
    intents: list[Intent] = []
    refused: list[Change] = []
    postponed: list[tuple[int, float]] = []
    for row in rows:
        order = PendingOrder(row.id, _request(row), row.attempts)
        match decide(order.request, _service(row), row.removed):
            case AddRequest() as request:
                intents.append((order, request))
            case Refusal() as refusal:
                refused.append(order.refused(refusal))
            case Postponed(seconds):
                postponed.append((row.id, seconds))
    return _Decided(intents, refused, postponed)


async def _postpone(transaction: Transaction, waiting: Sequence[tuple[int, float]]) -> None:
    """Leaves orders pending, each for so many seconds."""
    if waiting:
        about = {
            "order_id": literal(order_id for order_id, _ in waiting),
            "seconds": literal(seconds for _, seconds in waiting),
        }
        await transaction.execute(POSTPONE, about)


async def _write_intents(
    transaction: Transaction, panel: str, worker_id: UUID, intents: Sequence[Intent]
) -> Rows | None:
    if not intents:
        return None
    return await transaction.execute(
        _INTENTS,
        {
            "panel": panel,
            "worker_id": worker_id,
            "order_id": literal(order.order_id for order, _ in intents),
            "expected_charge": literal(request.expected_charge for _, request in intents),
            "units": literal(request.units for _, request in intents),
            "is_parent": literal(request.is_parent for _, request in intents),
        },
    )


def _request(row: Any) -> OrderRequest:
    return OrderRequest(
        row.service, row.link, row.quantity, row.runs, row.interval_minutes, _params(row.params), row.max_charge
    )


def _params(text: str) -> Mapping[str, Any] | None:
    """Returns None for JSON that Postgres can hold and Python can't: such an order must not spoil the others' claim."""
    try:
        params: Mapping[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return params


def _service(row: Any) -> Service | None:
    if row.listed is None:
        return None
    return Service(
        row.listed, row.name, row.type, row.category, row.rate, row.min, row.max, row.refill, row.cancel, row.dripfeed
    )
