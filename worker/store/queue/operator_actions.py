"""Carries out what an operator asks for: retries, cancels, refills, new orders, and the end of an open question."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.add_request import OrderRequest
from worker.domain.orders.changes import Change
from worker.domain.orders.operator_actions import (
    Declined,
    ResolvedAs,
    added,
    cancel_asked,
    declined_cancel,
    declined_refill,
    refill_asked,
    resolved,
    retried,
)
from worker.domain.orders.states import OrderState
from worker.store.db.arrays import literal
from worker.store.db.errors import ConflictError
from worker.store.db.transactions import Transaction, Transactions
from worker.store.queue.changes import RECORD_COLUMNS, record_of, write_changes
from worker.store.queue.polls import watch
from worker.store.queue.refills_and_cancels import RequestTable
from worker.store.queue.submissions import ACCEPTED_LATE, refute

_LOCK = text(f"""
    SELECT o.id, o.panel, {RECORD_COLUMNS} FROM orders o WHERE o.id = ANY(CAST(:order_id AS bigint[]))
    ORDER BY o.id
    FOR NO KEY UPDATE OF o
""")  # noqa: S608 - no value is put into the text

#: Reads the calls of orders that are locked by then, so it misses nothing that others wrote meanwhile. Before an order
#: is sent again, what its earlier call left open is refuted; an acceptance never is.
CALLS = text(f"""
    SELECT
        s.order_id, max(s.id) AS newest,
        bool_or(s.outcome IN ('accepted', '{ACCEPTED_LATE}'))
            OR (array_agg(coalesce(s.outcome, 'open') ORDER BY s.id DESC))[1] IN ('open', 'unknown', 'lease_ended')
            AS may_have_been_taken
    FROM submissions_all s WHERE s.order_id = ANY(CAST(:order_id AS bigint[]))
    GROUP BY s.order_id
""")  # noqa: S608 - our own word

#: Which orders have a request that hasn't ended yet.
_UNDER_WAY = {
    "cancels": text("""
        SELECT order_id FROM cancels WHERE order_id = ANY(CAST(:order_id AS bigint[])) AND state = 'pending'
    """),
    "refills": text("""
        SELECT order_id FROM refills
        WHERE order_id = ANY(CAST(:order_id AS bigint[])) AND state IN ('pending', 'submitted')
    """),
}

_ASK = {
    table: text(f"INSERT INTO {table} (order_id) SELECT unnest(CAST(:order_id AS bigint[])) RETURNING id, order_id")
    for table in ("cancels", "refills")
}

_ADD = text("""
    INSERT INTO orders (
        panel, service, link, quantity, runs, interval_minutes, params, reference, priority, not_before, max_charge
    )
    VALUES (
        :panel, :service, :link, :quantity, :runs, :interval_minutes, CAST(:params AS jsonb), :reference, :priority,
        coalesce(CAST(:not_before AS timestamptz), now()), :max_charge
    )
    ON CONFLICT (reference) DO NOTHING
    RETURNING id
""")

_FORGET = text("DELETE FROM examinations WHERE order_id = :order_id")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that an operator places, with a producer's columns. Without `not_before` it may be sent at once."""

    service: str
    panel: str = "default"
    link: str | None = None
    quantity: int | None = None
    runs: int | None = None
    interval_minutes: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    priority: int = 0
    not_before: datetime | None = None
    max_charge: Decimal | None = None

    @property
    def request(self) -> OrderRequest:
        return OrderRequest(
            self.service, self.link, self.quantity, self.runs, self.interval_minutes, self.params, self.max_charge
        )


class OperatorActions:
    """Changes orders as an operator asks. It waits for an order that somebody else has locked."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._transactions = Transactions(engine)

    async def retry(self, order_ids: Collection[int], *, who: str, why: str | None) -> list[Change | Declined]:
        """Puts rejected orders back, all in one transaction.

        Returns for each id, in ascending order, the change that was written, or why none was.
        """
        ids = sorted(set(order_ids))
        async with self._transactions.begin() as transaction:
            rows, calls = await _lock(transaction, ids)
            results: list[Change | Declined] = []
            for order_id in ids:
                if order_id not in rows:
                    results.append(Declined(order_id, "doesn't exist"))
                    continue
                taken = order_id in calls and calls[order_id].may_have_been_taken
                record = record_of(rows[order_id])
                results.append(retried(order_id, record, may_have_been_taken=taken, who=who, why=why))
            await write_changes(transaction, [result for result in results if isinstance(result, Change)])
        return results

    async def ask(
        self, table: RequestTable, order_ids: Collection[int], *, who: str, why: str | None
    ) -> list[Change | Declined]:
        """Asks for cancels, or refills, all in one transaction.

        Returns for each id, in ascending order, the change that was written, or why none was.
        """
        asked_for = {"cancels": cancel_asked, "refills": refill_asked}[table]
        declined = {"cancels": declined_cancel, "refills": declined_refill}[table]
        ids = sorted(set(order_ids))
        async with self._transactions.begin() as transaction:
            rows, _ = await _lock(transaction, ids)
            records = {order_id: record_of(row) for order_id, row in rows.items()}
            found = await transaction.fetch(_UNDER_WAY[table], {"order_id": literal(rows)})
            under_way = {row.order_id for row in found}
            reasons = {
                order_id: declined(order_id, records[order_id], asked_for=order_id in under_way)
                if order_id in records
                else Declined(order_id, "doesn't exist")
                for order_id in ids
            }
            wanted = [order_id for order_id, reason in reasons.items() if reason is None]
            asked = await transaction.fetch(_ASK[table], {"order_id": literal(wanted)})
            changes = {
                row.order_id: asked_for(row.order_id, records[row.order_id], row.id, who=who, why=why) for row in asked
            }
            await write_changes(transaction, list(changes.values()))
        return [reason or changes[order_id] for order_id, reason in reasons.items()]

    async def add(self, order: NewOrder, *, who: str, why: str | None) -> int | None:
        """Places an order; returns its id, or None where another order has its reference."""
        async with self._transactions.begin() as transaction:
            rows = await transaction.fetch(_ADD, asdict(order) | {"params": json.dumps(order.params)})
            if not rows:
                return None
            ((order_id,),) = rows
            await write_changes(transaction, [added(order_id, who=who, why=why)])
        return int(order_id)

    async def resolve(
        self, order_id: int, decision: ResolvedAs, *, token: int | None, who: str, why: str
    ) -> Change | Declined:
        """Settles an unconfirmed order. `token` is the newest submission that the operator knew of.

        It leaves an order alone that has gone on meanwhile.
        """
        try:
            async with self._transactions.begin() as transaction:
                return await _resolve(transaction, order_id, decision, token=token, who=who, why=why)
        except ConflictError:
            return Declined(order_id, f"isn't linked: panel order {decision.panel_order_id} is another order's by now")


async def _resolve(
    transaction: Transaction, order_id: int, decision: ResolvedAs, *, token: int | None, who: str, why: str
) -> Change | Declined:
    rows, calls = await _lock(transaction, [order_id])
    if order_id not in rows:
        return Declined(order_id, "doesn't exist")
    result = resolved(order_id, record_of(rows[order_id]), decision, who=who, why=why)
    if isinstance(result, Declined):
        return result
    if order_id in calls and calls[order_id].newest != token:
        return Declined(order_id, "was sent again meanwhile: read its history anew")
    await transaction.execute(_FORGET, {"order_id": order_id})
    if token is not None and result.after.state is OrderState.PENDING:
        await refute(transaction, token)
    await watch(transaction, [result], first_poll=0.0)
    await write_changes(transaction, [result])
    return result


async def _lock(transaction: Transaction, order_ids: Sequence[int]) -> tuple[dict[int, Any], dict[int, Any]]:
    """Locks orders; returns their rows, and what their calls came to, both by the order's id."""
    about = {"order_id": literal(order_ids)}
    orders = await transaction.execute(_LOCK, about)
    calls = await transaction.execute(CALLS, about)
    return (
        {row.id: row for row in await orders.fetchall()},
        {row.order_id: row for row in await calls.fetchall()},
    )
