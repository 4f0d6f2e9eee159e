"""What a person changes about orders by hand: as every writer does, rows are locked first, and events written last."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.orders import Change, Declined, ResolvedAs, resolved, retried
from worker.domain.states import OrderState
from worker.store.changes import RECORD_COLUMNS, Changing, changing, record_of
from worker.store.orders import ACCEPTED_LATE, refute, watch

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

_FORGET = text("DELETE FROM examinations WHERE order_id = :order_id")


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
        await watch(connection, [result], {order_id: rows[order_id].panel}, first_look=0.0)
        await transaction.write([result])
        return result


async def _lock(
    connection: AsyncConnection, order_ids: Sequence[int]
) -> tuple[dict[int, Row[Any]], dict[int, Row[Any]]]:
    about = {"order_id": list(order_ids)}
    rows = {row.id: row for row in await connection.execute(_LOCK, about)}
    return rows, {row.order_id: row for row in await connection.execute(_CALLS, about)}
