"""What is written when a panel answers about ids: which were asked about, and which are ours."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.evidence.conftest import Claim, Heard
from tests.integration.store.plain_sql import Database
from worker.domain.evidence.sightings import CHUNK
from worker.domain.orders.outcomes import Accepted
from worker.domain.orders.statuses import OrderReport
from worker.store.evidence.asking import Asking
from worker.store.evidence.reading import Reading
from worker.store.queue.settle import Settlements

#: An order of 0.9 under way, and when a panel was asked about it.
REPORT = OrderReport("In progress", Decimal("0.9"), "USD", 5, 700)
SENT_AT = 1_000_000.5


class TestKnown:
    async def test_ids_of_this_panels_orders_in_any_state(self, asking: Asking, database: Database) -> None:
        for number, state in enumerate(("submitted", "completed", "canceled"), start=100):
            database.add_order(state=state, panel_order_id=str(number))
        database.add_order(state="submitted", panel_order_id="200", panel="other")
        assert await asking.known([99, 100, 101, 102, 200]) == {100, 101, 102}
        assert await asking.known([]) == set()

    async def test_ids_of_rows_that_were_deleted(self, asking: Asking, database: Database, heard: Heard) -> None:
        await heard("101")
        database.execute("DELETE FROM polls; DELETE FROM orders")
        assert await asking.known([101, 102]) == {101}

    async def test_ids_that_were_told_too_late(
        self, asking: Asking, database: Database, settlements: Settlements, claim: Claim
    ) -> None:
        claimed = await claim()
        database.execute("UPDATE orders SET state = 'rejected'")
        await settlements.settle([(claimed, Accepted("101"))])
        assert await asking.known([101, 102]) == {101}

    async def test_ids_that_were_linked_to_rows_that_were_deleted(
        self, asking: Asking, database: Database, lost: Claim
    ) -> None:
        """No answer told them, and the row doesn't any more."""
        claimed = await lost()
        database.execute(
            "INSERT INTO sightings (panel, number, order_id) VALUES ('default', 101, %s)", [claimed.order_id]
        )
        database.execute("DELETE FROM orders")
        await asking.tidy(10_000)
        assert await asking.known([101, 102]) == {101}


async def sightings(database: Database) -> Any:
    return database.all("SELECT *, extract(epoch FROM denied_at)::float8 AS denied FROM sightings ORDER BY number")


class TestNote:
    async def test_which_chunks_were_answered_for_and_when_they_were_asked_about(
        self, asking: Asking, database: Database
    ) -> None:
        await asking.note({5: SENT_AT, 7: SENT_AT}, {}, {})
        await asking.note({7: SENT_AT + 2, 8: SENT_AT + 2}, {}, {})
        await asking.note({7: SENT_AT + 1}, {}, {})  # by one that was frozen meanwhile
        rows = database.all("SELECT panel, chunk, extract(epoch FROM sent_at)::float8 FROM asked_ids ORDER BY chunk")
        assert rows == [("default", 5, SENT_AT), ("default", 7, SENT_AT + 2), ("default", 8, SENT_AT + 2)]

    async def test_an_id_that_answered(self, asking: Asking, database: Database) -> None:
        before = database.scalar("SELECT clock_timestamp()")
        await asking.note({5: SENT_AT}, {500: REPORT, 501: OrderReport("Pending", None, None, None, None)}, {501: 7.5})
        first, second = await sightings(database)
        assert before < first.seen_at < database.scalar("SELECT clock_timestamp()")
        assert (first.panel, first.number, first.denied) == ("default", 500, None)
        assert (first.charge, first.uncut_charge, first.most_remains) == (Decimal("0.9"), Decimal("0.9"), 700)
        assert (first.is_parent, first.has_spawned, first.explained, first.order_id) == (False, False, None, None)
        assert (second.number, second.denied, second.charge, second.is_parent) == (501, 7.5, None, True)

    async def test_the_first_sight_is_kept_and_later_ones_add_to_it(self, asking: Asking, database: Database) -> None:
        await asking.note({}, {500: OrderReport("Pending", Decimal(0), "USD", None, None)}, {500: 7.5})
        (first,) = await sightings(database)
        assert first.uncut_charge is None  # 0 says nothing
        await asking.note({}, {500: REPORT}, {500: 8.5})
        await asking.note({}, {500: OrderReport("Partial", Decimal("0.3"), "USD", 5, 200)}, {})
        (last,) = await sightings(database)
        assert (last.seen_at, last.denied) == (first.seen_at, 7.5)
        assert (last.charge, last.uncut_charge, last.most_remains) == (Decimal("0.3"), Decimal("0.9"), 700)

    async def test_what_was_cut_short_at_first_sight_told_no_charge_of_its_own(
        self, asking: Asking, database: Database
    ) -> None:
        await asking.note({}, {500: OrderReport("Canceled", Decimal("0.3"), "USD", 5, 200)}, {})
        (seen,) = await sightings(database)
        assert (seen.charge, seen.uncut_charge) == (Decimal("0.3"), None)

    async def test_what_has_spawned_others_once(self, asking: Asking, database: Database) -> None:
        await asking.note({}, {500: OrderReport("Active", None, None, None, None, spawned=("600",))}, {})
        await asking.note({}, {500: OrderReport("Active", None, None, None, None)}, {})
        (seen,) = await sightings(database)
        assert (seen.is_parent, seen.has_spawned) == (True, True)

    async def test_panels_are_apart(self, asking: Asking, engine: AsyncEngine, database: Database) -> None:
        await asking.note({5: SENT_AT}, {500: REPORT}, {})
        other = Asking(engine, "other")
        await other.note({5: SENT_AT}, {500: REPORT}, {})
        await other.spawned([500])
        await other.tidy(6)
        assert database.all("SELECT panel, explained FROM sightings ORDER BY 1") == [
            ("default", None),
            ("other", "spawned"),
        ]
        assert database.all("SELECT panel FROM asked_ids") == [("default",)]


class TestExplained:
    async def test_child_orders_of_known_parents(self, asking: Asking, database: Database, reading: Reading) -> None:
        await asking.note({}, {500: REPORT, 501: REPORT, 502: REPORT}, {})
        database.execute("UPDATE sightings SET order_id = 7 WHERE number = 502")
        await asking.spawned([501, 502, 503])
        assert database.all("SELECT number, explained FROM sightings ORDER BY 1") == [
            (500, None),
            (501, "spawned"),
            (502, None),
        ]
        assert [one.number for one in (await reading.snapshot()).sightings] == [500]

    async def test_ids_whose_answers_came_after_all(
        self, asking: Asking, database: Database, heard: Heard, reading: Reading
    ) -> None:
        """Each order that is asked about while its call is in flight leaves one."""
        await asking.note({}, {500: REPORT, 501: REPORT}, {})
        await heard("500")
        await asking.tidy(0)
        assert database.all("SELECT number, explained FROM sightings ORDER BY 1") == [(500, "known"), (501, None)]
        assert [one.number for one in (await reading.snapshot()).sightings] == [501]


class TestForgetting:
    async def test_what_was_asked_about_ids_below_every_open_question(self, asking: Asking, database: Database) -> None:
        await asking.note({4: SENT_AT, 5: SENT_AT, 6: SENT_AT}, {}, {})
        await asking.tidy(5)
        assert database.all("SELECT chunk FROM asked_ids ORDER BY 1") == [(5,), (6,)]

    @pytest.mark.parametrize(
        ("explained", "order_id", "days", "number", "stays"),
        [
            (None, None, 30, 5, True),  # it may be somebody's yet
            ("spawned", None, 30, 5, False),
            ("spawned", None, 6, 5, True),
            ("spawned", None, 30, 5 * CHUNK, True),
            ("known", None, 30, 5, False),
            ("disowned", None, 30, 5, False),
            (None, 7, 30, 5, True),  # nothing else may know that it is that order's
        ],
    )
    async def test_old_ids_that_are_explained(
        self,
        *,
        explained: str | None,
        order_id: int | None,
        days: int,
        number: int,
        stays: bool,
        asking: Asking,
        database: Database,
    ) -> None:
        database.execute(
            "INSERT INTO sightings (panel, number, seen_at, explained, order_id)"
            " VALUES ('default', %s, now() - %s, %s, %s)",
            [number, timedelta(days=days), explained, order_id],
        )
        await asking.tidy(5)
        assert bool(database.all("SELECT FROM sightings")) is stays
