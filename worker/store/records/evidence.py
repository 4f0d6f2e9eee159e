"""Reads the records about orders whose `add` got no answer, and writes what the evidence makes of them."""

import json
from collections.abc import Collection, Sequence
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence.bounds import KnownOrder
from worker.domain.evidence.settlement import evidence_noted, reconciled, verdict_detail
from worker.domain.evidence.suspects import OpenQuestion
from worker.domain.evidence.verdicts import Absent, Verdict
from worker.domain.orders.changes import Change
from worker.domain.orders.states import OrderState
from worker.store.db.errors import ConflictError
from worker.store.db.loose_index_scan import distinct_values
from worker.store.db.transactions import Transaction, Transactions
from worker.store.queue.changes import RECORD_COLUMNS, OnChange, record_of, write_changes
from worker.store.queue.polls import watch
from worker.store.queue.submissions import ACCEPTED_LATE, refute

#: The number of known orders before an order, and after it, from which evidence takes the bounds of its id.
NEIGHBOURS = 200

#: The number of other orders beyond which evidence doesn't add up what one order may have cost.
TOO_MANY = 1000

QUESTIONS = text("""
    SELECT
        o.id, o.state, s.id AS token, s.expected_charge, s.units, s.is_parent, s.replied,
        extract(epoch FROM s.began_at)::float8 AS began_at,
        extract(epoch FROM s.ended_at)::float8 AS ended_at,
        extract(epoch FROM clock_timestamp())::float8 AS now,
        coalesce(e.due_at <= clock_timestamp(), true) AS due
    FROM (
        SELECT id, state FROM orders WHERE panel = :panel AND state = 'unconfirmed'
        UNION ALL
        SELECT order_id, 'submitting' FROM submissions WHERE panel = :panel AND outcome IS NULL
    ) o
    CROSS JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
    LEFT JOIN examinations e ON e.order_id = o.id
    ORDER BY s.id
""")

BEFORE = text("""
    SELECT s.panel_order_id,
        extract(epoch FROM s.began_at)::float8 AS began_at, extract(epoch FROM s.ended_at)::float8 AS ended_at
    FROM submissions s
    WHERE s.panel = :panel AND s.outcome = 'accepted' AND s.began_at < to_timestamp(:began_at)
    ORDER BY s.began_at DESC LIMIT :at_most
""")

AFTER = text("""
    SELECT s.panel_order_id,
        extract(epoch FROM s.began_at)::float8 AS began_at, extract(epoch FROM s.ended_at)::float8 AS ended_at
    FROM submissions s
    WHERE s.panel = :panel AND s.outcome = 'accepted' AND s.began_at > to_timestamp(:last_at)
    ORDER BY s.began_at LIMIT :at_most
""")

#: Finds also ids that the panel accepted late, for orders that had gone on without them: they belong to no other order.
KNOWN = text(f"""
    SELECT panel_order_id FROM orders WHERE panel = :panel AND panel_order_id = ANY(:numbers)
    UNION ALL
    SELECT panel_order_id FROM submissions
    WHERE panel = :panel AND outcome = '{ACCEPTED_LATE}' AND panel_order_id = ANY(:numbers)
""")  # noqa: S608 - our own word

PARENTS = text("""
    SELECT DISTINCT o.panel_order_id
    FROM submissions s JOIN orders o ON o.id = s.order_id
    WHERE s.panel = :panel AND s.is_parent AND o.panel_order_id IS NOT NULL
        AND (o.finished_at IS NULL OR o.finished_at > to_timestamp(:since))
""")

#: The money that left the account between two readings of its balance: the last before the order was sent, and the
#: first after the panel can have accepted it. It is less all that other orders may have cost meanwhile, so rather too
#: low: money that the panel debited before or gave back since counts too. No row where no record says, or there were
#: too many other orders.
UNEXPLAINED = text("""
    WITH before AS (
        SELECT balance, currency, coalesce(asked_at, at) AS since FROM balances
        WHERE panel = :panel AND at < to_timestamp(:began_at) ORDER BY at DESC LIMIT 1
    ), after AS (
        SELECT balance, currency, at FROM balances
        WHERE panel = :panel AND at > to_timestamp(:last_at) AND coalesce(asked_at, at) > to_timestamp(:last_at)
        ORDER BY at LIMIT 1
    ), others AS (
        SELECT greatest(o.charge, s.expected_charge) AS cost, s.is_parent
        FROM before, after, submissions s JOIN orders o ON o.id = s.order_id
        WHERE s.panel = :panel AND s.id <> :token
            AND (s.outcome IS NULL OR s.outcome IN ('accepted', 'unknown', 'lease_ended', 'accepted_late'))
            AND s.began_at > before.since - make_interval(secs => :longest_call) AND s.began_at < after.at
            AND (s.ended_at IS NULL OR s.ended_at > before.since)
        LIMIT :too_many
    )
    SELECT before.balance - after.balance - t.cost
    FROM before
    JOIN after ON after.currency IS NOT DISTINCT FROM before.currency
    CROSS JOIN (
        SELECT coalesce(sum(cost), 0) AS cost, count(*) AS number, bool_or(cost IS NULL OR is_parent) AS is_open
        FROM others
    ) t
    WHERE t.is_open IS NOT TRUE AND t.number < :too_many
""")

#: Since when evidence may need the calls of each panel: it reads `at_most` known orders that were sent a day or more
#: before the oldest open question (before now, if there is no question). Null: it may need all calls.
NEEDED = text(f"""
    WITH RECURSIVE {distinct_values("known", "submissions", "panel", "outcome = 'accepted'")}
    SELECT k.panel, (
        SELECT s.began_at FROM submissions s
        WHERE s.panel = k.panel AND s.outcome = 'accepted' AND s.began_at < q.oldest - interval '1 day'
        ORDER BY s.began_at DESC OFFSET :at_most - 1 LIMIT 1
    ) AS since
    FROM known k
    CROSS JOIN LATERAL (
        SELECT least(clock_timestamp(), min(s.began_at)) AS oldest
        FROM orders o
        CROSS JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
        WHERE o.panel = k.panel AND o.state = 'unconfirmed'
    ) q
    WHERE k.panel IS NOT NULL
""")  # noqa: S608 - names of ours

_LOCK = text(f"""
    SELECT o.id, o.panel, e.verdict, {RECORD_COLUMNS}
    FROM orders o LEFT JOIN examinations e ON e.order_id = o.id
    WHERE o.id = :order_id AND o.state = 'unconfirmed'
        AND (SELECT max(s.id) FROM submissions s WHERE s.order_id = o.id) = :token
    FOR NO KEY UPDATE OF o SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

_EXAMINED = text("""
    INSERT INTO examinations AS e (order_id, due_at, verdict)
    VALUES (:order_id, clock_timestamp() + make_interval(secs => :first), CAST(:verdict AS jsonb))
    ON CONFLICT (order_id) DO UPDATE SET
        due_at = clock_timestamp()
            + make_interval(secs => least(:first * power(2.0, least(e.times, 30)), greatest(:first, :longest))),
        times = e.times + 1,
        verdict = excluded.verdict
""")

_FORGET = text("DELETE FROM examinations WHERE order_id = :order_id")


class Evidence:
    """Reads and settles the open questions of one panel."""

    def __init__(
        self,
        engine: AsyncEngine,
        panel: str,
        *,
        first_poll: float,
        examine_again: float,
        longest_call: float,
        on_change: OnChange | None = None,
    ) -> None:
        """`first_poll`: seconds from an order's acceptance to its first status check.

        `examine_again`: seconds until an undecided order's next examination; each examination doubles it, up to ten
        times as much. `longest_call`: seconds that a call to the panel may take.
        """
        self._engine = engine
        self._transactions = Transactions(engine)
        self._panel = panel
        self._first_poll = first_poll
        self._examine_again = examine_again
        self._longest_call = longest_call
        self._on_change = on_change

    async def questions(self) -> list[OpenQuestion]:
        """Returns the orders that the panel may have accepted, or may accept now, in the order of their submissions."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(QUESTIONS, {"panel": self._panel})
            return [
                OpenQuestion(
                    row.id,
                    row.token,
                    OrderState(row.state),
                    row.expected_charge,
                    row.units,
                    row.is_parent,
                    row.replied,
                    row.began_at,
                    row.ended_at,
                    row.now,
                    row.due,
                )
                for row in rows
            ]

    async def neighbours(self, times: Sequence[tuple[float, float]]) -> list[list[KnownOrder]]:
        """Returns, for each order, the known orders that were sent shortly before it and after it.

        `times` has when the call of each began, and until when the panel could accept it.
        """
        about = {"panel": self._panel, "at_most": NEIGHBOURS}
        async with self._transactions.begin() as transaction:
            found = [
                (
                    await transaction.execute(BEFORE, about | {"began_at": began_at}),
                    await transaction.execute(AFTER, about | {"last_at": last_at}),
                )
                for began_at, last_at in times
            ]
        return [[KnownOrder(*row) for rows in both for row in await rows.fetchall()] for both in found]

    async def known(self, numbers: Collection[str]) -> set[str]:
        """Returns those of these ids that belong to recorded orders."""
        async with self._engine.connect() as connection:
            return set((await connection.execute(KNOWN, {"panel": self._panel, "numbers": list(numbers)})).scalars())

    async def parents(self, since: float) -> list[str]:
        """Returns the ids of our orders that may have spawned others after this time."""
        async with self._engine.connect() as connection:
            return list((await connection.execute(PARENTS, {"panel": self._panel, "since": since})).scalars())

    async def unexplained(self, question: OpenQuestion, last_at: float) -> Decimal | None:
        """Returns how much missing money may be this order's; None if no record says. See `Findings.unexplained`."""
        about = {
            "panel": self._panel,
            "token": question.token,
            "began_at": question.began_at,
            "last_at": last_at,
            "longest_call": self._longest_call,
            "too_many": TOO_MANY,
        }
        async with self._engine.connect() as connection:
            gone: Decimal | None = await connection.scalar(UNEXPLAINED, about)
            return gone

    async def settle(self, question: OpenQuestion, verdict: Verdict, *, suggest_only: bool) -> Change | None:
        """Writes what the evidence makes of an order, and returns what is new.

        It leaves alone an order that has gone on meanwhile. It leaves alone an order that another session has locked,
        too: the worker examines that again, and it must not hold up the others. `suggest_only`: it notes the verdict
        for a person, and leaves the order unconfirmed.
        """
        try:
            async with self._transactions.begin() as transaction:
                return await self._settle(transaction, question, verdict, suggest_only=suggest_only)
        except ConflictError:  # another order has got the id since the worker asked about it
            return None

    async def _settle(
        self, transaction: Transaction, question: OpenQuestion, verdict: Verdict, *, suggest_only: bool
    ) -> Change | None:
        rows = await transaction.fetch(_LOCK, {"order_id": question.order_id, "token": question.token})
        if not rows:
            return None
        (row,) = rows
        record = record_of(row)
        change = None if suggest_only else reconciled(question.order_id, record, verdict)
        if change is None:
            detail = verdict_detail(verdict)
            await transaction.execute(
                _EXAMINED,
                {
                    "order_id": question.order_id,
                    "first": self._examine_again,
                    "longest": 10 * self._examine_again,
                    "verdict": json.dumps(detail),
                },
            )
            if row.verdict == detail:
                return None
            change = evidence_noted(question.order_id, record, verdict)
        else:
            await transaction.execute(_FORGET, {"order_id": question.order_id})
            if isinstance(verdict, Absent):
                await refute(transaction, question.token)
            await watch(transaction, [change], self._first_poll)
        await write_changes(transaction, [change], self._on_change)
        return change
