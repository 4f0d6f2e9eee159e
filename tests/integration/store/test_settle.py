"""Commit 2: what becomes of an order by what its call came to, also when the news is late."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.conftest import FIRST_POLL, send_all
from tests.integration.store.plain_sql import Database
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted, AddOutcome, NotSent, Reason, Refused, Unknown
from worker.domain.orders.submission import Claimed
from worker.store.db.errors import DatabaseError
from worker.store.queue.claim import Claims
from worker.store.queue.settle import OrdersLockedError, Outcomes, SettleApartError, Settlements
from worker.store.queue.take_over import take_over
from worker.store.shared.leases import Workers

ACCEPTED = Accepted("500")
REFUSED = Refused(Reason.LINK_REFUSED, "Bad Link")
BUSY = Refused(Reason.LINK_BUSY, "You have active order with this link")
NO_MONEY = Refused(Reason.NOT_ENOUGH_FUNDS, "Not enough funds on balance")
NOT_SENT = NotSent("connection refused")
UNKNOWN = Unknown("timeout after sending")

Claim = Callable[[int], Any]


@pytest.fixture
def claim(claims: Claims, database: Database, worker_id: UUID) -> Claim:
    """Claim so many new orders."""

    async def claim(count: int = 1) -> list[Claimed]:
        for _ in range(count):
            database.add_order()
        return list((await claims.claim("default", worker_id, count, send_all)).sendable)

    return claim


def everything(database: Database) -> list[Any]:
    return [
        database.all(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608 - tables of ours
        for table in ("orders", "order_events", "submissions", "polls")
    ]


@pytest.mark.parametrize(
    ("outcome", "state", "kind", "word", "error_code", "retry_in"),
    [
        (ACCEPTED, "submitted", "submitted", "accepted", None, None),
        (REFUSED, "rejected", "rejected", "refused", "link_refused", None),
        (BUSY, "pending", "requeued", "refused", "link_busy", 60),
        (NO_MONEY, "pending", "requeued", "refused", "not_enough_funds", 1),
        (NOT_SENT, "pending", "requeued", "not_sent", "not_sent", 2),
        (UNKNOWN, "unconfirmed", "unconfirmed", "unknown", "no_answer", None),
    ],
)
async def test_every_outcome_in_one_transaction(
    *,
    settlements: Settlements,
    database: Database,
    claim: Claim,
    outcome: AddOutcome,
    state: str,
    kind: str,
    word: str,
    error_code: str | None,
    retry_in: float | None,
) -> None:
    (claimed,) = await claim(1)
    (change,) = await settlements.settle([(claimed, outcome)])
    assert (change.order_id, change.kind, change.after.state) == (claimed.order_id, kind, state)

    order = database.order(claimed.order_id)
    taken = isinstance(outcome, Accepted)
    assert (order.state, order.error_code, order.attempts) == (state, error_code, 1)
    assert order.error == getattr(outcome, "text", None)
    assert order.panel_order_id == ("500" if taken else None)
    assert order.submitted_at == (order.updated_at if taken else None)
    assert order.finished_at == (order.updated_at if state == "rejected" else None)
    assert order.retry_at == (None if retry_in is None else order.updated_at + timedelta(seconds=retry_in))

    submission = database.submission(claimed.token)
    assert (submission.outcome, submission.panel_order_id) == (word, "500" if taken else None)
    assert submission.ended_at >= submission.began_at

    event = database.events(claimed.order_id)[-1]
    assert (event.kind, event.state_before, event.state_after) == (kind, "submitting", state)
    assert event.detail == ({} if taken else {"error_code": error_code, "error": order.error})

    polls = [(poll.order_id, poll.due_at, poll.changed_at) for poll in database.all("SELECT * FROM polls")]
    first_poll = order.updated_at + timedelta(seconds=FIRST_POLL)
    assert polls == ([(order.id, first_poll, order.updated_at)] if taken else [])

    assert {row.xmin for row in database.all("SELECT xmin::text FROM orders")} == {
        row.xmin for row in database.all("SELECT xmin::text FROM order_events WHERE id = %s", [event.id])
    }


@pytest.mark.parametrize("outcome", [ACCEPTED, REFUSED, BUSY, NO_MONEY, NOT_SENT, UNKNOWN])
async def test_writing_an_outcome_twice_changes_nothing(
    settlements: Settlements, database: Database, claim: Claim, outcome: AddOutcome
) -> None:
    (claimed,) = await claim(1)
    await settlements.settle([(claimed, outcome)])
    before = everything(database)
    assert await settlements.settle([(claimed, outcome)]) == []
    assert everything(database) == before


async def test_the_first_of_two_outcomes_stands(settlements: Settlements, database: Database, claim: Claim) -> None:
    (claimed,) = await claim(1)
    await settlements.settle([(claimed, ACCEPTED)])
    before = everything(database)
    assert await settlements.settle([(claimed, REFUSED)]) == []
    assert everything(database) == before


async def test_outcomes_of_every_kind_are_one_transaction(
    settlements: Settlements, database: Database, claim: Claim
) -> None:
    outcomes = [Accepted("501"), REFUSED, BUSY, NO_MONEY, NOT_SENT, UNKNOWN, Accepted("502")]
    claimed = await claim(len(outcomes))
    changes = await settlements.settle(list(zip(claimed, outcomes, strict=True)))
    states = ["submitted", "rejected", "pending", "pending", "pending", "unconfirmed", "submitted"]
    assert [change.after.state for change in changes] == states
    assert [database.order(one.order_id).state for one in claimed] == states
    assert len(database.all("SELECT DISTINCT xmin::text FROM orders")) == 1


async def test_nothing_to_settle(settlements: Settlements, database: Database) -> None:
    assert await settlements.settle([]) == []
    assert database.all("SELECT FROM order_events") == []


@pytest.mark.parametrize(
    "spoiled", [Accepted("9\0"), Refused(Reason.REFUSED, "no\0"), Refused(Reason.REFUSED, "\ud800")]
)
async def test_what_the_database_refuses_to_store_spoils_nothing_else(
    settlements: Settlements, database: Database, claim: Claim, spoiled: AddOutcome
) -> None:
    good, bad, refused = await claim(3)
    changes = await settlements.settle([(good, Accepted("501")), (bad, spoiled), (refused, REFUSED)])
    assert {change.order_id: change.after.state for change in changes} == {
        good.order_id: "submitted",
        bad.order_id: "unconfirmed",
        refused.order_id: "rejected",
    }
    order = database.order(bad.order_id)
    assert (order.state, order.panel_order_id, order.error_code) == ("unconfirmed", None, "no_answer")
    assert type(spoiled).__name__ in order.error
    assert database.submission(bad.token).outcome == "unknown"
    assert [database.order(one.order_id).state for one in (good, refused)] == ["submitted", "rejected"]


async def test_an_id_that_another_order_has_puts_in_doubt_and_names_that_order(
    settlements: Settlements, database: Database, claim: Claim
) -> None:
    database.add_order(panel="other", state="submitted", panel_order_id="500")
    holder = database.add_order(state="completed", panel_order_id="500")
    good, repeated = await claim(2)
    changes = await settlements.settle([(good, Accepted("501")), (repeated, ACCEPTED)])
    assert [change.after.state for change in changes] == ["submitted", "unconfirmed"]
    order = database.order(repeated.order_id)
    assert (order.state, order.panel_order_id, order.error_code) == ("unconfirmed", None, "duplicate_id")
    assert order.error == f"the panel answered with the id 500, which order {holder} has already"
    submission = database.submission(repeated.token)
    assert (submission.outcome, submission.panel_order_id, submission.replied) == ("unknown", None, True)
    event = database.events(repeated.order_id)[-1]
    assert (event.kind, event.state_after) == ("unconfirmed", "unconfirmed")
    assert event.detail == {
        "error_code": "duplicate_id",
        "error": order.error,
        "panel_order_id": "500",
        "held_by": holder,
    }


async def test_two_orders_under_one_id_are_not_both_believed(
    settlements: Settlements, database: Database, claim: Claim
) -> None:
    pair = await claim(2)
    await settlements.settle([(claimed, Accepted("500")) for claimed in pair])
    first, second = (database.order(claimed.order_id) for claimed in pair)
    assert (first.state, second.state, second.error_code) == ("submitted", "unconfirmed", "duplicate_id")
    assert database.events(second.id)[-1].detail["held_by"] == first.id


class TestWithAClaim:
    """What calls came to goes along with the next claim."""

    async def test_both_are_one_transaction(
        self, claims: Claims, database: Database, worker_id: UUID, claim: Claim
    ) -> None:
        one, other = await claim(2)
        pending = database.add_order()
        outcomes: Outcomes = [(one, ACCEPTED), (other, BUSY)]
        claimed = await claims.claim("default", worker_id, 9, send_all, outcomes=outcomes)
        assert [change.after.state for change in claimed.settled] == ["submitted", "pending"]
        assert [each.order_id for each in claimed.sendable] == [pending]
        states = ["submitted", "pending", "submitting"]
        assert [database.order(order_id).state for order_id in (one.order_id, other.order_id, pending)] == states
        assert [database.submission(each.token).outcome for each in (one, other, *claimed.sendable)] == [
            "accepted",
            "refused",
            None,
        ]
        assert len(database.all("SELECT FROM polls")) == 1
        for table in ("orders", "order_events WHERE kind <> 'submitting' OR order_id = %(pending)s"):
            assert len(database.all(f"SELECT DISTINCT xmin::text FROM {table}", {"pending": pending})) == 1  # noqa: S608

    async def test_what_is_settled_is_not_claimed_in_the_same_commit(
        self, claims: Claims, database: Database, worker_id: UUID, claim: Claim
    ) -> None:
        (refused,) = await claim(1)
        claimed = await claims.claim("default", worker_id, 9, send_all, outcomes=[(refused, NO_MONEY)])
        assert claimed.sendable == ()
        assert database.order(refused.order_id).state == "pending"

    async def test_there_need_be_nothing_to_claim(
        self, claims: Claims, database: Database, worker_id: UUID, claim: Claim
    ) -> None:
        (one,) = await claim(1)
        assert (await claims.claim("default", worker_id, 9, send_all, outcomes=[(one, ACCEPTED)])).sendable == ()
        assert database.order(one.order_id).state == "submitted"

    async def test_a_lease_that_has_ended_claims_nothing_and_settles_all_the_same(
        self, claims: Claims, workers: Workers, database: Database, worker_id: UUID, claim: Claim
    ) -> None:
        (one,) = await claim(1)
        pending = database.add_order()
        await workers.end(worker_id)
        assert (await claims.claim("default", worker_id, 9, send_all, outcomes=[(one, ACCEPTED)])).sendable == ()
        assert database.order(one.order_id).state == "submitted"
        assert database.order(pending).state == "pending"

    async def test_what_was_taken_over_meanwhile_goes_with_no_claim(
        self,
        *,
        claims: Claims,
        engine: AsyncEngine,
        workers: Workers,
        database: Database,
        worker_id: UUID,
        claim: Claim,
    ) -> None:
        (one,) = await claim(1)
        await workers.end(worker_id)
        await take_over(engine)
        before = everything(database)
        with pytest.raises(SettleApartError) as raised:
            await claims.claim("default", await workers.begin(), 9, send_all, outcomes=[(one, ACCEPTED)])
        assert raised.value.__cause__ is None  # the database has no error to log
        assert everything(database) == before

    @pytest.mark.parametrize("spoiled", [Accepted("500"), Accepted("9\0"), Refused(Reason.REFUSED, "\ud800")])
    async def test_what_has_to_be_settled_apart_goes_with_no_claim(
        self, claims: Claims, database: Database, worker_id: UUID, claim: Claim, spoiled: AddOutcome
    ) -> None:
        database.add_order(state="submitted", panel_order_id="500")
        good, bad = await claim(2)
        pending = database.add_order()
        before = everything(database)
        with pytest.raises(SettleApartError) as raised:
            await claims.claim("default", worker_id, 9, send_all, outcomes=[(good, Accepted("501")), (bad, spoiled)])
        assert isinstance(raised.value.__cause__, DatabaseError)
        assert everything(database) == before
        assert [each.order_id for each in (await claims.claim("default", worker_id, 9, send_all)).sendable] == [pending]

    async def test_the_claim_knows_of_a_reply_that_was_just_lost(
        self, claims: Claims, database: Database, worker_id: UUID, claim: Claim
    ) -> None:
        (lost,) = await claim(1)
        database.add_order()
        claimed = await claims.claim("default", worker_id, 9, send_all, outcomes=[(lost, UNKNOWN)])
        assert (claimed.sendable, claimed.lookalikes) == ((), 1)

    async def test_where_the_claim_fails_nothing_is_settled(
        self, claims: Claims, database: Database, worker_id: UUID, claim: Claim
    ) -> None:
        def decide(*_: object) -> AddRequest:
            raise RuntimeError

        (one,) = await claim(1)
        database.add_order()
        before = everything(database)
        with pytest.raises(RuntimeError):
            await claims.claim("default", worker_id, 9, decide, outcomes=[(one, ACCEPTED)])
        assert everything(database) == before


class TestLateNews:
    """The lease ended during the call: the order is unconfirmed, or has gone on by other ways."""

    @pytest.fixture
    async def lost(self, engine: AsyncEngine, workers: Workers, worker_id: UUID, claim: Claim) -> Claimed:
        (claimed,) = await claim(1)
        await workers.end(worker_id)
        ((panel, change),) = await take_over(engine)
        assert (panel, change.order_id) == ("default", claimed.order_id)
        return claimed

    @pytest.mark.parametrize(
        ("outcome", "state", "word", "kind"),
        [
            (ACCEPTED, "submitted", "accepted", "submitted"),
            (REFUSED, "rejected", "refused", "rejected"),
            (BUSY, "pending", "refused", "requeued"),
            (NOT_SENT, "pending", "not_sent", "requeued"),
        ],
    )
    async def test_the_reply_itself_is_the_best_evidence(
        self,
        *,
        settlements: Settlements,
        database: Database,
        lost: Claimed,
        outcome: AddOutcome,
        state: str,
        word: str,
        kind: str,
    ) -> None:
        await settlements.settle([(lost, outcome)])
        assert database.order(lost.order_id).state == state
        assert database.submission(lost.token).outcome == word
        assert database.kinds(lost.order_id) == ["submitting", "unconfirmed", kind]
        assert len(database.all("SELECT FROM polls")) == (state == "submitted")

    async def test_no_answer_is_no_news(self, settlements: Settlements, database: Database, lost: Claimed) -> None:
        before = database.order(lost.order_id)
        assert await settlements.settle([(lost, UNKNOWN)]) == []
        assert database.order(lost.order_id) == before
        assert database.kinds(lost.order_id) == ["submitting", "unconfirmed"]
        assert database.submission(lost.token).outcome == "unknown"

    @pytest.mark.parametrize(
        ("outcome", "detail"),
        [
            (ACCEPTED, {"outcome": "accepted", "panel_order_id": "500"}),
            (REFUSED, {"outcome": "refused", "error_code": "link_refused", "error": "Bad Link"}),
            (NOT_SENT, {"outcome": "not_sent", "error": "connection refused"}),
            (UNKNOWN, {"outcome": "unknown", "error": "timeout after sending"}),
        ],
    )
    @pytest.mark.parametrize("state", ["pending", "rejected", "submitted"])
    async def test_what_has_gone_on_is_left_alone(
        self,
        *,
        settlements: Settlements,
        database: Database,
        lost: Claimed,
        state: str,
        outcome: AddOutcome,
        detail: Any,
    ) -> None:
        database.execute("UPDATE orders SET state = %s, panel_order_id = '499', retry_at = 'infinity'", [state])
        before = database.one("SELECT xmin::text, orders::text FROM orders")
        await settlements.settle([(lost, outcome)])
        assert database.one("SELECT xmin::text, orders::text FROM orders") == before
        event = database.events(lost.order_id)[-1]
        assert (event.kind, event.state_before, event.state_after) == ("late_result", state, state)
        assert event.detail == detail
        assert database.all("SELECT FROM polls") == []
        assert await settlements.settle([(lost, outcome)]) == []

    async def test_what_has_gone_on_is_left_alone_among_others_that_have_not(
        self, claims: Claims, settlements: Settlements, workers: Workers, database: Database, lost: Claimed
    ) -> None:
        database.execute("UPDATE orders SET state = 'rejected'")
        rejected = database.order(lost.order_id)
        for _ in range(2):
            database.add_order()
        one, other = (await claims.claim("default", await workers.begin(), 2, send_all)).sendable
        changes = await settlements.settle([(one, Accepted("501")), (lost, ACCEPTED), (other, REFUSED)])
        assert sorted(change.kind for change in changes) == ["late_result", "rejected", "submitted"]
        assert database.order(lost.order_id) == rejected
        assert [database.order(claimed.order_id).state for claimed in (one, other)] == ["submitted", "rejected"]
        assert len(database.all("SELECT FROM order_events WHERE order_id = ANY(%s)", [[one.order_id]])) == 2

    async def test_a_newer_claim_is_not_touched(
        self, claims: Claims, settlements: Settlements, workers: Workers, database: Database, lost: Claimed
    ) -> None:
        database.execute("UPDATE orders SET state = 'pending'")
        (again,) = (await claims.claim("default", await workers.begin(), 1, send_all)).sendable
        assert again.order_id == lost.order_id
        await settlements.settle([(lost, ACCEPTED)])
        assert database.order(lost.order_id).state == "submitting"
        assert database.submission(again.token).outcome is None
        late = database.submission(lost.token)
        assert (late.outcome, late.panel_order_id) == ("accepted_late", "500")
        await settlements.settle([(again, Accepted("501"))])
        assert database.order(lost.order_id).panel_order_id == "501"
        assert database.kinds(lost.order_id)[-3:] == ["submitting", "late_result", "submitted"]

    async def test_a_late_id_that_another_row_has_already(
        self, settlements: Settlements, database: Database, lost: Claimed
    ) -> None:
        holder = database.add_order(state="submitted", panel_order_id="500")
        await settlements.settle([(lost, ACCEPTED)])
        order = database.order(lost.order_id)
        assert (order.state, order.panel_order_id, order.error_code) == ("unconfirmed", None, "duplicate_id")
        assert database.kinds(lost.order_id) == ["submitting", "unconfirmed", "unconfirmed"]
        assert database.events(lost.order_id)[-1].detail["held_by"] == holder
        assert await settlements.settle([(lost, ACCEPTED)]) == []


class TestTakeOver:
    async def test_a_living_worker_keeps_what_it_has(
        self, engine: AsyncEngine, database: Database, claim: Claim
    ) -> None:
        (claimed,) = await claim(1)
        assert await take_over(engine) == []
        assert database.order(claimed.order_id).state == "submitting"
        assert database.submission(claimed.token).outcome is None

    @pytest.mark.parametrize("end", ["lease_until = now() - interval '1 ms'", "ended_at = now()"])
    async def test_what_a_lost_worker_left_is_unconfirmed(
        self,
        *,
        claims: Claims,
        engine: AsyncEngine,
        workers: Workers,
        database: Database,
        worker_id: UUID,
        claim: Claim,
        end: str,
    ) -> None:
        left = await claim(2)
        another = await workers.begin()
        database.add_order()
        (kept,) = (await claims.claim("default", another, 1, send_all)).sendable
        database.execute(f"UPDATE workers SET {end} WHERE id = %s", [worker_id])  # noqa: S608 - a test's own words
        changes = await take_over(engine)
        assert [change.order_id for _, change in changes] == [claimed.order_id for claimed in left]
        for claimed in left:
            order = database.order(claimed.order_id)
            assert (order.state, order.error_code) == ("unconfirmed", "worker_lost")
            assert database.submission(claimed.token).outcome == "lease_ended"
            assert database.kinds(claimed.order_id) == ["submitting", "unconfirmed"]
        assert database.order(kept.order_id).state == "submitting"
        assert await take_over(engine) == []
        assert await workers.renew(worker_id) is False
        assert await workers.renew(another) is True

    async def test_what_was_settled_is_nobodys_to_take(
        self,
        *,
        settlements: Settlements,
        engine: AsyncEngine,
        workers: Workers,
        database: Database,
        worker_id: UUID,
        claim: Claim,
    ) -> None:
        (claimed,) = await claim(1)
        await settlements.settle([(claimed, ACCEPTED)])
        await workers.end(worker_id)
        assert await take_over(engine) == []
        assert database.order(claimed.order_id).state == "submitted"

    async def test_many_at_once_take_each_order_once(
        self, engine: AsyncEngine, workers: Workers, database: Database, worker_id: UUID, claim: Claim
    ) -> None:
        left = await claim(50)
        await workers.end(worker_id)
        taken = await asyncio.gather(*(take_over(engine) for _ in range(5)))
        assert sorted(change.order_id for changes in taken for _, change in changes) == [one.order_id for one in left]
        assert database.scalar("SELECT count(*) FROM order_events WHERE kind = 'unconfirmed'") == 50

    async def test_a_call_for_an_order_that_was_deleted_is_open_no_longer(
        self, engine: AsyncEngine, workers: Workers, database: Database, worker_id: UUID, claim: Claim
    ) -> None:
        (claimed,) = await claim(1)
        database.execute("DELETE FROM orders")
        assert await take_over(engine) == []
        assert database.submission(claimed.token).outcome is None
        await workers.end(worker_id)
        assert await take_over(engine) == []
        assert database.submission(claimed.token).outcome == "lease_ended"

    async def test_take_over_beside_the_outcomes_themselves(
        self,
        *,
        settlements: Settlements,
        engine: AsyncEngine,
        workers: Workers,
        database: Database,
        worker_id: UUID,
        claim: Claim,
    ) -> None:
        """Whoever comes first, every order ends where its own reply says."""
        claimed = await claim(40)
        await workers.end(worker_id)
        parts = [claimed[i::4] for i in range(4)]
        await asyncio.gather(
            *(settle_in_the_end(settlements, [(one, Accepted(str(one.token))) for one in part]) for part in parts),
            *(take_over(engine) for _ in range(2)),
        )
        assert database.all("SELECT DISTINCT state FROM orders") == [("submitted",)]
        assert database.all("SELECT DISTINCT outcome FROM submissions") == [("accepted",)]
        assert database.scalar("SELECT count(*) FROM polls") == 40


async def settle_in_the_end(settlements: Settlements, outcomes: Outcomes) -> None:
    """As the recorder does it."""
    while outcomes:
        try:
            await settlements.settle(outcomes)
        except OrdersLockedError as locked:
            outcomes = [(claimed, outcome) for claimed, outcome in outcomes if claimed.token in locked.tokens]
        else:
            return


async def test_an_outcome_that_meets_a_take_over_builds_on_it(
    settlements: Settlements, database: Database, claim: Claim
) -> None:
    claimed, other = await claim(2)
    with psycopg.connect(database.url) as taking_over:
        taking_over.execute("UPDATE orders SET state = 'unconfirmed' WHERE id = %s", [claimed.order_id])
        taking_over.execute(
            "UPDATE submissions SET outcome = 'lease_ended', ended_at = now() WHERE id = %s", [claimed.token]
        )
        with pytest.raises(OrdersLockedError) as locked:
            await settlements.settle([(claimed, ACCEPTED), (other, Accepted("502"))])
    assert locked.value.tokens == {claimed.token}
    assert [change.order_id for change in locked.value.changes] == [other.order_id]
    assert database.submission(other.token).outcome == "accepted"
    await settlements.settle([(claimed, ACCEPTED)])
    event = database.events(claimed.order_id)[-1]
    assert (event.state_before, event.state_after) == ("unconfirmed", "submitted")
    assert database.submission(claimed.token).outcome == "accepted"


@pytest.mark.parametrize(("outcome", "word"), [(ACCEPTED, "accepted_late"), (NO_MONEY, "refused")])
async def test_what_the_panel_said_of_an_order_that_was_deleted_meanwhile_is_on_record(
    settlements: Settlements, database: Database, claim: Claim, outcome: AddOutcome, word: str
) -> None:
    deleted, other = await claim(2)
    database.execute("DELETE FROM orders WHERE id = %s", [deleted.order_id])
    outcomes = [(deleted, outcome), (other, Accepted("502"))]
    late, submitted = sorted(await settlements.settle(outcomes), key=lambda change: change.order_id)
    assert (late.order_id, submitted.order_id) == (deleted.order_id, other.order_id)
    event = database.events(deleted.order_id)[-1]
    assert (event.kind, event.state_before, event.state_after) == ("late_result", "submitting", "submitting")
    assert event.detail == late.detail
    assert database.submission(deleted.token).outcome == word
    assert database.order(other.order_id).state == "submitted"
    assert await settlements.settle(outcomes) == []


async def test_a_claim_takes_along_no_outcome_of_an_order_that_is_locked(
    claims: Claims, database: Database, worker_id: UUID, claim: Claim
) -> None:
    claimed, other = await claim(2)
    waiting = database.add_order()
    with psycopg.connect(database.url) as somebody:
        somebody.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", [claimed.order_id])
        outcomes = [(claimed, ACCEPTED), (other, Accepted("502"))]
        with pytest.raises(SettleApartError) as raised:
            await claims.claim("default", worker_id, 1, send_all, outcomes=outcomes)
        assert raised.value.__cause__ is None  # the database has no error to log
    assert database.submission(other.token).outcome is None
    assert database.order(waiting).state == "pending"


async def test_open_claims_are_those_without_an_outcome(
    *, claims: Claims, settlements: Settlements, workers: Workers, database: Database, worker_id: UUID, claim: Claim
) -> None:
    open_one, settled_one = await claim(2)
    await settlements.settle([(settled_one, UNKNOWN)])
    database.add_order()
    await claims.claim("default", await workers.begin(), 1, send_all)
    database.add_order(panel="other")
    await claims.claim("other", worker_id, 1, send_all)
    assert await claims.open_claims("default", worker_id) == [
        Claimed(open_one.order_id, open_one.token, 1, AddRequest("1"))
    ]
