"""What became of each call of `add`: the words that `submissions.outcome` has for it, and how they are written.

Whoever calls these functions has locked the rows.
"""

from collections.abc import Mapping

from sqlalchemy import text

from worker.domain.orders.changes import Change
from worker.domain.orders.outcomes import Accepted, AddOutcome, NotSent, Reason, Refused, Unknown
from worker.store.db.arrays import literal
from worker.store.db.transactions import Transaction

#: The worker of the call died. The call's own result still replaces this, if it comes after all.
LEASE_ENDED = "lease_ended"

#: The call's result was not known, and by now it is certain that nothing was bought. An answer that says otherwise
#: still replaces this.
REFUTED = "refuted"

#: The panel took the order after the row had gone on without it: the panel's id belongs to no row.
ACCEPTED_LATE = "accepted_late"

#: The panel refused it in unknown words, which counts as a try of its order.
UNKNOWN_WORDS = "unknown_words"

CLOSE = text("""
    UPDATE submissions s SET
        outcome = c.outcome, panel_order_id = c.panel_order_id, replied = c.replied, ended_at = clock_timestamp()
    FROM unnest(
        CAST(:token AS bigint[]), CAST(:outcome AS text[]), CAST(:panel_order_id AS text[]), CAST(:replied AS bool[])
    ) AS c(token, outcome, panel_order_id, replied)
    WHERE s.id = c.token
""")

_REFUTE = text(f"UPDATE submissions SET outcome = '{REFUTED}' WHERE id = :token")  # noqa: S608 - our own word


async def close(transaction: Transaction, outcomes: Mapping[int, tuple[AddOutcome | None, str]]) -> None:
    """Writes the outcome of calls, by token: the outcome if there is one, and the word for it."""
    ends = outcomes.values()
    await transaction.execute(
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


async def refute(transaction: Transaction, token: int) -> None:
    """Notes that a call certainly bought nothing."""
    await transaction.execute(_REFUTE, {"token": token})


def word_of(outcome: AddOutcome, change: Change | None) -> str:
    """Returns the word for an outcome that led to this change of its order, or to none."""
    match outcome:
        case Accepted(panel_order_id) if change is not None and change.after.panel_order_id != panel_order_id:
            return ACCEPTED_LATE
        case Accepted():
            return "accepted"
        case Refused(Reason.REFUSED):
            return UNKNOWN_WORDS
        case Refused():
            return "refused"
        case NotSent():
            return "not_sent"
        case Unknown():
            return "unknown"
