"""Keeps what refusals in unknown words count against orders, and takes it back once they are the panel's trouble."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.outcomes import AddOutcome, Reason, Refused
from worker.domain.orders.refusals import blamed_on_panel
from worker.domain.orders.submission import Claimed
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transaction
from worker.store.queue.submissions import UNKNOWN_WORDS

JUDGE = text(f"""
    SELECT s.id AS token,
        (
            SELECT count(*) FROM submissions e
            WHERE e.order_id = s.order_id AND e.id < s.id AND e.outcome = '{UNKNOWN_WORDS}'
        ) AS refused_before,
        EXISTS (
            SELECT FROM pauses p WHERE p.panel = s.panel AND p.scope = 'add' AND p.reason = 'refusing'
        ) AS refusing
    FROM submissions s WHERE s.id = ANY(CAST(:token AS bigint[]))
""")  # noqa: S608 - our own word

#: Skips orders that somebody else has locked: the next statement of this kind finds them.
EXCUSE = text(f"""
    WITH excused AS MATERIALIZED (
        SELECT id FROM orders WHERE panel = :panel AND state = 'pending' AND error_code = 'refused'
        ORDER BY id
        FOR NO KEY UPDATE SKIP LOCKED
    ), uncounted AS (
        UPDATE submissions s SET outcome = 'refused' FROM excused e
        WHERE s.order_id = e.id AND s.outcome = '{UNKNOWN_WORDS}'
    )
    UPDATE orders o SET retry_at = NULL FROM excused e WHERE o.id = e.id AND o.retry_at IS NOT NULL
""")  # noqa: S608 - our own word


async def judge(
    transaction: Transaction, outcomes: Sequence[tuple[Claimed, AddOutcome]]
) -> list[tuple[Claimed, AddOutcome]]:
    """Returns outcomes as they are to be taken: a refusal in unknown words with how many its order has had before.

    While the panel is paused as `refusing`, the refusal is the panel's. It asks the database only about such refusals.
    """
    tokens = [claimed.token for claimed, outcome in outcomes if _has_unknown_words(outcome)]
    if not tokens:
        return list(outcomes)
    rows = await transaction.fetch(JUDGE, {"token": literal(tokens)})
    by_token = {row.token: row for row in rows}
    return [
        (
            replace(claimed, refused_before=by_token[claimed.token].refused_before),
            blamed_on_panel(outcome) if by_token[claimed.token].refusing else outcome,
        )
        if claimed.token in by_token
        else (claimed, outcome)
        for claimed, outcome in outcomes
    ]


async def excuse(engine: AsyncEngine, panel: str) -> None:
    """Lets orders that wait because of unknown words wait for the panel instead, and forgets these refusals."""
    async with engine.begin() as connection:
        await connection.execute(EXCUSE, {"panel": panel})


def _has_unknown_words(outcome: AddOutcome) -> bool:
    return isinstance(outcome, Refused) and outcome.reason is Reason.REFUSED
