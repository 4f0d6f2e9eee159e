"""How verdicts about lost answers are written."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.conftest import FIRST_POLL
from tests.integration.store.evidence.conftest import Claim, Heard
from tests.integration.store.plain_sql import Database
from worker.domain.evidence.questions import OpenQuestion
from worker.domain.evidence.verdicts import Absent, Doubt, Linked, Undecided, Verdict
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.changes import Change
from worker.domain.orders.outcomes import Accepted, Unknown
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import Claimed
from worker.store.evidence import settling as store_settling
from worker.store.evidence.asking import Asking
from worker.store.evidence.reading import Reading
from worker.store.evidence.settling import Settling
from worker.store.queue.claim import Claims
from worker.store.queue.settle import Settlements

if TYPE_CHECKING:
    import psycopg

UNDECIDED = Undecided(Doubt.AMBIGUOUS, (101, 102))
DETAIL = {"verdict": "undecided", "doubt": "ambiguous", "candidates": ["101", "102"]}
PROGRESS = {"between": [100, None], "asked": None, "until": 5}

Settle = Callable[..., Any]


@pytest.fixture
def settle(settling: Settling) -> Settle:
    """Writes one verdict; returns the change that is news, if it is."""

    async def settle(
        question: OpenQuestion, verdict: Verdict, progress: Any = PROGRESS, *, suggest_only: bool = False
    ) -> Change | None:
        changes = await settling.settle([(question, verdict)], {question.order_id: progress}, suggest_only=suggest_only)
        assert all(told is verdict for _, told in changes)
        return changes[0][0] if changes else None

    return settle


@pytest.fixture
async def question(lost: Claim, only: Callable[[], Any]) -> OpenQuestion:
    await lost()
    question: OpenQuestion = await only()
    return question


def seen(database: Database, *numbers: int) -> None:
    for number in numbers:
        database.execute("INSERT INTO sightings (panel, number) VALUES ('default', %s)", [number])


class TestLinked:
    async def test_the_order_has_the_id_and_is_polled(
        self, *, settle: Settle, reading: Reading, database: Database, question: OpenQuestion
    ) -> None:
        await settle(question, UNDECIDED)
        change = await settle(question, Linked("101"))
        assert change is not None
        assert change.after.state is OrderState.SUBMITTED
        order = database.order(question.order_id)
        assert (order.state, order.panel_order_id, order.error_code, order.error) == ("submitted", "101", None, None)
        assert order.submitted_at == order.updated_at
        event = database.events(order.id)[-1]
        assert (event.kind, event.state_before, event.state_after) == ("reconciled", "unconfirmed", "submitted")
        assert event.detail == {"verdict": "linked", "panel_order_id": "101"}
        poll = database.poll(order.id)
        assert (poll.due_at - order.updated_at).total_seconds() == FIRST_POLL
        assert database.all("SELECT FROM examinations") == []
        assert (await reading.snapshot()).questions == []

    async def test_the_id_is_the_orders_for_good(
        self, *, settle: Settle, asking: Asking, reading: Reading, database: Database, question: OpenQuestion
    ) -> None:
        seen(database, 101, 102)
        await settle(question, Linked("101"))
        assert database.all("SELECT number, order_id FROM sightings ORDER BY 1") == [
            (101, question.order_id),
            (102, None),
        ]
        assert [one.number for one in (await reading.snapshot()).sightings] == [102]
        database.execute("DELETE FROM polls; DELETE FROM orders")
        assert [one.number for one in (await reading.snapshot()).sightings] == [102]
        assert await asking.known([101, 102]) == {101}

    async def test_an_id_that_a_person_named_is_the_orders_for_good(
        self, *, asking: Asking, reading: Reading, database: Database, question: OpenQuestion
    ) -> None:
        seen(database, 101)
        database.execute(
            "UPDATE orders SET state = 'submitted', panel_order_id = '101' WHERE id = %s", [question.order_id]
        )
        await asking.tidy(0)
        database.execute("DELETE FROM orders")
        assert (await reading.snapshot()).sightings == []
        assert await asking.known([101]) == {101}

    async def test_another_panel_may_have_the_same_id(
        self, settle: Settle, question: OpenQuestion, heard: Heard
    ) -> None:
        await heard("101", panel="other")
        assert await settle(question, Linked("101")) is not None

    async def test_one_id_that_another_row_got_meanwhile_spoils_no_other_verdict(
        self, *, settling: Settling, reading: Reading, database: Database, lost: Claim, heard: Heard
    ) -> None:
        for _ in range(5):
            await lost()
        questions = (await reading.snapshot()).questions
        await heard("102")
        verdicts: Sequence[Verdict] = [Linked("101"), Linked("102"), Linked("103"), Absent(), UNDECIDED]
        changes = await settling.settle(list(zip(questions, verdicts, strict=True)), {}, suggest_only=False)
        assert sorted(change.order_id for change, _ in changes) == [questions[at].order_id for at in (0, 2, 3, 4)]
        assert [database.order(one.order_id).panel_order_id for one in questions] == ["101", None, "103", None, None]
        assert [database.order(one.order_id).state for one in questions] == [
            *("submitted", "unconfirmed", "submitted", "pending", "unconfirmed")
        ]


class TestAbsent:
    async def test_the_order_is_sent_again(
        self, *, settle: Settle, claims: Claims, database: Database, worker_id: UUID, question: OpenQuestion
    ) -> None:
        await settle(question, UNDECIDED)
        await settle(question, Absent())
        order = database.order(question.order_id)
        assert (order.state, order.panel_order_id, order.error_code, order.retry_at) == ("pending", None, None, None)
        event = database.events(order.id)[-1]
        assert (event.kind, event.state_before, event.state_after) == ("reconciled", "unconfirmed", "pending")
        assert event.detail == {"verdict": "absent"}
        assert database.all("SELECT FROM polls") == database.all("SELECT FROM examinations") == []
        (again,) = (await claims.claim("default", worker_id, 1, lambda *_: AddRequest("1"))).sendable
        assert (again.order_id, again.attempt) == (order.id, 2)

    async def test_the_call_is_refuted_and_an_acceptance_is_heard_all_the_same(
        self,
        *,
        settle: Settle,
        asking: Asking,
        settlements: Settlements,
        database: Database,
        question: OpenQuestion,
    ) -> None:
        """A frozen worker may come back with the answer long after; the same answer twice says no more than once."""
        await settle(question, Absent())
        assert database.submission(question.token).outcome == "refuted"
        claimed = Claimed(question.order_id, question.token, 1, AddRequest("1"))
        assert await settlements.settle([(claimed, Unknown("timeout"))]) == []
        assert database.submission(question.token).outcome == "refuted"
        assert await asking.known([101]) == set()
        (change,) = await settlements.settle([(claimed, Accepted("101"))])
        assert change.kind == "late_result"
        assert database.order(question.order_id).panel_order_id is None
        assert database.submission(question.token).outcome == "accepted_late"
        assert await asking.known([101, 102]) == {101}  # so it is never taken for another order's
        assert await settlements.settle([(claimed, Accepted("101"))]) == []


class TestUndecided:
    async def test_is_told_when_it_changes(self, settle: Settle, database: Database, question: OpenQuestion) -> None:
        before = database.one("SELECT xmin::text, orders::text FROM orders")
        told = [
            await settle(question, verdict) is not None
            for verdict in (UNDECIDED, UNDECIDED, Undecided(Doubt.TOO_YOUNG), Undecided(Doubt.TOO_YOUNG), UNDECIDED)
        ]
        assert told == [True, False, True, False, True]
        assert database.kinds(question.order_id)[-3:] == ["evidence"] * 3
        event = database.events(question.order_id)[-1]
        assert (event.state_before, event.state_after, event.detail) == ("unconfirmed", "unconfirmed", DETAIL)
        assert database.one("SELECT xmin::text, orders::text FROM orders") == before

    async def test_a_person_is_shown_the_verdict_and_how_far_it_is(
        self, settle: Settle, database: Database, question: OpenQuestion
    ) -> None:
        await settle(question, UNDECIDED)
        shown = "SELECT order_id, verdict, progress FROM examinations"
        assert database.all(shown) == [(question.order_id, DETAIL, PROGRESS)]
        further = PROGRESS | {"asked": 50}
        assert await settle(question, UNDECIDED, further) is None  # no event tells of it
        assert database.all(shown) == [(question.order_id, DETAIL, further)]

    async def test_without_news_no_order_is_locked(
        self, settle: Settle, database: Database, question: OpenQuestion
    ) -> None:
        """Thousands may be in doubt for days."""
        await settle(question, UNDECIDED)
        rows = "SELECT o.xmax::text, e.xmin::text FROM orders o JOIN examinations e ON e.order_id = o.id"
        before = database.all(rows)
        await settle(question, UNDECIDED)
        assert database.all(rows) == before

    @pytest.mark.parametrize(
        ("verdict", "detail"),
        [(Linked("101"), {"verdict": "linked", "panel_order_id": "101"}), (Absent(), {"verdict": "absent"})],
    )
    async def test_a_suggestion_is_told_once_and_changes_nothing(
        self, *, settle: Settle, database: Database, question: OpenQuestion, verdict: Linked | Absent, detail: Any
    ) -> None:
        before = database.one("SELECT xmin::text, orders::text FROM orders")
        assert await settle(question, verdict, suggest_only=True) is not None
        assert await settle(question, verdict, suggest_only=True) is None
        assert database.events(question.order_id)[-1].detail == detail
        assert database.one("SELECT xmin::text, orders::text FROM orders") == before
        assert database.all("SELECT FROM polls") == []
        assert await settle(question, verdict, None) is not None  # as soon as it may
        assert database.order(question.order_id).state != "unconfirmed"


class TestOrdersThatWentOn:
    VERDICTS = (Linked("101"), Absent(), UNDECIDED)

    async def test_not_while_somebody_else_has_locked_the_order(
        self,
        *,
        settle: Settle,
        database: Database,
        question: OpenQuestion,
        somebody: "psycopg.Connection[Any]",
        only: Callable[[], Any],
    ) -> None:
        somebody.execute("SELECT FROM orders FOR UPDATE")
        for verdict in self.VERDICTS:
            assert await settle(question, verdict) is None
        somebody.rollback()
        assert await only() == question
        assert database.all("SELECT FROM examinations") == []
        assert await settle(question, Linked("101")) is not None

    async def test_a_locked_order_holds_up_no_other(
        self,
        *,
        settling: Settling,
        reading: Reading,
        database: Database,
        lost: Claim,
        somebody: "psycopg.Connection[Any]",
    ) -> None:
        locked, other = await lost(), await lost()
        questions = (await reading.snapshot()).questions
        somebody.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", [locked.order_id])
        changes = await settling.settle([(one, Absent()) for one in questions], {}, suggest_only=False)
        assert [change.order_id for change, _ in changes] == [other.order_id]
        assert database.order(locked.order_id).state == "unconfirmed"

    async def test_the_reply_itself_comes_first(
        self, *, settle: Settle, settlements: Settlements, database: Database, question: OpenQuestion
    ) -> None:
        """A verdict on a call whose lease had ended, and whose reply came after all while the panel was asked."""
        database.execute("UPDATE submissions SET outcome = 'lease_ended'")
        claimed = Claimed(question.order_id, question.token, 1, AddRequest("1"))
        await settlements.settle([(claimed, Accepted("101"))])
        for verdict in (Linked("102"), Absent(), UNDECIDED):
            assert await settle(question, verdict) is None
        assert database.order(question.order_id).panel_order_id == "101"

    async def test_a_verdict_on_an_earlier_call_is_void(
        self,
        *,
        settle: Settle,
        claims: Claims,
        settlements: Settlements,
        database: Database,
        worker_id: UUID,
        question: OpenQuestion,
    ) -> None:
        """Another examiner had it sent again, and that was lost, too."""
        await settle(question, Absent())
        (again,) = (await claims.claim("default", worker_id, 1, lambda *_: AddRequest("1"))).sendable
        for verdict in self.VERDICTS:
            assert await settle(question, verdict) is None
        await settlements.settle([(again, Unknown("timeout"))])
        for verdict in self.VERDICTS:
            assert await settle(question, verdict) is None
        assert database.order(question.order_id).state == "unconfirmed"
        assert database.submission(again.token).outcome == "unknown"


async def test_many_verdicts_are_written_in_several_transactions(
    monkeypatch: pytest.MonkeyPatch, engine: AsyncEngine, *, reading: Reading, database: Database, lost: Claim
) -> None:
    monkeypatch.setattr(store_settling, "TOGETHER", 2)
    told: list[tuple[str, int]] = []
    settling = Settling(engine, first_poll=1, on_change=lambda panel, change: told.append((panel, change.order_id)))
    orders = [(await lost()).order_id for _ in range(5)]
    questions = (await reading.snapshot()).questions
    await settling.settle([(one, Absent()) for one in questions], {}, suggest_only=False)
    assert database.scalar("SELECT count(DISTINCT xmin::text) FROM orders") == 3
    assert told == [("default", order_id) for order_id in orders]
