"""The way of an order out to the panel: claimed with its intent, and settled with its outcome. Two commits, none open
during the call (CONTRIBUTING.md, "What must not break").
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import DataError, IntegrityError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence import lookalikes
from worker.domain.orders.add_request import AddRequest, OrderRequest, Refusal
from worker.domain.orders.changes import Change, OrderRecord
from worker.domain.orders.outcomes import AddOutcome, Unknown
from worker.domain.orders.services import Service
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import Claimed, PendingOrder, settled, too_late, unconfirmed
from worker.store.db.arrays import literal
from worker.store.db.pipeline import Pipeline, Rows, in_pipelines
from worker.store.queue.changes import RECORD_COLUMNS, OnChange, changing, changing_together, record_of
from worker.store.queue.polls import watch
from worker.store.queue.submissions import LEASE_ENDED, REFUTED, close, word_of

#: Which rows may be sent now. A row that somebody has asked to cancel is left for the cancel.
_RUNNABLE = """
    o.panel = :panel AND o.state = 'pending' AND o.priority = l.priority AND o.not_before <= now()
    AND (o.retry_at IS NULL OR o.retry_at <= now())
    AND NOT EXISTS (SELECT FROM cancels c WHERE c.order_id = o.id AND c.state = 'pending')
"""

#: The priorities for which rows are pending, the highest first: one probe of the index for each. Within one, rows that
#: are to be sent later lie behind those that may be sent now, and aren't read.
_LEVELS = """
    levels AS (
        SELECT max(priority) AS priority FROM orders WHERE panel = :panel AND state = 'pending'
        UNION ALL
        SELECT (
            SELECT max(o.priority) FROM orders o
            WHERE o.panel = :panel AND o.state = 'pending' AND o.priority < l.priority
        )
        FROM levels l WHERE l.priority IS NOT NULL
    )
"""

RUNNABLE = text(f"""
    WITH RECURSIVE {_LEVELS}
    SELECT count(*) FROM (
        SELECT FROM levels l CROSS JOIN LATERAL (SELECT FROM orders o WHERE {_RUNNABLE} LIMIT :at_most) o
        LIMIT :at_most
    ) AS runnable
""")  # noqa: S608 - no value is put into the text

#: Whether the panel lost a reply of late, whatever has come of that since.
_LOSING_REPLIES = """
    EXISTS (
        SELECT FROM submissions
        WHERE panel = :panel AND outcome IN ('unknown', 'refuted')
            AND ended_at > clock_timestamp() - make_interval(secs => :losing)
    )
"""

#: Nobody may claim under a lease that has ended. It is held to the commit, so that `open_claims` can wait for that.
#:
#: One level is read after the other, and no further than the limit: no more rows are locked than are looked at. The
#: last ORDER BY says what the order is; by then it is so already.
CLAIM = text(f"""
    WITH RECURSIVE lease AS MATERIALIZED (
        SELECT FROM workers WHERE id = :worker_id AND ended_at IS NULL FOR KEY SHARE
    ), {_LEVELS}
    SELECT
        id, service, link, quantity, runs, interval_minutes, max_charge, attempts, params,
        listed, name, type, category, rate, min, max, refill, cancel, dripfeed, removed,
        (SELECT {_LOSING_REPLIES}) AS losing_replies
    FROM (
        SELECT r.* FROM lease CROSS JOIN levels l CROSS JOIN LATERAL (
            SELECT
                o.id, o.priority, o.not_before,
                o.service, o.link, o.quantity, o.runs, o.interval_minutes, o.max_charge, o.attempts,
                o.params::text AS params,
                s.service AS listed, s.name, s.type, s.category, s.rate, s.min, s.max, s.refill, s.cancel, s.dripfeed,
                s.removed_at IS NOT NULL AS removed
            FROM orders o
            LEFT JOIN services s ON s.panel = o.panel AND s.service = o.service
            WHERE {_RUNNABLE}
            ORDER BY o.not_before, o.id
            LIMIT :at_most
            FOR NO KEY UPDATE OF o SKIP LOCKED
        ) r
        LIMIT :at_most
    ) claimed
    ORDER BY priority DESC, not_before, id
""")  # noqa: S608 - no value is put into the text

_CLAIMS_ARE_OVER = text("SELECT FROM workers WHERE id = :worker_id FOR UPDATE")

_INTENTS = text("""
    INSERT INTO submissions (order_id, panel, worker_id, expected_charge, units, is_parent)
    SELECT c.order_id, :panel, :worker_id, c.expected_charge, c.units, c.is_parent
    FROM unnest(
        CAST(:order_id AS bigint[]), CAST(:expected_charge AS numeric[]),
        CAST(:units AS bigint[]), CAST(:is_parent AS bool[])
    ) AS c(order_id, expected_charge, units, is_parent)
    RETURNING id, order_id
""")

#: One claim at a time goes on from here while replies are being lost, so that each sees what is in the air.
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('order_sync claim ' || :panel)) AS alone")

#: The charges of what is on its way, and of what was lost with no known order after all that may come of it.
IN_THE_AIR = text("""
    SELECT s.expected_charge FROM submissions s WHERE s.panel = :panel AND s.outcome IS NULL
    UNION
    SELECT s.expected_charge
    FROM orders o
    CROSS JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
    CROSS JOIN LATERAL (
        SELECT s.ended_at + CASE WHEN s.replied THEN interval '0' ELSE make_interval(secs => :settle) END AS last_at
    ) l
    WHERE o.panel = :panel AND o.state = 'unconfirmed' AND s.outcome = 'unknown'
        AND s.ended_at > clock_timestamp() - make_interval(secs => :patience)
        AND NOT EXISTS (
            SELECT FROM submissions k
            WHERE k.id > s.id AND k.panel = :panel AND k.outcome = 'accepted' AND k.began_at > l.last_at
        )
""")

_HOLD = text("""
    UPDATE orders o SET retry_at = now() + make_interval(secs => c.seconds)
    FROM unnest(CAST(:order_id AS bigint[]), CAST(:seconds AS float8[])) AS c(order_id, seconds)
    WHERE o.id = c.order_id
""")

_SUBMISSIONS = text(f"""
    SELECT s.id AS token, s.outcome, false AS deleted,
        s.id = (SELECT max(n.id) FROM submissions n WHERE n.order_id = s.order_id) AS newest,
        {RECORD_COLUMNS}
    FROM submissions s JOIN orders o ON o.id = s.order_id
    WHERE s.id = ANY(CAST(:token AS bigint[]))
    ORDER BY o.id
    FOR NO KEY UPDATE OF o, s SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

#: Those, too, whose order somebody else has locked, or deleted.
_ALL_SUBMISSIONS = text("""
    SELECT s.id AS token, s.outcome, o.id IS NULL AS deleted
    FROM submissions s LEFT JOIN orders o ON o.id = s.order_id
    WHERE s.id = ANY(CAST(:token AS bigint[]))
""")

#: Locks them, and fails unless all stand as their claims left them, and nobody else has locked one: what is sent in
#: the same breath is then undone.
IN_HAND = text("""
    WITH in_hand AS (
        SELECT FROM submissions s JOIN orders o ON o.id = s.order_id
        WHERE s.id = ANY(CAST(:token AS bigint[])) AND s.outcome IS NULL AND o.state = 'submitting'
            AND NOT EXISTS (SELECT FROM submissions n WHERE n.order_id = s.order_id AND n.id > s.id)
        ORDER BY o.id
        FOR NO KEY UPDATE OF o, s SKIP LOCKED
    )
    SELECT CASE WHEN count(*) < :expected THEN CAST('no longer as claimed: ' || :expected - count(*) AS int) END
    FROM in_hand
""")

_EXPIRED_WORKERS = text("""
    UPDATE workers SET ended_at = clock_timestamp()
    WHERE id IN (
        SELECT id FROM workers WHERE ended_at IS NULL AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED
    )
""")

#: Also what a worker that ended in order left behind, should it ever.
ORPHANED = text(f"""
    SELECT s.id AS token, s.order_id, o.panel, {RECORD_COLUMNS}
    FROM submissions s JOIN orders o ON o.id = s.order_id
    WHERE s.outcome IS NULL
        AND EXISTS (SELECT FROM workers w WHERE w.id = s.worker_id AND w.ended_at IS NOT NULL)
    ORDER BY o.id
    LIMIT 1000
    FOR NO KEY UPDATE OF o, s SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

#: Of orders that somebody has deleted: nobody else comes upon these.
ORPHANED_OF_NONE = text(f"""
    UPDATE submissions s SET outcome = '{LEASE_ENDED}', ended_at = clock_timestamp()
    WHERE s.outcome IS NULL
        AND EXISTS (SELECT FROM workers w WHERE w.id = s.worker_id AND w.ended_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM orders o WHERE o.id = s.order_id)
""")  # noqa: S608 - our own word

#: One probe of the index for each panel, however many rows wait.
PANELS_WAITING = text("""
    WITH RECURSIVE waiting AS (
        SELECT min(panel) AS panel FROM orders WHERE state = 'pending'
        UNION ALL
        SELECT (SELECT min(o.panel) FROM orders o WHERE o.state = 'pending' AND o.panel > w.panel)
        FROM waiting w WHERE w.panel IS NOT NULL
    )
    SELECT panel FROM waiting WHERE panel IS NOT NULL
""")

_OPEN_CLAIMS = text("""
    SELECT s.id AS token, s.order_id, o.attempts, o.service
    FROM submissions s JOIN orders o ON o.id = s.order_id
    WHERE s.worker_id = :worker_id AND s.panel = :panel AND s.outcome IS NULL
""")


@dataclass(frozen=True, slots=True)
class Hold:
    """Not to be decided yet: the row stays pending, and is looked at again in so many seconds."""

    seconds: float


Decision = AddRequest | Refusal | Hold
Decide = Callable[[OrderRequest, Service | None, bool], Decision]

#: A row that may be sent, and what is to be sent.
Intent = tuple[PendingOrder, AddRequest]

#: A row that has to wait, and the seconds for which it does.
Waiting = tuple[int, float]

#: What calls came to.
Outcomes = Sequence[tuple[Claimed, AddOutcome]]

#: An order isn't as its claim left it, or is locked (IN_HAND), or the database won't take what it was given: that is no
#: trouble of the database's own.
_NOT_AS_IT_IS = (IntegrityError, DataError, UnicodeEncodeError)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim came to: what may now be sent, what was refused here, how many were held back.

    `alike`: how many wait for one that evidence couldn't tell from them. `crowded`: none of those that may be sent was
    taken, since another claim is just looking for such. `settled`: what came of the outcomes that went along.
    """

    sendable: tuple[Claimed, ...]
    refused: tuple[Change, ...]
    held: int
    alike: int = 0
    crowded: bool = False
    settled: Sequence[Change] = ()


class NotInHandError(Exception):
    """Not all outcomes can be written as they are: nothing was claimed. `Orders.settle` sees to each of them."""


class HeldUpError(Exception):
    """Others hold a lock on orders, so these outcomes aren't written yet, by token. All others are: `changes`."""

    def __init__(self, tokens: Collection[int], changes: Sequence[Change]) -> None:
        super().__init__(f"orders of the submissions {sorted(tokens)} are locked")
        self.tokens = tokens
        self.changes = changes


class Orders:
    """The orders that wait for their panel, or are on their way to it."""

    def __init__(
        self, engine: AsyncEngine, *, first_look: float, settle: float, on_change: OnChange | None = None
    ) -> None:
        """`first_look`: seconds from an order's acceptance to the first look at its status.

        `settle`: seconds for which a panel may still take a request that it left unanswered.
        """
        self._engine = engine
        self._pipelines = in_pipelines(engine)
        self._first_look = first_look
        self._settle_after = settle
        self._on_change = on_change

    async def runnable(self, panel: str, at_most: int) -> int:
        """How many rows could be claimed now, counted up to `at_most`."""
        async with self._engine.connect() as connection:
            return int(await connection.scalar(RUNNABLE, {"panel": panel, "at_most": at_most}) or 0)

    async def claim(
        self,
        panel: str,
        worker_id: UUID,
        at_most: int,
        decide: Decide,
        *,
        look_at: int = 0,
        outcomes: Outcomes = (),
    ) -> Claim:
        """Commit 1: decide about rows, and put down the intent to send up to `at_most` of those that may be sent.

        `decide` gets the row, the catalogue's entry if there is one, and whether that is gone by now. `look_at`: so
        many rows, where that is more, for those that are behind others which have to wait. A worker whose lease has
        ended claims nothing. `outcomes`: of earlier calls, settled in the same commit. Raises NotInHandError.
        """
        crowded, alike = False, list[Waiting]()
        try:
            async with changing_together(self._pipelines, self._on_change) as changes:
                pipe = changes.pipe
                ended = await self._settle_in_hand(pipe, outcomes)
                about = {"panel": panel, "worker_id": worker_id, "at_most": max(at_most, look_at)}
                rows = await (await pipe.execute(CLAIM, about | {"losing": lookalikes.LOSING})).fetchall()
                intents, refused, held = _decided(rows, decide)
                if intents and rows[0].losing_replies:
                    in_the_air = await self._in_the_air(pipe, panel, outcomes)
                    if in_the_air is None:
                        crowded, intents = True, []
                    else:
                        intents, alike = _kept_apart(intents, in_the_air)
                del intents[at_most:]
                await self._hold(pipe, held + alike)
                opened = await self._open_submissions(pipe, panel, worker_id, intents)
                # Last, by the order of locks; and so nothing is claimed that was only just put back.
                await changes.write([*ended, *refused, *(order.intended(request) for order, request in intents)])
        except _NOT_AS_IT_IS as error:
            if outcomes:
                raise NotInHandError from error
            raise
        tokens = {} if opened is None else {row.order_id: row.id for row in await opened.fetchall()}
        sendable = tuple(
            Claimed(order.order_id, tokens[order.order_id], order.attempts + 1, request) for order, request in intents
        )
        return Claim(sendable, tuple(refused), len(held), len(alike), crowded, ended)

    async def _in_the_air(self, pipe: Pipeline, panel: str, outcomes: Outcomes) -> list[lookalikes.Likeness] | None:
        """None: another claim is just looking at that, and at what it is going to add to it."""
        about = {"panel": panel, "patience": lookalikes.PATIENCE, "settle": self._settle_after}
        lock = await pipe.execute(_ALONE, about)
        in_the_air = await pipe.execute(IN_THE_AIR, about)
        ((alone,),) = await lock.fetchall()
        if not alone:
            return None
        # Of what is lost with these outcomes, the calls are closed by now, and the orders not yet unconfirmed.
        lost = [claimed.request.expected_charge for claimed, outcome in outcomes if isinstance(outcome, Unknown)]
        return [*lost, *(row.expected_charge for row in await in_the_air.fetchall())]

    async def _hold(self, pipe: Pipeline, rows: Sequence[Waiting]) -> None:
        """Leave rows pending, each for so many seconds."""
        if rows:
            about = {"order_id": literal(row for row, _ in rows), "seconds": literal(seconds for _, seconds in rows)}
            await pipe.execute(_HOLD, about)

    async def _open_submissions(
        self, pipe: Pipeline, panel: str, worker_id: UUID, intents: Sequence[Intent]
    ) -> Rows | None:
        if not intents:
            return None
        return await pipe.execute(
            _INTENTS,
            {
                "panel": panel,
                "worker_id": worker_id,
                "order_id": literal(order.order_id for order, _ in intents),
                "expected_charge": literal(request.expected_charge for _, request in intents),
                "units": literal(request.units for _, request in intents),
                "is_parent": literal(request.is_parent for _, request in intents),
            },
        )

    async def settle(self, outcomes: Outcomes) -> Sequence[Change]:
        """Commit 2: write what the calls came to; returns the changes.

        A claim whose lease has ended meanwhile is settled all the same as long as its order is still unconfirmed: the
        reply itself is the best evidence there is. Where the order has gone on, the result is put down as an event.
        Writing the same outcome twice, after a commit whose answer was lost, changes nothing the second time. Raises
        HeldUpError: an order that somebody else has locked must not hold up the others.
        """
        try:
            async with changing_together(self._pipelines, self._on_change) as transaction:
                ended = await self._settle_in_hand(transaction.pipe, outcomes)
                await transaction.write(ended)
        except _NOT_AS_IT_IS:
            changes, locked = await self._settle_each(outcomes)
            if locked:
                raise HeldUpError(locked, changes) from None
            return changes
        return ended

    async def _settle_in_hand(self, pipe: Pipeline, outcomes: Outcomes) -> Sequence[Change]:
        """The usual case, in one question to the database: all orders stand as their claims left them.

        The changes are still to be written. Where an order doesn't stand so, the transaction ends with a DataError.
        """
        if not outcomes:
            return []
        submitting = OrderRecord(OrderState.SUBMITTING)
        changes = {
            claimed.token: (outcome, settled(claimed.order_id, claimed.attempt, outcome, submitting))
            for claimed, outcome in outcomes
        }
        await pipe.execute(IN_HAND, {"token": literal(changes), "expected": len(changes)})
        await close(pipe, {token: (end, word_of(end, new)) for token, (end, new) in changes.items()})
        new = [change for _, change in changes.values()]
        await watch(pipe, new, self._first_look)
        return new

    async def _settle_each(self, outcomes: Outcomes) -> tuple[list[Change], set[int]]:
        """The changes, and the tokens of what somebody else has locked."""
        try:
            return await self._settle(outcomes)
        except _NOT_AS_IT_IS as error:
            if len(outcomes) > 1:
                each = [await self._settle_each([outcome]) for outcome in outcomes]
                return [change for changes, _ in each for change in changes], {t for _, tokens in each for t in tokens}
            claimed, outcome = outcomes[0]
            what = f"the database refused to store {outcome}: {error}"
            return await self._settle([(claimed, Unknown(what))])

    async def _settle(self, outcomes: Outcomes) -> tuple[list[Change], set[int]]:
        by_token = {claimed.token: (claimed, outcome) for claimed, outcome in outcomes}
        tokens = {"token": literal(by_token)}
        async with changing_together(self._pipelines, self._on_change) as transaction:
            pipe = transaction.pipe
            free, every = await pipe.execute(_SUBMISSIONS, tokens), await pipe.execute(_ALL_SUBMISSIONS, tokens)
            rows = await free.fetchall()
            ours = {row.token for row in rows}
            left = [row for row in await every.fetchall() if row.token not in ours]
            news = {
                row.token: _settled(row, *by_token[row.token])
                for row in (*rows, *(row for row in left if row.deleted))
                if _is_news(by_token[row.token][1], row.outcome)
            }
            changes = [change for change in news.values() if change is not None]
            await close(pipe, {token: (by_token[token][1], word_of(by_token[token][1], news[token])) for token in news})
            await watch(pipe, changes, self._first_look)
            await transaction.write(changes)
        return changes, {row.token for row in left if not row.deleted}

    async def panels_waiting(self) -> list[str]:
        """The panels for which rows are pending."""
        async with self._engine.connect() as connection:
            return list((await connection.execute(PANELS_WAITING)).scalars())

    async def open_claims(self, panel: str, worker_id: UUID) -> list[Claimed]:
        """The claims of a worker whose outcome isn't written yet. What they were to send isn't told.

        A claim that is still being committed, with nobody there for its answer, is waited for.
        """
        async with self._engine.begin() as connection:
            await connection.execute(_CLAIMS_ARE_OVER, {"worker_id": worker_id})
            rows = await connection.execute(_OPEN_CLAIMS, {"panel": panel, "worker_id": worker_id})
            return [Claimed(row.order_id, row.token, row.attempts, AddRequest(row.service)) for row in rows]

    async def take_over(self) -> list[tuple[str, Change]]:
        """Make `unconfirmed` what workers that died left in `submitting`: whether they sent it, nobody knows.

        Returns the changes, each with the order's panel.
        """
        async with changing(self._engine, self._on_change) as transaction:
            connection = transaction.connection
            await connection.execute(_EXPIRED_WORKERS)
            await connection.execute(ORPHANED_OF_NONE)
            rows = (await connection.execute(ORPHANED)).all()
            changes = [
                unconfirmed(row.order_id, record_of(row), "worker_lost", "the worker died with the call in hand")
                for row in rows
                if row.state == OrderState.SUBMITTING
            ]
            await close(connection, dict.fromkeys((row.token for row in rows), (None, LEASE_ENDED)))
            await transaction.write(changes)
        return await transaction.written()


def _decided(rows: Sequence[Any], decide: Decide) -> tuple[list[Intent], list[Change], list[Waiting]]:
    """What may be sent, what is refused here, and what is held."""
    intents: list[Intent] = []
    refused: list[Change] = []
    held: list[Waiting] = []
    for row in rows:
        order = PendingOrder(row.id, _request(row), row.attempts)
        match decide(order.request, _service(row), row.removed):
            case AddRequest() as request:
                intents.append((order, request))
            case Refusal() as refusal:
                refused.append(order.refused(refusal))
            case Hold(seconds):
                held.append((row.id, seconds))
    return intents, refused, held


def _kept_apart(intents: list[Intent], in_the_air: Sequence[lookalikes.Likeness]) -> tuple[list[Intent], list[Waiting]]:
    """What may go, and what waits for those that evidence couldn't tell from it."""
    waits = lookalikes.kept_back((request.expected_charge for _, request in intents), in_the_air)
    kept = list(zip(intents, waits, strict=True))
    waiting = [(order.order_id, seconds) for (order, _), seconds in kept if seconds > 0]
    return [intent for intent, seconds in kept if seconds == 0], waiting


def _is_news(outcome: AddOutcome, on_record: str | None) -> bool:
    """Whether a result says more than what stands there of its call."""
    return on_record in (None, LEASE_ENDED) or (on_record == REFUTED and not isinstance(outcome, Unknown))


def _settled(row: Any, claimed: Claimed, outcome: AddOutcome) -> Change | None:
    if row.deleted:
        return too_late(claimed.order_id, outcome, OrderRecord(OrderState.SUBMITTING))
    record = record_of(row)
    match record.state:
        case OrderState.SUBMITTING if row.newest:
            return settled(claimed.order_id, claimed.attempt, outcome, record)
        case OrderState.UNCONFIRMED if row.newest:
            return None if isinstance(outcome, Unknown) else settled(claimed.order_id, claimed.attempt, outcome, record)
        case _:
            return too_late(claimed.order_id, outcome, record)


def _request(row: Any) -> OrderRequest:
    return OrderRequest(
        row.service, row.link, row.quantity, row.runs, row.interval_minutes, _params(row.params), row.max_charge
    )


def _params(text: str) -> Mapping[str, Any] | None:
    """None for what Postgres can hold and Python can't: such a row must not spoil the claim of the others."""
    try:
        params: Mapping[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return params


def _service(row: Any) -> Service | None:
    if row.listed is None:
        return None
    return Service(
        row.listed, row.name, row.type, row.category, row.rate, row.min, row.max, row.refill, row.cancel, row.dripfeed
    )
