"""Commit 2 of an order: writes what its call of `add` came to.

Most outcomes are written together with the next claim (`worker.store.queue.claim`), provided that every order is still
as its own claim left it. `Settlements` writes the outcomes that no claim takes along, and those that differ from that.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.orders.changes import Change, OrderRecord
from worker.domain.orders.outcomes import Accepted, AddOutcome, Unknown
from worker.domain.orders.refusals import TRIES
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import Claimed, belongs_to, settled, too_late
from worker.store.db.arrays import literal
from worker.store.db.errors import ConflictError, DatabaseError, UnstorableError
from worker.store.db.pipeline import Rows
from worker.store.db.transactions import Transaction, Transactions
from worker.store.queue.changes import RECORD_COLUMNS, OnChange, record_of, write_changes
from worker.store.queue.polls import watch
from worker.store.queue.refusals import judge
from worker.store.queue.submissions import LEASE_ENDED, REFUTED, close, word_of

#: What calls came to.
Outcomes = Sequence[tuple[Claimed, AddOutcome]]

#: Locks the orders that are as their claims left them, and counts them. It skips orders that somebody else has locked.
AS_CLAIMED = text("""
    SELECT count(*) AS orders FROM (
        SELECT FROM submissions s JOIN orders o ON o.id = s.order_id
        WHERE s.id = ANY(CAST(:token AS bigint[])) AND s.outcome IS NULL AND o.state = 'submitting'
            AND NOT EXISTS (SELECT FROM submissions n WHERE n.order_id = s.order_id AND n.id > s.id)
        ORDER BY o.id
        FOR NO KEY UPDATE OF o, s SKIP LOCKED
    ) as_claimed
""")

#: Locks submissions with their orders, whatever became of them. It skips what somebody else has locked.
SUBMISSIONS = text(f"""
    SELECT s.id AS token, s.outcome, false AS deleted,
        s.id = (SELECT max(n.id) FROM submissions n WHERE n.order_id = s.order_id) AS newest,
        {RECORD_COLUMNS}
    FROM submissions s JOIN orders o ON o.id = s.order_id
    WHERE s.id = ANY(CAST(:token AS bigint[]))
    ORDER BY o.id
    FOR NO KEY UPDATE OF o, s SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

#: Reads submissions, those included whose order somebody else has locked, or deleted.
ALL_SUBMISSIONS = text("""
    SELECT s.id AS token, s.outcome, o.id IS NULL AS deleted
    FROM submissions s LEFT JOIN orders o ON o.id = s.order_id
    WHERE s.id = ANY(CAST(:token AS bigint[]))
""")


#: The order that keeps another order from getting an id.
HOLDER = text("""
    SELECT h.id FROM submissions s JOIN orders o ON o.id = s.order_id
    JOIN orders h ON h.panel = o.panel AND h.panel_order_id = :panel_order_id AND h.id <> o.id
    WHERE s.id = :token
""")


class SettleApartError(Exception):
    """These outcomes can't be written together with a claim. Nothing was written, and nothing claimed.

    An order is no longer as its claim left it, or somebody else has locked it, or the database can't store an outcome.
    `Settlements.settle` writes each outcome as far as it can be written.
    """


class OrdersLockedError(Exception):
    """Somebody else has locked orders, so the outcomes with these tokens aren't written yet.

    All others are: `changes` tells what they changed.
    """

    def __init__(self, tokens: Collection[int], changes: Sequence[Change]) -> None:
        super().__init__(f"orders of the submissions {sorted(tokens)} are locked")
        self.tokens = tokens
        self.changes = changes


class SettlementWithClaim:
    """Outcomes that a claim writes in its own transaction, if every order is as its claim left it."""

    def __init__(self, transaction: Transaction, outcomes: Outcomes, locked: Rows | None) -> None:
        self._transaction = transaction
        self._outcomes = outcomes
        self._locked = locked

    async def write(self, *, first_poll: float, tries: int) -> list[Change]:
        """Writes the outcomes, and returns the changes of orders, which the transaction still has to write.

        The answer to the lock has arrived with the rows of the claim, so this waits for nothing. Raises
        SettleApartError.
        """
        if self._locked is None:
            return []
        ((orders,),) = await self._locked.fetchall()
        if orders < len(self._outcomes):
            raise SettleApartError
        submitting = OrderRecord(OrderState.SUBMITTING)
        changes = [settled(claimed, outcome, submitting, tries=tries) for claimed, outcome in self._outcomes]
        words = {
            claimed.token: (outcome, word_of(outcome, change))
            for (claimed, outcome), change in zip(self._outcomes, changes, strict=True)
        }
        await close(self._transaction, words)
        await watch(self._transaction, changes, first_poll)
        return changes


async def settle_with_claim(transaction: Transaction, outcomes: Outcomes) -> SettlementWithClaim:
    """Sends the lock of the orders, before the claim sends its own."""
    outcomes = await judge(transaction, outcomes)
    tokens = {"token": literal(claimed.token for claimed, _ in outcomes)}
    return SettlementWithClaim(
        transaction, outcomes, await transaction.execute(AS_CLAIMED, tokens) if outcomes else None
    )


class Settlements:
    """Writes outcomes that no claim takes along."""

    def __init__(
        self, engine: AsyncEngine, *, first_poll: float, tries: int = TRIES, on_change: OnChange | None = None
    ) -> None:
        """`first_poll`: seconds from an order's acceptance to its first status check.

        `tries`: how often a panel may refuse an order in unknown words before the order is rejected.
        """
        self._transactions = Transactions(engine)
        self._first_poll = first_poll
        self._tries = tries
        self._on_change = on_change

    async def settle(self, outcomes: Outcomes) -> list[Change]:
        """Writes what calls came to; returns the changes of orders.

        A claim whose lease has ended meanwhile is settled like any other as long as its order is unconfirmed: the reply
        itself is the best evidence there is. Where the order has gone on, the outcome becomes an event. Writing the
        same outcome again, after a commit whose answer was lost, changes nothing. Raises OrdersLockedError.
        """
        changes, locked = await self._settle_each(outcomes)
        if locked:
            raise OrdersLockedError(locked, changes)
        return changes

    async def _settle_each(self, outcomes: Outcomes) -> tuple[list[Change], set[int]]:
        """Settles outcomes together if the database takes all of them, or else one by one.

        Returns the changes, and the tokens of the orders that somebody else has locked.
        """
        if not outcomes:
            return [], set()
        try:
            return await self._settle_together(outcomes)
        except (ConflictError, UnstorableError) as error:
            if len(outcomes) > 1:
                each = [await self._settle_each([outcome]) for outcome in outcomes]
                return [change for changes, _ in each for change in changes], {t for _, tokens in each for t in tokens}
            claimed, outcome = outcomes[0]
            return await self._settle_together([(claimed, await self._instead_of(claimed, outcome, error))])

    async def _instead_of(self, claimed: Claimed, outcome: AddOutcome, error: DatabaseError) -> Unknown:
        """Returns what to write instead of an outcome that the database refuses to store."""
        if isinstance(error, ConflictError) and isinstance(outcome, Accepted):
            about = {"token": claimed.token, "panel_order_id": outcome.panel_order_id}
            async with self._transactions.begin() as transaction:
                for row in await transaction.fetch(HOLDER, about):
                    return belongs_to(outcome, row.id)
        return Unknown(f"the database refused to store {outcome}: {error}")

    async def _settle_together(self, outcomes: Outcomes) -> tuple[list[Change], set[int]]:
        async with self._transactions.begin() as transaction:
            by_token = {claimed.token: (claimed, outcome) for claimed, outcome in await judge(transaction, outcomes)}
            tokens = {"token": literal(by_token)}
            locked = await transaction.execute(SUBMISSIONS, tokens)
            every = await transaction.execute(ALL_SUBMISSIONS, tokens)
            rows = await locked.fetchall()
            ours = {row.token for row in rows}
            left = [row for row in await every.fetchall() if row.token not in ours]
            news = {
                row.token: _change(row, *by_token[row.token], tries=self._tries)
                for row in (*rows, *(row for row in left if row.deleted))
                if _is_news(by_token[row.token][1], row.outcome)
            }
            changes = [change for change in news.values() if change is not None]
            words = {token: (by_token[token][1], word_of(by_token[token][1], change)) for token, change in news.items()}
            await close(transaction, words)
            await watch(transaction, changes, self._first_poll)
            await write_changes(transaction, changes, self._on_change)
        return changes, {row.token for row in left if not row.deleted}


def _is_news(outcome: AddOutcome, on_record: str | None) -> bool:
    """Tells whether an outcome says more than what is on record about its call."""
    return on_record in (None, LEASE_ENDED) or (on_record == REFUTED and not isinstance(outcome, Unknown))


def _change(row: Any, claimed: Claimed, outcome: AddOutcome, *, tries: int) -> Change | None:
    if row.deleted:
        return too_late(claimed.order_id, outcome, OrderRecord(OrderState.SUBMITTING))
    record = record_of(row)
    match record.state:
        case OrderState.SUBMITTING if row.newest:
            return settled(claimed, outcome, record, tries=tries)
        case OrderState.UNCONFIRMED if row.newest:
            tells_nothing = isinstance(outcome, Unknown) and outcome.duplicate is None
            return None if tells_nothing else settled(claimed, outcome, record, tries=tries)
        case _:
            return too_late(claimed.order_id, outcome, record)
