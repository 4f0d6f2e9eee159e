"""Writes what the evidence makes of orders whose answers were lost."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence.questions import OpenQuestion
from worker.domain.evidence.settlement import evidence_noted, is_news, reconciled, verdict_detail
from worker.domain.evidence.verdicts import Absent, Linked, Undecided, Verdict
from worker.domain.orders.changes import Change
from worker.store.db.arrays import literal
from worker.store.db.errors import ConflictError
from worker.store.db.transactions import Transaction, Transactions
from worker.store.queue.changes import RECORD_COLUMNS, OnChange, record_of, write_changes
from worker.store.queue.polls import watch
from worker.store.queue.submissions import REFUTED

#: Most verdicts that are written in one transaction.
TOGETHER = 100

#: The orders that are still in doubt about the very call that was examined. One that another session has locked is
#: left for the next round: it must not hold up the others. So is one whose id has been explained meanwhile.
LOCK = text(f"""
    SELECT o.id, o.panel, e.verdict, e.progress, {RECORD_COLUMNS}
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:token AS bigint[]), CAST(:number AS bigint[]))
        AS c(order_id, token, number)
    JOIN orders o ON o.id = c.order_id
    LEFT JOIN examinations e ON e.order_id = o.id
    WHERE o.state = 'unconfirmed' AND (SELECT max(s.id) FROM submissions s WHERE s.order_id = o.id) = c.token
        AND NOT EXISTS (
            SELECT FROM sightings t WHERE t.panel = o.panel AND t.number = c.number AND t.explained IS NOT NULL
        )
    ORDER BY o.id
    FOR NO KEY UPDATE OF o SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

#: What is on record about orders that stay in doubt.
ON_RECORD = text("""
    SELECT order_id, verdict, progress FROM examinations WHERE order_id = ANY(CAST(:order_id AS bigint[]))
""")

EXAMINED = text("""
    INSERT INTO examinations AS e (order_id, at, verdict, progress)
    SELECT c.order_id, now(), CAST(c.verdict AS jsonb), CAST(c.progress AS jsonb)
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:verdict AS text[]), CAST(:progress AS text[]))
        AS c(order_id, verdict, progress)
    ON CONFLICT (order_id) DO UPDATE SET at = excluded.at, verdict = excluded.verdict, progress = excluded.progress
""")

FORGET = text("DELETE FROM examinations WHERE order_id = ANY(CAST(:order_id AS bigint[]))")

REFUTE = text(f"UPDATE submissions SET outcome = '{REFUTED}' WHERE id = ANY(CAST(:token AS bigint[]))")  # noqa: S608 - our own word

#: The id belongs to this order from now on, and is a landmark.
OWNED = text("""
    UPDATE sightings t SET order_id = c.order_id
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:panel AS text[]), CAST(:number AS bigint[]))
        AS c(order_id, panel, number)
    WHERE t.panel = c.panel AND t.number = c.number
""")


class Settling:
    """Settles the open questions of one panel."""

    def __init__(self, engine: AsyncEngine, *, first_poll: float, on_change: OnChange | None = None) -> None:
        """`first_poll`: seconds from an order's acceptance to its first status check."""
        self._transactions = Transactions(engine)
        self._first_poll = first_poll
        self._on_change = on_change

    async def settle(
        self,
        verdicts: Sequence[tuple[OpenQuestion, Verdict]],
        progress: Mapping[int, Mapping[str, Any]],
        *,
        suggest_only: bool,
    ) -> list[tuple[Change, Verdict]]:
        """Writes verdicts, and returns the changes that are news.

        It leaves alone orders that have gone on meanwhile. `progress` has, by order, what to show of an undecided one.
        `suggest_only`: it notes verdicts for a person, and leaves the orders unconfirmed.
        """
        changes: list[tuple[Change, Verdict]] = []
        news = await self._news(verdicts, progress, suggest_only=suggest_only)
        for start in range(0, len(news), TOGETHER):
            some = news[start : start + TOGETHER]
            try:
                changes += await self._settle(some, progress, suggest_only=suggest_only)
            except ConflictError:  # some order has got one of these ids since the worker asked about it
                for one in some:
                    changes += await self._settle_alone(one, progress, suggest_only=suggest_only)
        return changes

    async def _news(
        self,
        verdicts: Sequence[tuple[OpenQuestion, Verdict]],
        progress: Mapping[int, Mapping[str, Any]],
        *,
        suggest_only: bool,
    ) -> list[tuple[OpenQuestion, Verdict]]:
        """Returns the verdicts that change an order or aren't on record, so that no other order is locked."""
        async with self._transactions.begin() as transaction:
            about = {"order_id": literal(question.order_id for question, _ in verdicts)}
            rows = await transaction.fetch(ON_RECORD, about) if verdicts else []
        known = {row.order_id: (row.verdict, row.progress) for row in rows}
        return [
            (question, verdict)
            for question, verdict in verdicts
            if not (suggest_only or isinstance(verdict, Undecided))
            or known.get(question.order_id) != (verdict_detail(verdict), progress.get(question.order_id))
        ]

    async def _settle_alone(
        self,
        one: tuple[OpenQuestion, Verdict],
        progress: Mapping[int, Mapping[str, Any]],
        *,
        suggest_only: bool,
    ) -> list[tuple[Change, Verdict]]:
        try:
            return await self._settle([one], progress, suggest_only=suggest_only)
        except ConflictError:
            return []

    async def _settle(
        self,
        some: Sequence[tuple[OpenQuestion, Verdict]],
        progress: Mapping[int, Mapping[str, Any]],
        *,
        suggest_only: bool,
    ) -> list[tuple[Change, Verdict]]:
        by_order = {question.order_id: (question, verdict) for question, verdict in some}
        changes: list[tuple[Change, Verdict]] = []
        noted: dict[int, str] = {}
        async with self._transactions.begin() as transaction:
            rows = await transaction.fetch(
                LOCK,
                {
                    "order_id": literal(by_order),
                    "token": literal(question.token for question, _ in by_order.values()),
                    "number": literal(
                        verdict.panel_order_id if isinstance(verdict, Linked) else None
                        for _, verdict in by_order.values()
                    ),
                },
            )
            panels = {row.id: row.panel for row in rows}
            for row in rows:
                _, verdict = by_order[row.id]
                record = record_of(row)
                change = None if suggest_only else reconciled(row.id, record, verdict)
                if change is None:
                    detail, shown = verdict_detail(verdict), progress.get(row.id)
                    if row.verdict == detail and row.progress == shown:
                        continue
                    noted[row.id] = json.dumps(detail)
                    if not is_news(row.verdict, detail):
                        continue
                    change = evidence_noted(row.id, record, verdict)
                changes.append((change, verdict))
            await self._note(transaction, noted, progress)
            await self._end(transaction, changes, by_order, panels)
            await write_changes(transaction, [change for change, _ in changes], self._on_change)
        return changes

    async def _note(
        self, transaction: Transaction, noted: Mapping[int, str], progress: Mapping[int, Mapping[str, Any]]
    ) -> None:
        if noted:
            await transaction.execute(
                EXAMINED,
                {
                    "order_id": literal(noted),
                    "verdict": literal(noted.values()),
                    "progress": literal(
                        None if progress.get(order_id) is None else json.dumps(progress[order_id]) for order_id in noted
                    ),
                },
            )

    async def _end(
        self,
        transaction: Transaction,
        changes: Sequence[tuple[Change, Verdict]],
        by_order: Mapping[int, tuple[OpenQuestion, Verdict]],
        panels: Mapping[int, str],
    ) -> None:
        """Writes what goes with the orders that are settled."""
        settled = {change.order_id: verdict for change, verdict in changes if change.changes_state}
        if not settled:
            return
        await transaction.execute(FORGET, {"order_id": literal(settled)})
        absent = [by_order[order_id][0].token for order_id, verdict in settled.items() if isinstance(verdict, Absent)]
        await transaction.execute(REFUTE, {"token": literal(absent)})
        linked = {order_id: one.panel_order_id for order_id, one in settled.items() if isinstance(one, Linked)}
        await transaction.execute(
            OWNED,
            {
                "order_id": literal(linked),
                "panel": literal(panels[order_id] for order_id in linked),
                "number": literal(linked.values()),
            },
        )
        await watch(transaction, [change for change, _ in changes], self._first_poll)
