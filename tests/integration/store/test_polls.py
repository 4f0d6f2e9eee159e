"""Polls of orders: claimed by lease, recorded by token, and silent where there is no news."""

import asyncio
import math
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.domain.orders.changes import OrderRecord
from worker.domain.orders.news import News, read_news
from worker.domain.orders.statuses import OrderReport, Recognition
from worker.domain.polling import DAY, FADING, Pace
from worker.store.queue.polls import PollClaim, Polled, Polls, ReadNews

PACE = Pace(fastest=30, slowest=3600, settlement=7 * DAY)
LEASE = 90.0


@pytest.fixture
def polls(engine: AsyncEngine) -> Polls:
    return Polls(engine, PACE, lease=LEASE)


def row_versions(database: Database) -> list[Any]:
    return database.all("SELECT id, xmin::text FROM orders ORDER BY id")


async def record(
    polls: Polls, claims: list[PollClaim], readings: dict[str, OrderReport], decide: ReadNews = read_news
) -> dict[PollClaim, News]:
    return await polls.record([Polled(claims, readings)], decide)


async def only_claim(polls: Polls) -> PollClaim:
    (claim,) = await polls.claim("default", 10)
    return claim


def polled_again_soon(wait: timedelta) -> bool:
    """As soon as POLLING allows: a poll that is some milliseconds late makes the next a little later."""
    return PACE.fastest <= wait.total_seconds() < PACE.fastest * 1.5


async def test_a_claim_takes_what_is_due_the_longest_due_first(polls: Polls, database: Database) -> None:
    ids = {name: database.add_submitted(name) for name in ("late", "later", "latest", "not due")}
    database.add_submitted("elsewhere", panel="other")
    for name, ago in (("late", "1 s"), ("later", "1 h"), ("latest", "1 d"), ("not due", "-1 h")):
        database.execute("UPDATE polls SET due_at = now() - %s::interval WHERE order_id = %s", [ago, ids[name]])
    assert await polls.any_due("default") is True
    claims = await polls.claim("default", 2)
    assert {(claim.order_id, claim.panel_order_id) for claim in claims} == {
        (ids["latest"], "latest"),
        (ids["later"], "later"),
    }
    assert [claim.panel_order_id for claim in await polls.claim("default", 10)] == ["late"]
    assert await polls.claim("default", 10) == []
    assert await polls.any_due("default") is False
    assert await polls.any_due("other") is True


async def test_concurrent_claims_are_disjoint(polls: Polls, database: Database) -> None:
    for n in range(60):
        database.add_submitted(str(n))
    claims = await asyncio.gather(*(polls.claim("default", 10) for _ in range(6)))
    ids = [claim.order_id for claimed in [*claims, await polls.claim("default", 60)] for claim in claimed]
    assert len(ids) == len(set(ids)) == 60


async def test_a_claim_without_a_result_is_taken_again_after_its_lease(polls: Polls, database: Database) -> None:
    database.add_submitted("500")
    first = await only_claim(polls)
    lease = database.scalar("SELECT due_at - now() FROM polls")
    assert timedelta(0) < lease <= timedelta(seconds=LEASE)
    database.execute("UPDATE polls SET due_at = now()")
    second = await only_claim(polls)
    assert (second.order_id, second.panel_order_id) == (first.order_id, first.panel_order_id)
    assert second.token != first.token


async def test_news_is_written_with_its_event_and_the_order_is_polled_again_soon(
    polls: Polls, database: Database
) -> None:
    order_id = database.add_submitted("500")
    reading = OrderReport("In progress", Decimal("0.27819"), "USD", 3572, 157)
    claim = await only_claim(polls)
    found = await record(polls, [claim], {"500": reading})
    assert {of: news.recognition for of, news in found.items()} == {claim: Recognition.KNOWN}
    order = database.order(order_id)
    assert (order.state, order.panel_status) == ("submitted", "In progress")
    assert (order.charge, order.currency) == (Decimal("0.27819"), "USD")
    assert (order.start_count, order.remains) == (3572, 157)
    assert order.checked_at == order.updated_at
    (event,) = database.events(order_id)
    assert (event.kind, event.state_before, event.state_after) == ("status", "submitted", "submitted")
    assert (event.panel_status, event.charge, event.remains, event.start_count) == (
        "In progress",
        Decimal("0.27819"),
        157,
        3572,
    )
    poll = database.poll(order_id)
    assert poll.changed_at == order.updated_at
    assert polled_again_soon(poll.due_at - order.updated_at)


@pytest.mark.parametrize(
    "readings", [{"500": OrderReport("In progress", remains=7)}, {}, {"501": OrderReport("Partial")}]
)
async def test_without_news_the_order_is_not_written(
    polls: Polls, database: Database, readings: dict[str, OrderReport]
) -> None:
    order_id = database.add_submitted("500", panel_status="In progress", remains=7)
    database.execute("UPDATE polls SET changed_at = now() - interval '4000 s', seen_at = now() - interval '4000 s'")
    before, changed_at = row_versions(database), database.poll(order_id).changed_at
    assert await record(polls, [await only_claim(polls)], readings) == {}
    assert row_versions(database) == before
    assert database.events(order_id) == []
    poll = database.one("SELECT *, due_at - now() AS wait FROM polls")
    assert poll.changed_at == changed_at
    assert (poll.seen_at > changed_at) == ("500" in readings)
    # Still for 4,000 s, it is polled again after an eighth of that; a little more, since this poll was late.
    assert 495 < poll.wait.total_seconds() < 600


@pytest.mark.parametrize("state", ["submitted", "completed"])
async def test_news_of_an_order_that_is_locked_waits_and_that_of_others_does_not(
    polls: Polls, database: Database, state: str
) -> None:
    locked = database.add_submitted("500", state=state, panel_status="In progress")
    other = database.add_submitted("501")
    database.execute("UPDATE polls SET settling = (SELECT state <> 'submitted' FROM orders WHERE id = order_id)")
    claims = await polls.claim("default", 10)
    seen_at = database.poll(locked).seen_at
    readings = {"500": OrderReport("Partial"), "501": OrderReport("Partial")}
    with psycopg.connect(database.url) as somebody:
        somebody.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", [locked])
        found = await record(polls, claims, readings)
    assert [claim.order_id for claim in found] == [other]
    assert database.order(locked).state == state
    poll = database.one("SELECT *, due_at - now() AS wait FROM polls WHERE order_id = %s", [locked])
    assert polled_again_soon(poll.wait + timedelta(seconds=1))
    assert (poll.seen_at, poll.settling) == (seen_at, state != "submitted")
    database.execute("UPDATE polls SET due_at = now() WHERE order_id = %s", [locked])
    await record(polls, [await only_claim(polls)], readings)
    assert database.order(locked).state == "partial"


async def test_an_event_says_when_its_news_was_not_there_yet(polls: Polls, database: Database) -> None:
    order_id = database.add_submitted("500")
    statuses = ("Pending", "Pending", None, "Canceled")
    began = []
    for status in statuses:
        claim = await only_claim(polls)
        began.append(claim.token - timedelta(seconds=LEASE))
        await record(polls, [claim], {"500": OrderReport(status)} if status else {})
        database.execute("UPDATE polls SET due_at = now()")
    first, last = database.events(order_id)
    assert "looked_before" not in first.detail
    assert datetime.fromisoformat(last.detail["looked_before"]) == began[1]


async def test_a_poll_whose_lease_was_lost_overwrites_nothing(polls: Polls, database: Database) -> None:
    order_id = database.add_submitted("500")
    slow = await only_claim(polls)
    database.execute("UPDATE polls SET due_at = now()")
    quick = await only_claim(polls)
    assert await record(polls, [slow], {"500": OrderReport("Completed")}) == {}
    assert database.order(order_id).state == "submitted"
    assert database.poll(order_id).due_at == quick.token
    await record(polls, [quick], {"500": OrderReport("Partial")})
    assert await record(polls, [quick], {"500": OrderReport("Completed")}) == {}
    assert database.order(order_id).state == "partial"
    assert database.kinds(order_id) == ["status"]


@pytest.mark.parametrize("readings", [{"500": OrderReport("In progress")}, {}])
async def test_a_poll_whose_lease_was_lost_puts_off_no_other(
    polls: Polls, database: Database, readings: dict[str, OrderReport]
) -> None:
    order_id = database.add_submitted("500", panel_status="In progress")
    slow = await only_claim(polls)
    database.execute("UPDATE polls SET due_at = now()")
    quick = await only_claim(polls)
    await record(polls, [slow], readings)
    assert database.poll(order_id).due_at == quick.token


@pytest.mark.parametrize("late", ["first", "last"])
async def test_a_late_poll_recorded_with_a_newer_one_says_nothing(polls: Polls, database: Database, late: str) -> None:
    order_id = database.add_submitted("500", panel_status="In progress")
    slow = Polled([await only_claim(polls)], {"500": OrderReport("Completed")})
    database.execute("UPDATE polls SET due_at = now()")
    quick = Polled([await only_claim(polls)], {"500": OrderReport("Partial")})
    found = await polls.record([slow, quick] if late == "first" else [quick, slow], read_news)
    assert list(found) == quick.claims
    assert database.order(order_id).state == "partial"


async def test_news_is_decided_on_the_row_as_it_is_when_it_is_written(polls: Polls, database: Database) -> None:
    order_id = database.add_submitted("500", panel_status="In progress")
    claim = await only_claim(polls)
    database.execute("UPDATE orders SET remains = 5")
    await record(polls, [claim], {"500": OrderReport("Partial")})
    order = database.order(order_id)
    assert (order.state, order.remains) == ("partial", 5)


async def test_one_order_without_an_answer_keeps_no_other_back(polls: Polls, database: Database) -> None:
    ids = [database.add_submitted(name) for name in ("a", "b", "c")]
    claims = await polls.claim("default", 10)
    await record(polls, claims, {"a": OrderReport("Completed"), "c": OrderReport("Canceled")})
    assert [database.order(order_id).state for order_id in ids] == ["completed", "submitted", "canceled"]


async def test_neither_open_nor_closed_orders_keep_the_others_waiting(polls: Polls, database: Database) -> None:
    opened = {database.add_submitted(f"open {n}") for n in range(30)}
    closed = {database.add_submitted(f"closed {n}", state="completed") for n in range(30)}
    database.execute("UPDATE polls SET settling = true, due_at = due_at - interval '1 h' WHERE order_id > 30")
    shares = []
    for _ in range(3):
        claimed = {claim.order_id for claim in await polls.claim("default", 20)}
        shares.append((len(claimed & opened), len(claimed & closed)))
    assert shares == [(18, 2), (12, 8), (0, 20)]
    assert await polls.any_due("default") is False


class TestWhatIsLearned:
    @pytest.fixture
    def known(self, database: Database) -> None:
        """Orders of the service 1 take 15 minutes, give or take."""
        database.execute(
            "INSERT INTO paces SELECT 'default', '1', 50, 50 * ln(900), 50 * (ln(900) ^ 2 + 0.1)",
        )

    async def polled_once(self, polls: Polls, database: Database, reading: OrderReport, **columns: Any) -> Any:
        """Polls an order that is due just now; returns its row of `polls`, and the wait in seconds."""
        order_id = database.add_submitted("500", **columns)
        database.execute("UPDATE polls SET due_at = now()")
        await record(polls, [await only_claim(polls)], {"500": reading})
        return database.one(
            "SELECT *, extract(epoch FROM due_at - now())::float8 AS wait FROM polls WHERE order_id = %s", [order_id]
        )

    async def test_how_long_the_orders_of_a_service_take(self, polls: Polls, database: Database) -> None:
        for name, ago in {"a": 600, "b": 800, "c": 500}.items():
            order_id = database.add_submitted(name, service="7" if name == "c" else "1")
            database.execute(
                "UPDATE orders SET submitted_at = now() - make_interval(secs => %s) WHERE id = %s", [ago, order_id]
            )
        database.execute("UPDATE polls SET seen_at = now() - interval '200 s'")
        claims = await polls.claim("default", 10)
        await record(polls, claims, {name: OrderReport("Completed") for name in "abc"})
        learned = database.all("SELECT service, closes, exp(log_sum / closes) AS took FROM paces ORDER BY service")
        # In the middle between the last two polls: 500 and 700, and 400.
        assert [(row.service, row.closes, pytest.approx(row.took, 0.01)) for row in learned] == [
            ("1", 2, pytest.approx((500 * 700) ** 0.5, 0.01)),
            ("7", 1, pytest.approx(400, 0.01)),
        ]

    async def test_it_fades(self, polls: Polls, database: Database, known: None) -> None:
        before = database.one("SELECT * FROM paces")
        database.add_submitted("500", submitted_at="2000-01-01")
        database.execute("UPDATE orders SET submitted_at = now() - interval '1 h'")
        await record(polls, [await only_claim(polls)], {"500": OrderReport("Partial")})
        after = database.one("SELECT * FROM paces")
        assert after.closes == pytest.approx(before.closes * FADING + 1)
        assert after.log_sum == pytest.approx(before.log_sum * FADING + math.log(3600), rel=1e-4)
        assert after.log_squares == pytest.approx(before.log_squares * FADING + math.log(3600) ** 2, rel=1e-4)

    async def test_a_close_that_nobody_polled_for_teaches_nothing(self, polls: Polls, database: Database) -> None:
        database.add_submitted("500", submitted_at="2026-01-01")
        database.execute("UPDATE polls SET seen_at = '2026-01-01'")
        await record(polls, [await only_claim(polls)], {"500": OrderReport("Completed")})
        assert database.all("SELECT FROM paces") == []

    async def test_a_closed_order_teaches_once(self, polls: Polls, database: Database, known: None) -> None:
        poll = await self.polled_once(polls, database, OrderReport("Partial"), state="completed", submitted_at="now()")
        assert poll.settling is True
        assert database.scalar("SELECT closes FROM paces") == 50

    async def test_is_used(self, polls: Polls, database: Database, known: None) -> None:
        """An order that is still for 4,000 s would be polled again after 500 s; but its service is a quick one."""
        database.add_submitted("501", service="unknown", submitted_at="now()", panel_status="Pending")
        (order_id,) = database.one("SELECT id FROM orders")
        poll = await self.polled_while_still(polls, database, order_id)
        assert 495 < poll.wait < 510
        database.execute("UPDATE orders SET service = '1', submitted_at = now() - interval '600 s'")
        assert (await self.polled_while_still(polls, database, order_id)).wait < 60

    async def polled_while_still(self, polls: Polls, database: Database, order_id: int) -> Any:
        database.execute("UPDATE polls SET changed_at = now() - interval '4000 s', due_at = now()")
        await record(polls, [await only_claim(polls)], {"501": OrderReport("Pending")})
        return database.one("SELECT extract(epoch FROM due_at - now())::float8 AS wait FROM polls")

    async def test_an_orders_own_progress_is_put_down_and_used(self, polls: Polls, database: Database) -> None:
        poll = await self.polled_once(polls, database, OrderReport("In progress", remains=1000))
        assert poll.begun_with == 1000
        database.execute("UPDATE polls SET begun_at = now() - interval '10 h', due_at = now()")
        await record(polls, [await only_claim(polls)], {"500": OrderReport("In progress", remains=500)})
        poll = database.one("SELECT *, extract(epoch FROM due_at - now())::float8 AS wait FROM polls")
        assert (poll.begun_with, poll.begun_at < poll.changed_at) == (1000, True)
        # It has just moved, yet has ten more hours to go.
        assert poll.wait > 300


class TestSettlement:
    async def close(self, polls: Polls, database: Database) -> int:
        order_id = database.add_submitted("500")
        await record(polls, [await only_claim(polls)], {"500": OrderReport("Completed", Decimal(1))})
        return order_id

    async def test_a_closed_order_is_polled_rarely(self, polls: Polls, database: Database) -> None:
        order = database.order(await self.close(polls, database))
        assert (order.state, order.finished_at) == ("completed", order.updated_at)
        assert database.poll(order.id).due_at == order.finished_at + timedelta(seconds=PACE.slowest)

    async def test_a_later_change_is_recorded_like_any_other(self, polls: Polls, database: Database) -> None:
        closed = database.order(await self.close(polls, database))
        database.execute("UPDATE polls SET due_at = now()")
        partial = OrderReport("Partial", Decimal("0.5"), remains=50)
        await record(polls, [await only_claim(polls)], {"500": partial})
        order = database.order(closed.id)
        assert (order.state, order.charge, order.finished_at) == ("partial", Decimal("0.5"), closed.finished_at)
        assert [(e.state_before, e.state_after) for e in database.events(order.id)] == [
            ("submitted", "completed"),
            ("completed", "partial"),
        ]

    async def test_an_order_that_a_panel_reopens_is_open_again(self, polls: Polls, database: Database) -> None:
        order_id = await self.close(polls, database)
        database.execute("UPDATE polls SET due_at = now()")
        await record(polls, [await only_claim(polls)], {"500": OrderReport("In progress")})
        order = database.order(order_id)
        assert (order.state, order.finished_at) == ("submitted", None)
        assert polled_again_soon(database.poll(order_id).due_at - order.updated_at)
        assert database.poll(order_id).settling is False

    @pytest.mark.parametrize("readings", [{"500": OrderReport("Completed")}, {}])
    async def test_after_the_window_it_is_let_go(
        self, polls: Polls, database: Database, readings: dict[str, OrderReport]
    ) -> None:
        await self.close(polls, database)
        database.execute("UPDATE polls SET due_at = now()")
        database.execute("UPDATE orders SET finished_at = now() - interval '7 days'")
        await record(polls, [await only_claim(polls)], readings)
        assert database.all("SELECT FROM polls") == []


async def test_what_can_not_be_written_leaves_the_polls_to_the_lease(polls: Polls, database: Database) -> None:
    order_id = database.add_submitted("500")
    claim = await only_claim(polls)

    def broken(order_id: int, before: OrderRecord, reading: OrderReport) -> News:
        raise ZeroDivisionError

    result = await asyncio.gather(
        record(polls, [claim], {"500": OrderReport("Completed")}, broken), return_exceptions=True
    )
    assert isinstance(result[0], ZeroDivisionError)
    assert database.poll(order_id).due_at == claim.token
    assert database.order(order_id).state == "submitted"
