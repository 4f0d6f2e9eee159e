"""Reads the records about a panel's money, and keeps the results of audits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.money.audit import BalanceReading, Report
from worker.domain.money.movements import Call, History, Taken, Told
from worker.domain.orders.states import ON_PANEL, OrderState
from worker.store.db.clock import now_of
from worker.store.queue.submissions import ACCEPTED_LATE, REFUTED
from worker.store.records.audit_results import LatestAudit, latest_audits

#: How much later than the refund itself a poll may see it: the worker polls closed orders rarely.
SEEN_WITHIN = timedelta(days=2)

READINGS = text("""
    SELECT coalesce(asked_at, at) AS asked_at, at, balance, currency FROM balances
    WHERE panel = :panel AND at BETWEEN :since AND :until ORDER BY at, id
""")

#: The orders whose money may have moved. Every change of an order has an event; an open parent may spawn without one.
TOUCHED = text("""
    SELECT DISTINCT e.order_id
    FROM order_events_all e JOIN orders o ON o.id = e.order_id
    WHERE e.at BETWEEN :since AND :until AND o.panel = :panel
    UNION
    SELECT s.order_id FROM submissions s WHERE s.panel = :panel AND s.outcome IS NULL
    UNION
    SELECT s.order_id
    FROM submissions s JOIN orders o ON o.id = s.order_id
    WHERE s.panel = :panel AND s.is_parent AND (o.finished_at IS NULL OR o.finished_at >= :since)
""")

CALLS = text("""
    SELECT s.order_id, s.began_at, s.ended_at, s.expected_charge, s.units, s.is_parent, s.replied, s.outcome,
        s.panel_order_id, o.state, o.panel_order_id AS known_as,
        s.id = max(s.id) OVER (PARTITION BY s.order_id) AS newest
    FROM submissions_all s JOIN orders o ON o.id = s.order_id
    WHERE s.order_id = ANY(:order_id)
    ORDER BY s.id
""")

#: The polls that reported what may have moved money.
TOLD = text("""
    SELECT e.order_id, e.at, CAST(e.detail->>'looked_before' AS timestamptz) AS polled_before,
        e.state_after, e.charge, e.remains
    FROM (
        SELECT *, lag(state_after) OVER told AS state_told, lag(charge) OVER told AS charge_told,
            lag(remains) OVER told AS remains_told
        FROM order_events_all WHERE order_id = ANY(:order_id) AND kind = 'status'
        WINDOW told AS (PARTITION BY order_id ORDER BY id)
    ) e
    WHERE e.state_after IS DISTINCT FROM e.state_told OR e.charge IS DISTINCT FROM e.charge_told
        OR (e.state_after = 'partial' AND e.remains IS DISTINCT FROM e.remains_told)
    ORDER BY e.id
""")

_RECORD = text("""
    INSERT INTO audits
        (panel, currency, opened_at, closed_at, opening, charges, refunds, top_ups, unexplained, closing, missing)
    VALUES
        (:panel, :currency, :opened_at, :closed_at, :opening, :charges, :refunds, :top_ups, :unexplained, :closing,
        :missing)
""")


@dataclass(frozen=True, slots=True)
class Material:
    """What an audit of one panel needs: the readings of its balance, and the histories of its orders."""

    readings: tuple[BalanceReading, ...]
    histories: tuple[History, ...]


class Audits:
    """Reads the records about the money of one panel, and keeps the results of its audits."""

    def __init__(self, engine: AsyncEngine, panel: str, *, settle: float) -> None:
        """`settle`: seconds for which a panel may still accept a request that it left unanswered."""
        self._engine = engine
        self._panel = panel
        self._settle = timedelta(seconds=settle)

    async def now(self) -> datetime:
        """Returns the time by the database's clock."""
        async with self._engine.connect() as connection:
            return await now_of(connection)

    async def material(self, since: datetime, until: datetime) -> Material:
        """Reads the balances from one time to another, and the histories of orders whose money may have moved
        meanwhile.
        """
        about = {"panel": self._panel, "since": since, "until": until}
        async with self._engine.connect() as connection:
            rows = (await connection.execute(READINGS, about)).all()
            readings = tuple(BalanceReading(row.asked_at, row.at, row.balance, row.currency) for row in rows)
            if not readings:
                return Material((), ())
            touched = {
                "panel": self._panel,
                "since": readings[0].asked_at - self._settle,
                "until": readings[-1].at + SEEN_WITHIN,
            }
            orders = list((await connection.execute(TOUCHED, touched)).scalars())
            return Material(readings, await self._histories(connection, orders))

    async def _histories(self, connection: AsyncConnection, orders: Sequence[int]) -> tuple[History, ...]:
        calls: dict[int, list[Call]] = {}
        for row in await connection.execute(CALLS, {"order_id": orders}):
            if (call := self._call(row)) is not None:
                calls.setdefault(row.order_id, []).append(call)
        told: dict[int, list[Told]] = {}
        for row in await connection.execute(TOLD, {"order_id": orders}):
            told.setdefault(row.order_id, []).append(
                Told(row.at, row.polled_before, OrderState(row.state_after), row.charge, row.remains)
            )
        return tuple(
            History(order_id, tuple(found), tuple(told.get(order_id, ()))) for order_id, found in calls.items()
        )

    def _call(self, row: Row[Any]) -> Call | None:
        """Reads one call; None for a call that certainly bought nothing, and never seemed to have."""
        match row.outcome:
            case "refused" | "unknown_words" | "not_sent":
                return None
            case "accepted":
                taken, own = Taken.YES, row.panel_order_id == row.known_as
            case "unknown" | "lease_ended" | None:
                own = bool(row.newest and row.known_as is not None and OrderState(row.state) in ON_PANEL)
                taken = Taken.YES if own else Taken.MAYBE
            case _:
                taken, own = _OTHERWISE[row.outcome], False
        answered = row.replied or row.ended_at is None
        last_at = row.ended_at if answered else row.ended_at + self._settle
        return Call(row.began_at, last_at, taken, row.expected_charge, row.units, row.is_parent, own)

    async def latest(self) -> LatestAudit | None:
        """Returns the last audit; None if there was none."""
        async with self._engine.connect() as connection:
            return (await latest_audits(connection, [self._panel])).get(self._panel)

    async def record(self, report: Report) -> None:
        """Keeps the result of an audit."""
        async with self._engine.begin() as connection:
            await connection.execute(
                _RECORD,
                {
                    "panel": self._panel,
                    "currency": report.currency,
                    "opened_at": report.opening.at,
                    "closed_at": report.closing.at,
                    "opening": report.opening.balance,
                    "charges": report.charges.middle,
                    "refunds": report.refunds.middle,
                    "top_ups": report.top_ups.middle,
                    "unexplained": report.unexplained.middle,
                    "closing": report.closing.balance,
                    "missing": report.certainly_missing,
                },
            )


#: A call that a panel accepted late bought something of its own; a refuted call bought nothing.
_OTHERWISE = {ACCEPTED_LATE: Taken.YES, REFUTED: Taken.NO}
