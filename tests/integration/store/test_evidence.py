"""What is on record about orders whose reply was lost, and how a verdict on one is written."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.conftest import FIRST_POLL
from tests.integration.store.plain_sql import Database
from worker.domain.evidence import lookalikes
from worker.domain.evidence.bounds import KnownOrder
from worker.domain.evidence.suspects import OpenQuestion
from worker.domain.evidence.verdicts import Absent, Doubt, Linked, Undecided
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted, NotSent, Reason, Refused, Unknown
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import Claimed
from worker.store.queue.claim import Claims
from worker.store.queue.settle import Settlements
from worker.store.records import evidence as store_evidence
from worker.store.records.evidence import Evidence

TIMES = "extract(epoch FROM began_at)::float8 AS began_at, extract(epoch FROM ended_at)::float8 AS ended_at"

#: Seconds that a call to the panel may take.
CALL = 5.0

UNDECIDED = Undecided(Doubt.AMBIGUOUS, (101, 102))
DETAIL = {"verdict": "undecided", "doubt": "ambiguous", "candidates": ["101", "102"]}


@pytest.fixture
def evidence(engine: AsyncEngine) -> Evidence:
    return Evidence(engine, "default", first_poll=FIRST_POLL, examine_again=60, longest_call=CALL)


@pytest.fixture(autouse=True)
def no_lookalike_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The orders here are lookalikes, and several are lost on purpose."""
    monkeypatch.setattr(lookalikes, "LOSING", 0.0)


@pytest.fixture
def claim(claims: Claims, database: Database, worker_id: UUID) -> Callable[..., Any]:
    """Claim one new order of a panel; no two have the same charge, unless they are told to."""
    charges = count(1)

    async def claim(request: AddRequest | None = None, *, is_parent: bool = False, panel: str = "default") -> Claimed:
        database.add_order(panel=panel)
        request = request or AddRequest("1", {}, Decimal(next(charges)), 100, is_parent)
        (claimed,) = (await claims.claim(panel, worker_id, 1, lambda *_: request)).sendable
        return claimed

    return claim


@pytest.fixture
def lost(settlements: Settlements, claim: Callable[..., Any]) -> Callable[..., Any]:
    """An order whose reply was lost."""

    async def lost(*args: Any, replied: bool = False, **more: Any) -> Claimed:
        claimed: Claimed = await claim(*args, **more)
        await settlements.settle([(claimed, Unknown("timeout", replied=replied))])
        return claimed

    return lost


@pytest.fixture
def heard(settlements: Settlements, claim: Callable[..., Any]) -> Callable[..., Any]:
    """An order whose reply told its id."""

    async def heard(panel_order_id: str, **more: Any) -> Claimed:
        claimed: Claimed = await claim(**more)
        await settlements.settle([(claimed, Accepted(panel_order_id))])
        return claimed

    return heard


async def only(evidence: Evidence) -> OpenQuestion:
    (question,) = await evidence.questions()
    return question


class TestQuestions:
    async def test_what_was_lost_and_what_is_under_way(
        self, evidence: Evidence, database: Database, claim: Callable[..., Any], lost: Callable[..., Any]
    ) -> None:
        gone = await lost(AddRequest("1", {}, Decimal("0.123456789"), 137), replied=True)
        parent = await lost(AddRequest("1", {}, None, None, is_parent=True))
        out = await claim()
        first, second, third = await evidence.questions()
        for question, claimed in zip((first, second, third), (gone, parent, out), strict=True):
            assert (question.order_id, question.token) == (claimed.order_id, claimed.token)
            row = database.one(
                f"SELECT {TIMES}, extract(epoch FROM clock_timestamp())::float8 AS now FROM submissions WHERE id = %s",  # noqa: S608 - a test's own words
                [claimed.token],
            )
            assert (question.began_at, question.ended_at) == (row.began_at, row.ended_at)
            assert question.began_at < question.now < row.now
            assert question.due
        assert (first.state, first.expected_charge, first.units, first.is_parent, first.replied) == (
            OrderState.UNCONFIRMED,
            Decimal("0.123456789"),
            137,
            False,
            True,
        )
        assert (second.expected_charge, second.units, second.is_parent, second.replied) == (None, None, True, False)
        assert (third.state, third.ended_at) == (OrderState.SUBMITTING, None)

    async def test_no_question_about_what_is_answered(
        self, evidence: Evidence, settlements: Settlements, database: Database, claim: Callable[..., Any]
    ) -> None:
        outcomes = [
            Accepted("500"),
            Refused(Reason.LINK_REFUSED, "no"),
            Refused(Reason.LINK_BUSY, "no"),
            NotSent("no route"),
        ]
        await settlements.settle([(await claim(), outcome) for outcome in outcomes])
        database.add_order()
        await claim(panel="other")
        assert await evidence.questions() == []

    async def test_of_an_order_that_was_sent_again_the_last_call_counts(
        self,
        *,
        evidence: Evidence,
        claims: Claims,
        settlements: Settlements,
        database: Database,
        worker_id: UUID,
        lost: Callable[..., Any],
    ) -> None:
        first = await lost()
        database.execute("UPDATE orders SET state = 'pending', retry_at = NULL")
        request = AddRequest("1", {}, Decimal("9.9"), 100)
        (again,) = (await claims.claim("default", worker_id, 1, lambda *_: request)).sendable
        for state in (OrderState.SUBMITTING, OrderState.UNCONFIRMED):
            question = await only(evidence)
            assert (question.order_id, question.token, question.state) == (first.order_id, again.token, state)
            assert question.expected_charge == Decimal("9.9")
            if state is OrderState.SUBMITTING:
                await settlements.settle([(again, Unknown("timeout"))])


class TestNeighbours:
    async def test_known_orders_before_and_after(
        self,
        *,
        evidence: Evidence,
        database: Database,
        claim: Callable[..., Any],
        heard: Callable[..., Any],
        lost: Callable[..., Any],
    ) -> None:
        before = [await heard("100"), await heard("101")]
        await heard("7", panel="other")
        await lost()
        about = await lost()
        early = await heard("103")
        await claim()
        late = await heard("104")
        question = await only_about(evidence, about)
        last_at = database.scalar(
            "SELECT extract(epoch FROM began_at)::float8 FROM submissions WHERE id = %s", [early.token]
        )
        (found,) = await evidence.neighbours([(question.began_at, last_at)])
        assert [order.panel_order_id for order in found] == ["101", "100", "104"]
        for order, claimed in zip(found, [*before[::-1], late], strict=True):
            row = database.one(f"SELECT {TIMES} FROM submissions WHERE id = %s", [claimed.token])  # noqa: S608 - the same
            assert order == KnownOrder(order.panel_order_id, *row)

    async def test_the_nearest_of_many(
        self, monkeypatch: pytest.MonkeyPatch, evidence: Evidence, heard: Callable[..., Any], lost: Callable[..., Any]
    ) -> None:
        monkeypatch.setattr(store_evidence, "NEIGHBOURS", 2)
        for number in (100, 101, 102):
            await heard(str(number))
        await lost()
        for number in (104, 105, 106):
            await heard(str(number))
        began_at = (await only(evidence)).began_at
        (found,) = await evidence.neighbours([(began_at, began_at)])
        assert [order.panel_order_id for order in found] == ["102", "101", "104", "105"]


async def only_about(evidence: Evidence, claimed: Claimed) -> OpenQuestion:
    (question,) = [one for one in await evidence.questions() if one.order_id == claimed.order_id]
    return question


async def test_known_ids_are_those_of_this_panel_in_any_state(evidence: Evidence, database: Database) -> None:
    for number, state in enumerate(("submitted", "completed", "canceled"), start=100):
        database.add_order(state=state, panel_order_id=str(number))
    database.add_order(state="submitted", panel_order_id="200", panel="other")
    assert await evidence.known(["99", "100", "101", "102", "200"]) == {"100", "101", "102"}
    assert await evidence.known([]) == set()


async def test_parents_that_may_have_spawned_something_since(
    evidence: Evidence, database: Database, heard: Callable[..., Any], lost: Callable[..., Any]
) -> None:
    await heard("100", is_parent=True)
    closed = [await heard(str(number), is_parent=True) for number in (101, 102)]
    for claimed, finished_at in zip(closed, (1000, 2000), strict=True):
        database.execute(
            "UPDATE orders SET state = 'completed', finished_at = to_timestamp(%s) WHERE id = %s",
            [finished_at, claimed.order_id],
        )
    await heard("103")
    await heard("104", is_parent=True, panel="other")
    await lost(is_parent=True)
    linked = await lost(is_parent=True)
    database.execute("UPDATE orders SET state = 'submitted', panel_order_id = '105' WHERE id = %s", [linked.order_id])
    assert sorted(await evidence.parents(since=1000)) == ["100", "102", "105"]
    assert sorted(await evidence.parents(since=0)) == ["100", "101", "102", "105"]


class TestSettle:
    @pytest.fixture
    async def question(self, evidence: Evidence, lost: Callable[..., Any]) -> OpenQuestion:
        await lost()
        return await only(evidence)

    async def test_linked(self, evidence: Evidence, database: Database, question: OpenQuestion) -> None:
        await evidence.settle(question, UNDECIDED, suggest_only=False)
        change = await evidence.settle(question, Linked("101"), suggest_only=False)
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
        assert await evidence.questions() == []

    async def test_not_while_somebody_else_has_locked_the_order(
        self, evidence: Evidence, database: Database, question: OpenQuestion
    ) -> None:
        with psycopg.connect(database.url) as somebody:
            somebody.execute("SELECT FROM orders FOR UPDATE")
            for verdict in (Linked("101"), Absent(), UNDECIDED):
                assert await evidence.settle(question, verdict, suggest_only=False) is None
        assert await only(evidence) == replace(question, now=ANY)
        assert await evidence.settle(question, Linked("101"), suggest_only=False) is not None

    async def test_absent(
        self, evidence: Evidence, claims: Claims, database: Database, worker_id: UUID, question: OpenQuestion
    ) -> None:
        await evidence.settle(question, UNDECIDED, suggest_only=False)
        await evidence.settle(question, Absent(), suggest_only=False)
        order = database.order(question.order_id)
        assert (order.state, order.panel_order_id, order.error_code, order.retry_at) == ("pending", None, None, None)
        event = database.events(order.id)[-1]
        assert (event.kind, event.state_before, event.state_after) == ("reconciled", "unconfirmed", "pending")
        assert event.detail == {"verdict": "absent"}
        assert database.all("SELECT FROM polls") == database.all("SELECT FROM examinations") == []
        (again,) = (await claims.claim("default", worker_id, 1, lambda *_: AddRequest("1"))).sendable
        assert (again.order_id, again.attempt) == (order.id, 2)

    async def test_absent_refutes_the_call_and_an_acceptance_is_heard_all_the_same(
        self, evidence: Evidence, settlements: Settlements, database: Database, question: OpenQuestion
    ) -> None:
        """A frozen worker may come back with the answer long after; the same answer twice says no more than once."""
        await evidence.settle(question, Absent(), suggest_only=False)
        assert database.submission(question.token).outcome == "refuted"
        claimed = Claimed(question.order_id, question.token, 1, AddRequest("1"))
        assert await settlements.settle([(claimed, Unknown("timeout"))]) == []
        assert database.submission(question.token).outcome == "refuted"
        assert await evidence.known(["101"]) == set()
        (change,) = await settlements.settle([(claimed, Accepted("101"))])
        assert change.kind == "late_result"
        assert database.order(question.order_id).panel_order_id is None
        assert database.submission(question.token).outcome == "accepted_late"
        assert await evidence.known(["101", "102"]) == {"101"}  # so it is never taken for another order's
        assert await settlements.settle([(claimed, Accepted("101"))]) == []

    async def test_undecided_is_told_when_it_changes(
        self, evidence: Evidence, database: Database, question: OpenQuestion
    ) -> None:
        before = database.one("SELECT xmin::text, orders::text FROM orders")
        told = [
            await evidence.settle(question, verdict, suggest_only=False) is not None
            for verdict in (UNDECIDED, UNDECIDED, Undecided(Doubt.TOO_YOUNG), Undecided(Doubt.TOO_YOUNG), UNDECIDED)
        ]
        assert told == [True, False, True, False, True]
        assert database.kinds(question.order_id)[-3:] == ["evidence"] * 3
        event = database.events(question.order_id)[-1]
        assert (event.state_before, event.state_after, event.detail) == ("unconfirmed", "unconfirmed", DETAIL)
        assert database.one("SELECT xmin::text, orders::text FROM orders") == before

    async def test_the_undecided_are_examined_less_and_less_often(
        self, evidence: Evidence, database: Database, question: OpenQuestion
    ) -> None:
        waits = []
        for _ in range(6):
            begun = database.scalar("SELECT clock_timestamp()")
            await evidence.settle(question, UNDECIDED, suggest_only=False)
            due_at, ended = database.one("SELECT due_at, clock_timestamp() FROM examinations")
            assert not (await only(evidence)).due
            waits.append(round(((due_at - begun) + (due_at - ended)).total_seconds() / 2))
        assert waits[1] == 2 * waits[0]
        assert waits == sorted(waits)
        assert waits[-1] == waits[-2] == 10 * waits[0]
        database.execute("UPDATE examinations SET due_at = now()")
        assert (await only(evidence)).due

    @pytest.mark.parametrize(
        ("verdict", "detail"),
        [(Linked("101"), {"verdict": "linked", "panel_order_id": "101"}), (Absent(), {"verdict": "absent"})],
    )
    async def test_a_suggestion_is_told_once_and_changes_nothing(
        self, *, evidence: Evidence, database: Database, question: OpenQuestion, verdict: Linked | Absent, detail: Any
    ) -> None:
        before = database.one("SELECT xmin::text, orders::text FROM orders")
        assert await evidence.settle(question, verdict, suggest_only=True) is not None
        assert await evidence.settle(question, verdict, suggest_only=True) is None
        assert database.one("SELECT xmin::text, orders::text FROM orders") == before
        assert database.kinds(question.order_id) == ["submitting", "unconfirmed", "evidence"]
        assert database.events(question.order_id)[-1].detail == detail
        assert database.all("SELECT FROM polls") == []
        assert await evidence.settle(question, verdict, suggest_only=False) is not None

    @pytest.mark.parametrize("verdict", [Linked("101"), Absent(), UNDECIDED])
    @pytest.mark.parametrize("gone_on", ["state", "sent again"])
    async def test_what_has_gone_on_meanwhile_is_left_alone(
        self,
        *,
        evidence: Evidence,
        claims: Claims,
        settlements: Settlements,
        database: Database,
        worker_id: UUID,
        question: OpenQuestion,
        verdict: Linked | Absent | Undecided,
        gone_on: str,
    ) -> None:
        database.execute("UPDATE orders SET state = 'pending', retry_at = NULL")
        if gone_on == "sent again":
            (again,) = (await claims.claim("default", worker_id, 1, lambda *_: AddRequest("1"))).sendable
            await settlements.settle([(again, Unknown("timeout"))])
        before = database.one("SELECT xmin::text, orders::text FROM orders")
        kinds = database.kinds(question.order_id)
        assert await evidence.settle(question, verdict, suggest_only=False) is None
        assert database.one("SELECT xmin::text, orders::text FROM orders") == before
        assert database.kinds(question.order_id) == kinds
        assert database.all("SELECT FROM examinations") == []

    async def test_an_id_that_has_become_another_rows(
        self, evidence: Evidence, database: Database, question: OpenQuestion, heard: Callable[..., Any]
    ) -> None:
        await heard("101")
        assert await evidence.settle(question, Linked("101"), suggest_only=False) is None
        order = database.order(question.order_id)
        assert (order.state, order.panel_order_id) == ("unconfirmed", None)
        assert database.kinds(order.id) == ["submitting", "unconfirmed"]

    async def test_another_panels_order_under_the_same_id_is_no_hindrance(
        self, evidence: Evidence, database: Database, question: OpenQuestion, heard: Callable[..., Any]
    ) -> None:
        await heard("101", panel="other")
        assert await evidence.settle(question, Linked("101"), suggest_only=False) is not None

    async def test_the_reply_itself_still_comes_first(
        self, *, evidence: Evidence, settlements: Settlements, database: Database, question: OpenQuestion
    ) -> None:
        """A verdict on a call whose lease had ended, and whose reply came after all while the panel was asked."""
        database.execute("UPDATE submissions SET outcome = 'lease_ended'")
        claimed = Claimed(question.order_id, question.token, 1, AddRequest("1"))
        await settlements.settle([(claimed, Accepted("101"))])
        for verdict in (Linked("102"), Absent()):
            assert await evidence.settle(question, verdict, suggest_only=False) is None
        assert database.order(question.order_id).panel_order_id == "101"


class TestMoney:
    """An order was lost between two readings of the balance: 100 before, and 99 after it."""

    @pytest.fixture
    async def gone(self, evidence: Evidence, database: Database, lost: Callable[..., Any]) -> Callable[[], Any]:
        claimed = await lost(AddRequest("1", {}, Decimal("0.9"), 100))
        database.execute(
            "INSERT INTO balances (panel, at, balance, currency) VALUES"
            " ('default', now() - interval '10 minutes', 1, 'USD'),"
            " ('default', now() - interval '2 minutes', 100, 'USD'),"
            " ('other', now() - interval '95 seconds', 1, 'USD'),"
            " ('other', now() + interval '10 seconds', 1, 'USD'),"
            " ('default', now() + interval '1 minute', 99, 'USD'),"
            " ('default', now() + interval '2 minutes', 1, 'USD')"
        )
        database.execute("UPDATE balances SET asked_at = at - interval '5 seconds'")
        database.execute("UPDATE submissions SET began_at = began_at - interval '90 seconds'")

        async def gone() -> Decimal | None:
            question = next(one for one in await evidence.questions() if one.order_id == claimed.order_id)
            return await evidence.unexplained(question, question.last_at(0))

        return gone

    async def test_between_the_nearest_readings(self, gone: Callable[[], Any]) -> None:
        assert await gone() == Decimal(1)

    async def test_what_others_cost_is_explained(
        self, gone: Callable[[], Any], heard: Callable[..., Any], lost: Callable[..., Any], database: Database
    ) -> None:
        await heard("101", request=AddRequest("1", {}, Decimal("0.2"), 100))
        await lost(AddRequest("1", {}, Decimal("0.05"), 100))
        assert await gone() == Decimal("0.75")
        database.execute("UPDATE orders SET charge = 0.25 WHERE panel_order_id = '101'")
        assert await gone() == Decimal("0.7")

    @pytest.mark.parametrize("outcome", [NotSent("no route"), Refused(Reason.LINK_REFUSED, "no")])
    async def test_what_was_not_bought_costs_nothing(
        self,
        *,
        gone: Callable[[], Any],
        settlements: Settlements,
        claim: Callable[..., Any],
        outcome: NotSent | Refused,
    ) -> None:
        await settlements.settle([(await claim(AddRequest("1", {}, Decimal("0.2"), 100)), outcome)])
        assert await gone() == Decimal(1)

    async def test_another_panels_order_costs_nothing(self, gone: Callable[[], Any], heard: Callable[..., Any]) -> None:
        await heard("101", request=AddRequest("1", {}, Decimal("0.2"), 100), panel="other")
        assert await gone() == Decimal(1)

    @pytest.mark.parametrize(
        ("ended", "explained"), [("2 minutes", True), ("125.5 seconds", False), ("10 minutes", False)]
    )
    async def test_what_ended_before_the_reading_began_was_in_it(
        self, *, gone: Callable[[], Any], heard: Callable[..., Any], database: Database, ended: str, explained: bool
    ) -> None:
        claimed = await heard("101", request=AddRequest("1", {}, Decimal("0.2"), 100))
        database.execute(
            "UPDATE submissions SET ended_at = now() - %s::interval, began_at = now() - %s::interval - interval '1 s'"
            " WHERE id = %s",
            [ended, ended, claimed.token],
        )
        assert await gone() == (Decimal("0.8") if explained else Decimal(1))

    @pytest.mark.parametrize(
        "request_", [AddRequest("1", {}, None, 100), AddRequest("1", {}, Decimal(1), 100, is_parent=True)]
    )
    async def test_beside_one_whose_cost_nobody_knows(
        self, gone: Callable[[], Any], heard: Callable[..., Any], request_: AddRequest
    ) -> None:
        await heard("101", request=request_)
        assert await gone() is None

    @pytest.mark.parametrize(
        "spoil",
        [
            "DELETE FROM balances WHERE at < now()",
            "DELETE FROM balances WHERE at > now()",
            "UPDATE balances SET currency = 'EUR' WHERE at > now()",
            "UPDATE balances SET asked_at = now() - interval '1 minute' WHERE at > now()",
        ],
    )
    async def test_without_a_reading_on_both_sides(
        self, gone: Callable[[], Any], database: Database, spoil: str
    ) -> None:
        database.execute(spoil)
        assert await gone() is None

    async def test_among_too_many(
        self, gone: Callable[[], Any], heard: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_evidence, "TOO_MANY", 1)
        assert await gone() == Decimal(1)
        await heard("101")
        assert await gone() is None
