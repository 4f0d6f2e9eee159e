"""What has become of each call of `add`: the words for it, and how it is put down. Rows are locked by whoever calls."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.domain.orders.changes import Change
from worker.domain.orders.outcomes import Accepted, AddOutcome, NotSent, Refused, Unknown
from worker.store.db.arrays import literal
from worker.store.db.pipeline import Pipeline

#: The outcome of a submission whose worker was lost; its own, when it comes after all, still replaces it.
LEASE_ENDED = "lease_ended"

#: What was open is certain now: nothing was bought. Only an answer that says otherwise still replaces it.
REFUTED = "refuted"

#: The panel took it, and its order had gone on without it: the id is that of no row.
ACCEPTED_LATE = "accepted_late"

CLOSE = text("""
    UPDATE submissions s SET
        outcome = c.outcome, panel_order_id = c.panel_order_id, replied = c.replied, ended_at = clock_timestamp()
    FROM unnest(
        CAST(:token AS bigint[]), CAST(:outcome AS text[]), CAST(:panel_order_id AS text[]), CAST(:replied AS bool[])
    ) AS c(token, outcome, panel_order_id, replied)
    WHERE s.id = c.token
""")

_REFUTE = text(f"UPDATE submissions SET outcome = '{REFUTED}' WHERE id = :token")  # noqa: S608 - our own word


async def close(connection: AsyncConnection | Pipeline, outcomes: Mapping[int, tuple[AddOutcome | None, str]]) -> None:
    """For each token, what its call came to, and the word for that."""
    ends = outcomes.values()
    await connection.execute(
        CLOSE,
        {
            "token": literal(outcomes),
            "outcome": literal(word for _, word in ends),
            "panel_order_id": literal(end.panel_order_id if isinstance(end, Accepted) else None for end, _ in ends),
            "replied": literal(_replied(end) for end, _ in ends),
        },
    )


def _replied(outcome: AddOutcome | None) -> bool:
    match outcome:
        case Accepted() | Refused():
            return True
        case Unknown(replied=replied):
            return replied
        case NotSent() | None:
            return False


async def refute(connection: AsyncConnection, token: int) -> None:
    """Put down that a call, whose order is locked, certainly bought nothing."""
    await connection.execute(_REFUTE, {"token": token})


def word_of(outcome: AddOutcome, change: Change | None) -> str:
    match outcome:
        case Accepted(panel_order_id) if change is not None and change.after.panel_order_id != panel_order_id:
            return ACCEPTED_LATE
        case Accepted():
            return "accepted"
        case Refused():
            return "refused"
        case NotSent():
            return "not_sent"
        case Unknown():
            return "unknown"
