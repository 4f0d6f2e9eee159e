"""What is read about lost answers: the open questions, the known orders around them, and the ids that answered."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.integration.store.evidence.conftest import PREMISES, Claim, Heard, ago, times
from tests.integration.store.plain_sql import Database
from worker.domain.evidence.landmarks import Landmark
from worker.domain.evidence.sightings import Sighting
from worker.domain.evidence.verdicts import KnownParent
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted, NotSent, Reason, Refused, Unknown
from worker.domain.orders.submission import Claimed
from worker.store.db import pipeline
from worker.store.evidence import reading as store_reading
from worker.store.evidence.reading import Reading
from worker.store.queue.claim import Claims
from worker.store.queue.settle import Settlements

#: The clock of the database, in seconds.
CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"

Only = Callable[[], Any]


class TestQuestions:
    async def test_what_was_lost_and_what_is_in_flight(
        self, *, reading: Reading, database: Database, claim: Claim, lost: Claim
    ) -> None:
        began = database.scalar(CLOCK)
        gone = await lost(AddRequest("1", {}, Decimal("0.123456789"), 137), replied=True)
        parent = await lost(AddRequest("1", {}, None, None, is_parent=True), runs=5, interval_minutes=10)
        out = await claim(service="7")
        snapshot = await reading.snapshot()
        assert began < snapshot.now < database.scalar(CLOCK)
        for question, claimed in zip(snapshot.questions, (gone, parent, out), strict=True):
            assert (question.order_id, question.token) == (claimed.order_id, claimed.token)
            assert (question.began_at, question.ended_at) == times(database, claimed)
        first, second, third = snapshot.questions
        assert (first.service, first.expected_charge, first.units) == ("1", Decimal("0.123456789"), 137)
        assert (first.is_parent, first.replied, first.is_lost, first.child_units) == (False, True, True, None)
        assert (second.expected_charge, second.units, second.is_parent, second.replied) == (None, None, True, False)
        assert second.child_units == 100
        assert (third.service, third.ended_at, third.is_lost) == ("7", None, False)

    async def test_none_about_what_is_answered(
        self, *, reading: Reading, settlements: Settlements, database: Database, claim: Claim
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
        assert (await reading.snapshot()).questions == []

    async def test_of_an_order_that_was_sent_again_the_last_call_counts(
        self,
        *,
        claims: Claims,
        settlements: Settlements,
        database: Database,
        worker_id: UUID,
        lost: Claim,
        only: Only,
    ) -> None:
        first = await lost()
        database.execute("UPDATE orders SET state = 'pending', retry_at = NULL")
        request = AddRequest("1", {}, Decimal("9.9"), 100)
        (again,) = (await claims.claim("default", worker_id, 1, lambda *_: request)).sendable
        for is_lost in (False, True):
            question = await only()
            assert (question.order_id, question.token, question.is_lost) == (first.order_id, again.token, is_lost)
            assert question.expected_charge == Decimal("9.9")
            if not is_lost:
                await settlements.settle([(again, Unknown("timeout"))])

    async def test_a_call_whose_order_was_deleted_is_in_flight_all_the_same(
        self, reading: Reading, database: Database, claim: Claim
    ) -> None:
        """It may own an id: nobody else may be taken for its owner."""
        out = await claim()
        database.execute("DELETE FROM orders")
        (question,) = (await reading.snapshot()).questions
        assert (question.order_id, question.is_lost) == (out.order_id, False)

    async def test_how_many_orders_are_in_doubt_and_whether_that_changes(
        self, *, reading: Reading, settlements: Settlements, lost: Claim, claim: Claim
    ) -> None:
        assert await reading.in_doubt() == (0, None)
        marks = []
        for number in (1, 2):
            await lost()
            in_doubt, mark = await reading.in_doubt()
            assert in_doubt == number
            marks.append(mark)
        await settlements.settle([(await claim(), Accepted("101"))])
        marks.append((await reading.in_doubt())[1])
        assert len(set(marks)) == 2
        assert marks[1] == marks[2]


class TestKnownOrders:
    async def test_before_and_after_a_lost_one_and_meanwhile(
        self, *, reading: Reading, database: Database, claim: Claim, heard: Heard, lost: Claim
    ) -> None:
        before = [await heard("100"), await heard("101")]
        await heard("7", panel="other")
        await lost()
        after = [await heard("103")]
        await claim()
        after.append(await heard("104"))
        snapshot = await reading.snapshot()
        expected = [
            Landmark(number, *times(database, claimed))
            for number, claimed in zip((100, 101, 103, 104), (*before, *after), strict=True)
        ]
        assert sorted(snapshot.landmarks, key=lambda one: one.number) == expected
        assert snapshot.are_numbers

    async def test_the_nearest_of_many_and_the_newest(
        self, monkeypatch: pytest.MonkeyPatch, *, reading: Reading, database: Database, heard: Heard, lost: Claim
    ) -> None:
        monkeypatch.setattr(store_reading, "NEIGHBOURS", 2)
        monkeypatch.setattr(store_reading, "_LEAST", 1)
        for number in range(100, 103):
            ago(database, await heard(str(number)), 10_000 - number)
        ago(database, await lost(), 9_000)
        for number in range(104, 107):
            ago(database, await heard(str(number)), 8_000 - number)
        for number in range(107, 110):
            await heard(str(number))
        numbers = [landmark.number for landmark in (await reading.snapshot()).landmarks]
        assert sorted(numbers) == [101, 102, 104, 105, 108, 109]

    async def test_around_each_of_two_that_were_lost_at_different_times(
        self, monkeypatch: pytest.MonkeyPatch, *, reading: Reading, database: Database, heard: Heard, lost: Claim
    ) -> None:
        monkeypatch.setattr(store_reading, "NEIGHBOURS", 1)
        monkeypatch.setattr(store_reading, "_LEAST", 1)
        for number in range(100, 120):
            claimed = await (lost() if number in {103, 113} else heard(str(number)))
            ago(database, claimed, 1_000 * (130 - number))
        numbers = [landmark.number for landmark in (await reading.snapshot()).landmarks]
        assert sorted(numbers) == [102, 104, 112, 114, 119]

    async def test_some_of_very_many_in_between_are_enough(
        self, monkeypatch: pytest.MonkeyPatch, *, reading: Reading, database: Database, heard: Heard, lost: Claim
    ) -> None:
        monkeypatch.setattr(store_reading, "NEIGHBOURS", 1)
        monkeypatch.setattr(store_reading, "_LEAST", 1)
        monkeypatch.setattr(store_reading, "_BETWEEN", 5)
        ago(database, await heard("100"), 100)
        ago(database, await lost(), 100)
        for number in range(102, 142):
            ago(database, await heard(str(number)), 90 - 2 * (number - 102))
        numbers = {landmark.number for landmark in (await reading.snapshot()).landmarks}
        assert {100, 141} <= numbers
        assert 5 <= len(numbers - {100, 141}) <= 12

    async def test_ids_that_are_no_numbers(self, reading: Reading, heard: Heard, lost: Claim) -> None:
        """We would write them in another way when we ask about them."""
        await heard("100")
        for strange in ("ord-101", "0102"):
            assert (await reading.snapshot()).are_numbers
            claimed = await heard(strange)
            snapshot = await reading.snapshot()
            assert [landmark.number for landmark in snapshot.landmarks] == [100]
            assert not snapshot.are_numbers
            await forget(reading, claimed)
        await lost()


async def forget(reading: Reading, claimed: Claimed) -> None:
    async with reading._engine.begin() as connection:
        await connection.exec_driver_sql(f"DELETE FROM submissions WHERE id = {claimed.token}")  # noqa: S608 - a number


class TestSightings:
    async def seen(self, database: Database, number: int, **columns: Any) -> float:
        """Notes that an id answered; returns when."""
        names = "".join(f", {name}" for name in columns)
        values = "".join(f", %({name})s" for name in columns)
        seen_at: float = database.one(
            f"INSERT INTO sightings (panel, number{names}) VALUES ('default', {number}{values})"  # noqa: S608 - a test's own words
            " RETURNING extract(epoch FROM seen_at)::float8",
            columns,
        )[0]
        return seen_at

    async def test_an_id_that_answered(self, reading: Reading, database: Database) -> None:
        told = {
            "charge": Decimal("0.5"),
            "uncut_charge": Decimal("0.9"),
            "most_remains": 700,
            "is_parent": True,
            "has_spawned": True,
        }
        seen_at = await self.seen(database, 101, **told)
        database.execute("UPDATE sightings SET denied_at = to_timestamp(1000)")
        database.execute("INSERT INTO sightings (panel, number) VALUES ('other', 102)")
        snapshot = await reading.snapshot()
        assert snapshot.sightings == [Sighting(101, seen_at, 1000.0, **told)]
        assert snapshot.landmarks == [Landmark(101, -math.inf, seen_at)]

    async def test_one_that_is_linked_is_a_landmark_of_its_order(
        self, *, reading: Reading, database: Database, lost: Claim
    ) -> None:
        claimed = await lost()
        seen_at = await self.seen(database, 101, order_id=claimed.order_id)
        snapshot = await reading.snapshot()
        assert snapshot.sightings == []
        assert snapshot.landmarks == [Landmark(101, times(database, claimed)[0], seen_at)]

    @pytest.mark.parametrize("how", ["known", "spawned", "disowned"])
    async def test_one_that_is_explained_is_nobodys(self, how: str, reading: Reading, database: Database) -> None:
        seen_at = await self.seen(database, 101, explained=how)
        snapshot = await reading.snapshot()
        assert snapshot.sightings == []
        assert snapshot.landmarks == [Landmark(101, -math.inf, seen_at)]

    async def test_old_ones_that_are_explained_are_not_read(self, reading: Reading, database: Database) -> None:
        await self.seen(database, 101, explained="spawned")
        await self.seen(database, 102)
        database.execute("UPDATE sightings SET seen_at = seen_at - interval '2 days'")
        assert [one.number for one in (await reading.snapshot()).landmarks] == [102]

    @pytest.mark.parametrize("state", ["submitted", "completed", "canceled"])
    async def test_one_of_a_known_order_is_no_lost_ones(
        self, state: str, *, reading: Reading, database: Database
    ) -> None:
        """It answered while its own call was in flight."""
        await self.seen(database, 101)
        await self.seen(database, 102)
        database.add_order(state=state, panel_order_id="101")
        database.add_order(state=state, panel_order_id="102", panel="other")
        assert [one.number for one in (await reading.snapshot()).sightings] == [102]

    @pytest.mark.parametrize("deleted", [True, False])
    async def test_one_that_the_panel_told_too_late_is_no_other_orders(
        self, *, deleted: bool, reading: Reading, database: Database, settlements: Settlements, claim: Claim
    ) -> None:
        await self.seen(database, 101)
        claimed = await claim()
        database.execute("DELETE FROM orders" if deleted else "UPDATE orders SET state = 'rejected'")
        await settlements.settle([(claimed, Accepted("101"))])
        assert database.submission(claimed.token).outcome == "accepted_late"
        assert (await reading.snapshot()).sightings == []

    async def test_one_of_a_deleted_row_is_no_other_orders(
        self, *, reading: Reading, database: Database, heard: Heard
    ) -> None:
        await self.seen(database, 101)
        await heard("101")
        database.execute("DELETE FROM polls; DELETE FROM orders")
        assert (await reading.snapshot()).sightings == []


async def test_when_ids_were_asked_about(reading: Reading, database: Database) -> None:
    database.execute(
        "INSERT INTO asked_ids VALUES ('default', 5, to_timestamp(1000)), ('default', 7, to_timestamp(2000.5)),"
        " ('other', 6, to_timestamp(3000))"
    )
    assert (await reading.snapshot()).asked == {5: 1000.0, 7: 2000.5}


class TestParents:
    """Ids 101 and higher were given out after the order 100 was sent."""

    async def seen(self, database: Database, *numbers: int) -> None:
        for number in numbers:
            database.execute("INSERT INTO sightings (panel, number) VALUES ('default', %s)", [number])

    def end(self, database: Database, parent: Claimed, seconds: float) -> None:
        """Has it end so many seconds ago."""
        database.execute(
            "UPDATE orders SET state = 'completed', finished_at = now() - make_interval(secs => %s) WHERE id = %s",
            [seconds, parent.order_id],
        )

    async def test_those_that_may_have_spawned_an_id_that_answered(
        self, *, reading: Reading, database: Database, heard: Heard, lost: Claim
    ) -> None:
        drip = await heard("90", is_parent=True, runs=5, interval_minutes=10)
        closed = [await heard(str(number), is_parent=True, service="20") for number in (91, 92)]
        for parent in (drip, *closed):
            ago(database, parent, 2000)
        ago(database, await heard("100"), 1000)
        self.end(database, closed[0], 1100)
        self.end(database, closed[1], 900)
        await heard("94", is_parent=True, panel="other")
        await lost(is_parent=True)
        linked = await lost(is_parent=True, service="20")
        database.execute(
            "UPDATE orders SET state = 'submitted', panel_order_id = '93' WHERE id = %s", [linked.order_id]
        )
        database.execute(
            "INSERT INTO sightings (panel, number, order_id) VALUES ('default', 93, %s)", [linked.order_id]
        )
        ago(database, linked, 2000)
        assert (await reading.snapshot()).parents == []  # nothing asks for them
        await self.seen(database, 101, 102)
        parents = (await reading.snapshot()).parents
        assert sorted(parents, key=lambda parent: parent.number) == [
            KnownParent(90, "1", 100, times(database, drip)[0]),
            KnownParent(92, "20", None, times(database, closed[1])[0]),
            KnownParent(93, "20", None, times(database, linked)[0]),
        ]

    async def test_also_those_that_ended_long_ago(self, reading: Reading, database: Database, heard: Heard) -> None:
        """A search finds what was bought long ago; its spawned orders are no stranger's."""
        ago(database, await heard("100"), 30 * 86_400)
        parent = await heard("90", is_parent=True, service="20")
        ago(database, parent, 40 * 86_400)
        self.end(database, parent, 20 * 86_400)
        await self.seen(database, 101)
        assert [one.number for one in (await reading.snapshot()).parents] == [90]


class TestShapes:
    async def told(self, database: Database, heard: Heard, *, is_parent: bool, charge: Decimal | None) -> None:
        for _ in range(PREMISES.shapes):
            number = database.scalar("SELECT count(*) + 100 FROM submissions")
            claimed = await heard(str(number), is_parent=is_parent)
            ago(database, claimed, 120)
            database.execute(
                "UPDATE orders SET checked_at = now(), charge = %s WHERE id = %s", [charge, claimed.order_id]
            )

    async def test_tell_parents_from_others_once_enough_were_read(
        self, reading: Reading, database: Database, heard: Heard
    ) -> None:
        assert not await reading.shapes_tell()
        await self.told(database, heard, is_parent=True, charge=None)
        assert not await reading.shapes_tell()
        await self.told(database, heard, is_parent=False, charge=Decimal("0.9"))
        assert await reading.shapes_tell()

    @pytest.mark.parametrize(("is_parent", "charge"), [(True, Decimal("0.9")), (False, None)])
    async def test_tell_nothing_if_one_answered_in_the_others_shape(
        self, *, is_parent: bool, charge: Decimal | None, reading: Reading, database: Database, heard: Heard
    ) -> None:
        await self.told(database, heard, is_parent=True, charge=None)
        await self.told(database, heard, is_parent=False, charge=Decimal("0.9"))
        await self.told(database, heard, is_parent=is_parent, charge=charge)
        assert not await reading.shapes_tell()


async def test_everything_is_of_one_instant(
    monkeypatch: pytest.MonkeyPatch, *, reading: Reading, database: Database, lost: Claim
) -> None:
    """What another examiner finds of an order that was sent meanwhile must not look like a lost one's."""
    await lost()
    fetch = pipeline.Pipeline.fetch

    async def meanwhile(self: pipeline.Pipeline, statement: Any, values: Any = None) -> list[Any]:
        rows = await fetch(self, statement, values)
        if statement is store_reading.QUESTIONS:
            order_id = database.add_order(state="submitting")
            database.execute(
                "INSERT INTO submissions (order_id, panel, worker_id, is_parent)"
                " VALUES (%s, 'default', gen_random_uuid(), false)",
                [order_id],
            )
            database.execute("INSERT INTO sightings (panel, number) VALUES ('default', 101)")
        return rows

    monkeypatch.setattr(pipeline.Pipeline, "fetch", meanwhile)
    snapshot = await reading.snapshot()
    assert (len(snapshot.questions), snapshot.sightings) == (1, [])
