"""What a person changes about orders by hand: as every writer does, rows are locked first, and events written last."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import IntegrityError
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

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
from worker.store.queue.changes import RECORD_COLUMNS, Changing, changing, record_of
from worker.store.queue.polls import watch
from worker.store.queue.refills_and_cancels import RequestTable
from worker.store.queue.submissions import ACCEPTED_LATE, refute

_LOCK = text(f"""
    SELECT o.id, o.panel, {RECORD_COLUMNS} FROM orders o WHERE o.id = ANY(:order_id)
    ORDER BY o.id
    FOR NO KEY UPDATE OF o
""")  # noqa: S608 - no value is put into the text

#: Read after the lock is had, so that nothing is missed that was written while it was waited for. What an earlier call
#: left open was refuted before the order could be sent again; an acceptance never is.
_CALLS = text(f"""
    SELECT
        s.order_id, max(s.id) AS newest,
        bool_or(s.outcome IN ('accepted', '{ACCEPTED_LATE}'))
            OR (array_agg(coalesce(s.outcome, 'open') ORDER BY s.id DESC))[1] IN ('open', 'unknown', 'lease_ended')
            AS may_have_been_taken
    FROM submissions_all s WHERE s.order_id = ANY(:order_id)
    GROUP BY s.order_id
""")  # noqa: S608 - our own word

#: Those that aren't at their end.
_UNDER_WAY = {
    "cancels": text("SELECT order_id FROM cancels WHERE order_id = ANY(:order_id) AND state = 'pending'"),
    "refills": text(
        "SELECT order_id FROM refills WHERE order_id = ANY(:order_id) AND state IN ('pending', 'submitted')"
    ),
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
    """An order as a person places it: a producer's columns. `not_before` None: at once."""

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


class Desk:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def retry(self, order_ids: Collection[int], *, who: str, why: str | None) -> list[Change | Declined]:
        """Put rejected orders back, all in one transaction; for each id what was written, or why nothing was."""
        async with changing(self._engine) as transaction:
            rows, calls = await _lock(transaction.connection, sorted(set(order_ids)))
            results: list[Change | Declined] = []
            for order_id in sorted(set(order_ids)):
                if order_id not in rows:
                    results.append(Declined(order_id, "doesn't exist"))
                    continue
                taken = order_id in calls and calls[order_id].may_have_been_taken
                record = record_of(rows[order_id])
                results.append(retried(order_id, record, may_have_been_taken=taken, who=who, why=why))
            await transaction.write([result for result in results if isinstance(result, Change)])
        return results

    async def ask(
        self, table: RequestTable, order_ids: Collection[int], *, who: str, why: str | None
    ) -> list[Change | Declined]:
        """Ask for cancels, or refills, all in one transaction; for each id what was written, or why nothing was."""
        asked_for = {"cancels": cancel_asked, "refills": refill_asked}[table]
        declined = {"cancels": declined_cancel, "refills": declined_refill}[table]
        async with changing(self._engine) as transaction:
            connection = transaction.connection
            rows, _ = await _lock(connection, sorted(set(order_ids)))
            records = {order_id: record_of(row) for order_id, row in rows.items()}
            under_way = set((await connection.execute(_UNDER_WAY[table], {"order_id": list(rows)})).scalars())
            reasons = {
                order_id: declined(order_id, records[order_id], asked_for=order_id in under_way)
                if order_id in records
                else Declined(order_id, "doesn't exist")
                for order_id in sorted(set(order_ids))
            }
            wanted = [order_id for order_id, reason in reasons.items() if reason is None]
            asked = await connection.execute(_ASK[table], {"order_id": wanted})
            changes = {
                row.order_id: asked_for(row.order_id, records[row.order_id], row.id, who=who, why=why) for row in asked
            }
            await transaction.write(list(changes.values()))
        return [reason or changes[order_id] for order_id, reason in reasons.items()]

    async def add(self, order: NewOrder, *, who: str, why: str | None) -> int | None:
        """Place an order; returns its id, or None where another has its reference."""
        async with changing(self._engine) as transaction:
            values = asdict(order) | {"params": json.dumps(order.params)}
            order_id = (await transaction.connection.execute(_ADD, values)).scalar_one_or_none()
            if order_id is not None:
                await transaction.write([added(order_id, who=who, why=why)])
        return order_id

    async def resolve(
        self, order_id: int, decision: ResolvedAs, *, token: int | None, who: str, why: str
    ) -> Change | Declined:
        """Settle an unconfirmed order. `token` is the newest submission that the person knew of.

        Whoever came first stands: an order that has gone on meanwhile is left alone.
        """
        try:
            async with changing(self._engine) as transaction:
                return await self._resolve(transaction, order_id, decision, token=token, who=who, why=why)
        except IntegrityError:
            return Declined(order_id, f"isn't linked: panel order {decision.panel_order_id} is another order's by now")

    async def _resolve(
        self,
        transaction: Changing,
        order_id: int,
        decision: ResolvedAs,
        *,
        token: int | None,
        who: str,
        why: str,
    ) -> Change | Declined:
        connection = transaction.connection
        rows, calls = await _lock(connection, [order_id])
        if order_id not in rows:
            return Declined(order_id, "doesn't exist")
        result = resolved(order_id, record_of(rows[order_id]), decision, who=who, why=why)
        if isinstance(result, Declined):
            return result
        if order_id in calls and calls[order_id].newest != token:
            return Declined(order_id, "was sent again meanwhile: look at it anew")
        await connection.execute(_FORGET, {"order_id": order_id})
        if token is not None and result.after.state is OrderState.PENDING:
            await refute(connection, token)
        await watch(connection, [result], first_look=0.0)
        await transaction.write([result])
        return result


async def _lock(
    connection: AsyncConnection, order_ids: Sequence[int]
) -> tuple[dict[int, Row[Any]], dict[int, Row[Any]]]:
    about = {"order_id": list(order_ids)}
    rows = {row.id: row for row in await connection.execute(_LOCK, about)}
    return rows, {row.order_id: row for row in await connection.execute(_CALLS, about)}
