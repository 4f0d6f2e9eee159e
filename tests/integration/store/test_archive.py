"""History that is moved out of the way: all of it is still there, and what may be asked for stays where it was."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.domain.orders.news import read_news
from worker.domain.orders.operator_actions import Declined
from worker.domain.orders.statuses import OrderReport
from worker.domain.polling import DAY, Pace
from worker.events import follow
from worker.jobs import housekeeping
from worker.jobs.housekeeping import Housekeeping
from worker.store.evidence import reading
from worker.store.queue.operator_actions import OperatorActions
from worker.store.queue.polls import Polled, Polls
from worker.store.records import archive as store_archive
from worker.store.records.archive import Archive, Tidied
from worker.store.records.audit import Audits
from worker.store.shared.periodic_work import PeriodicWork
from worker.store.views.order_history import OrderHistories
from worker.store.views.spending import BOUGHT

DAYS = 90

#: How many events an order of `add_closed` has.
EVENTS = 3


@pytest.fixture(autouse=True)
def one_known_order_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_archive, "NEIGHBOURS", 1)


@pytest.fixture
def archive(engine: AsyncEngine) -> Archive:
    return Archive(engine, DAYS)


@pytest.fixture
def add_closed(database: Database) -> Callable[..., int]:
    """An order that was sent, and closed, so many days ago."""

    def add_closed(
        name: str, ago: float = 100, *, outcome: str = "accepted", is_parent: bool = False, **columns: Any
    ) -> int:
        at = database.scalar("SELECT now() - %s * interval '1 day'", [ago])
        about = {"state": "completed", "panel_order_id": name, "reference": name, "panel": "default", **columns}
        order_id = database.add_order(finished_at=at, updated_at=at, **about)
        for state in ("submitting", "submitted", about["state"])[:EVENTS]:
            database.insert("order_events", order_id=order_id, at=at, kind=state, state_after=state)
        database.insert(
            "submissions",
            order_id=order_id,
            panel=about["panel"],
            worker_id="00000000-0000-0000-0000-000000000001",
            began_at=at,
            ended_at=at,
            is_parent=is_parent,
            outcome=outcome,
            panel_order_id=name,
        )
        return order_id

    return add_closed


@pytest.fixture
def put_away(archive: Archive) -> Callable[[], Any]:
    """A walk to its end."""

    async def put_away() -> Tidied:
        tidied, after = Tidied(), 0
        while after is not None:
            step = await archive.step(after)
            tidied, after = tidied + step.tidied, step.after
        return tidied

    return put_away


@pytest.fixture
def newest(add_closed: Callable[..., int]) -> int:
    """The known order that stays for the evidence, so that others may go."""
    return add_closed("newest", ago=95)


@pytest.fixture
def two(engine: AsyncEngine, archive: Archive) -> list[Housekeeping]:
    """The jobs of two workers."""
    return [Housekeeping(archive, PeriodicWork(engine, "", "housekeeping", 3600)) for _ in range(2)]


def rows(database: Database, table: str) -> Counter[str]:
    """The rows of a table that has an archive: in both places together."""
    both = f"SELECT t::text FROM {table} t UNION ALL SELECT t::text FROM {table}_archive t"  # noqa: S608 - a table of ours
    return Counter(row for (row,) in database.all(both))


def watch(database: Database, order_id: int) -> None:
    about = "id, panel, now() - interval '1 s', now()"
    database.execute(f"INSERT INTO polls SELECT {about} FROM orders WHERE id = %s", [order_id])  # noqa: S608 - ours


def archived(database: Database) -> set[str]:
    """The references of the orders whose history was moved."""
    query = "SELECT DISTINCT reference FROM order_events_archive JOIN orders o ON o.id = order_id"
    return {reference for (reference,) in database.all(query)}


@pytest.mark.usefixtures("newest")
async def test_nothing_is_lost(
    archive: Archive, add_closed: Callable[..., int], database: Database, put_away: Callable[[], Any]
) -> None:
    for n in range(40):
        add_closed(f"old {n}")
    add_closed("young", ago=80, panel="other")
    before = {table: rows(database, table) for table in ("order_events", "submissions")}
    counted = (await archive.step(dry_run=True)).tidied
    assert archived(database) == set()
    assert await put_away() == counted == Tidied(orders=40, events=40 * EVENTS, submissions=40)
    assert {table: rows(database, table) for table in before} == before
    assert archived(database) == {f"old {n}" for n in range(40)}
    for table, there in before.items():
        assert database.scalar(f"SELECT count(*) FROM {table}_all") == there.total()  # noqa: S608 - a table of ours
        assert max(there.values()) == 1
    assert await put_away() == Tidied()


@pytest.mark.usefixtures("newest")
async def test_a_walk_that_was_interrupted_goes_on(
    archive: Archive,
    add_closed: Callable[..., int],
    database: Database,
    put_away: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_archive, "SLICE", 7)  # in the middle of an order
    for n in range(10):
        add_closed(f"old {n}")
    before = rows(database, "order_events")
    first = await archive.step()
    assert 0 < first.tidied.orders < 10
    database.execute("ALTER TABLE submissions_archive ADD CONSTRAINT no_room CHECK (false) NOT VALID")
    with pytest.raises(Exception, match="no_room"):
        await archive.step(first.after or 0)
    assert rows(database, "order_events") == before
    assert len(archived(database)) == first.tidied.orders
    database.execute("ALTER TABLE submissions_archive DROP CONSTRAINT no_room")
    assert (await put_away()).orders == 10 - first.tidied.orders
    assert rows(database, "order_events") == before


@pytest.mark.usefixtures("newest")
async def test_several_at_once(add_closed: Callable[..., int], database: Database, put_away: Callable[[], Any]) -> None:
    for n in range(40):
        add_closed(f"old {n}")
    before = rows(database, "order_events")
    assert sum((await asyncio.gather(*(put_away() for _ in range(4)))), Tidied()).orders == 40
    assert rows(database, "order_events") == before


@pytest.mark.usefixtures("newest")
async def test_what_is_not_over_stays(
    add_closed: Callable[..., int], database: Database, put_away: Callable[[], Any]
) -> None:
    add_closed("over")
    for state in ("pending", "submitting", "submitted"):
        add_closed(f"is {state}", state=state)
    database.execute("UPDATE orders SET finished_at = NULL WHERE state NOT IN ('completed')")
    watch(database, add_closed("watched"))
    database.execute(
        "UPDATE submissions SET outcome = NULL, ended_at = NULL, panel_order_id = NULL WHERE order_id = %s",
        [add_closed("call is open")],
    )
    await put_away()
    assert archived(database) == {"over"}


async def test_what_the_evidence_may_ask_for_stays(
    add_closed: Callable[..., int],
    database: Database,
    put_away: Callable[[], Any],
    archive: Archive,
) -> None:
    """The known order below an open question, however old that is, and each panel's newest."""
    for ago in (200, 190, 180, 170):
        add_closed(f"{ago} days ago", ago)
    add_closed("lost", 175, outcome="unknown", state="unconfirmed")
    database.execute("UPDATE orders SET finished_at = NULL, panel_order_id = NULL WHERE reference = 'lost'")
    add_closed("another panel's", panel="other")
    add_closed("another panel's newest", 99, panel="other")
    add_closed("refused", outcome="refused", state="rejected", panel="nothing was ever taken")
    add_closed("in doubt", outcome="unknown", state="rejected", panel="nothing was ever taken")
    await put_away()
    assert archived(database) == {"200 days ago", "190 days ago", "another panel's", "refused"}
    lost = database.scalar(
        "SELECT extract(epoch FROM began_at)::float8 FROM submissions WHERE outcome = 'unknown' LIMIT 1"
    )
    about = {"names": ["default"], "since": [lost], "until": [lost], "every": [1]}
    few = {"at_most": 1, "newest": 0}
    async with archive._engine.connect() as connection:
        around = (await connection.execute(reading.LANDMARKS, about | few)).all()
    assert {known.panel_order_id for known in around} == {"180 days ago", "170 days ago"}


@pytest.mark.usefixtures("newest")
async def test_calls_that_are_asked_for_at_any_age_stay(
    add_closed: Callable[..., int], database: Database, put_away: Callable[[], Any], engine: AsyncEngine
) -> None:
    late = add_closed("late", outcome="accepted_late")
    parent = add_closed("parent", is_parent=True)
    assert await put_away() == Tidied(orders=2, events=2 * EVENTS, submissions=0)
    database.execute("UPDATE orders SET panel_order_id = 'another' WHERE id = %s", [late])
    assert await OrderHistories(engine).holder("default", "late", order_id=0) == late
    async with engine.connect() as connection:
        parents = (await connection.execute(reading.PARENTS, {"names": ["default"], "since": 0.0})).scalars().all()
    assert parents == ["parent"]
    assert database.scalar("SELECT count(*) FROM submissions WHERE order_id = ANY(%s)", [[late, parent]]) == 2


@pytest.mark.usefixtures("newest")
async def test_a_reference_is_met_for_ever(
    add_closed: Callable[..., int], database: Database, put_away: Callable[[], Any]
) -> None:
    order_id = add_closed("shop-1001")
    await put_away()
    assert archived(database) == {"shop-1001"}
    again = "INSERT INTO orders (service, reference) VALUES (1, 'shop-1001') ON CONFLICT (reference) DO NOTHING"
    assert database.all(f"{again} RETURNING id") == []
    assert database.order(order_id).state == "completed"
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.add_order(state="submitted", panel_order_id="shop-1001")


@pytest.mark.usefixtures("newest")
async def test_a_late_change_is_written_where_consumers_read_and_the_history_is_whole(
    add_closed: Callable[..., int], database: Database, put_away: Callable[[], Any], engine: AsyncEngine
) -> None:
    order_id = add_closed("late")
    await put_away()
    watch(database, order_id)
    polls = Polls(engine, Pace(30, 3600, 7 * DAY), lease=90)
    polled = Polled(await polls.claim("default", 1), {"late": OrderReport("Partial", remains=5)})
    await polls.record([polled], read_news)
    assert database.order(order_id).state == "partial"
    assert database.kinds(order_id) == ["status"]
    dossier = await OrderHistories(engine).of(order_id)
    assert dossier is not None
    assert [event["kind"] for event in dossier.events] == ["submitting", "submitted", "completed", "status"]
    assert [call["panel_order_id"] for call in dossier.submissions] == ["late"]
    # What is new is young, and leaves in its turn.
    assert await put_away() == Tidied()
    database.execute("UPDATE order_events SET at = now() - interval '91 days'")
    assert (await put_away()).events == 1


@pytest.mark.usefixtures("newest")
async def test_the_audit_and_the_consumers_read_both_places(
    add_closed: Callable[..., int], database: Database, put_away: Callable[[], Any], engine: AsyncEngine
) -> None:
    for n in range(3):
        add_closed(f"old {n}")
    database.execute("UPDATE order_events SET state_before = 'submitting' WHERE kind = 'submitted'")
    database.execute("DELETE FROM orders WHERE reference = 'old 1'")  # by hand; its history leaves all the same
    events = [event.id for event in database.all("SELECT id FROM order_events ORDER BY id")]
    now = database.scalar("SELECT now()")
    since = now - timedelta(days=200)
    for at in (since, now):
        database.insert("balances", panel="default", at=at, balance=5)
    audits = Audits(engine, "default", settle=300)
    before = (await audits.material(since, now), await bought(engine, since, now))
    assert len(before[0].histories) == 3
    assert sum(orders for _, orders in before[1]) == 3
    await put_away()
    assert database.scalar("SELECT count(*) FROM order_events_archive") == 3 * EVENTS
    assert (await audits.material(since, now), await bought(engine, since, now)) == before
    with psycopg.connect(database.url, autocommit=True) as consumer:
        assert [event.id for event in follow(consumer, after=events[0], at_most=2, forever=False)] == events[1:]


async def bought(engine: AsyncEngine, since: datetime, until: datetime) -> list[tuple[str, int]]:
    async with engine.connect() as connection:
        rows = await connection.execute(BOUGHT, {"panel": "default", "since": since, "until": until})
        return [(row.service, row.orders) for row in rows]


@pytest.mark.usefixtures("newest")
async def test_what_may_have_been_taken_is_known_for_ever(
    add_closed: Callable[..., int], put_away: Callable[[], Any], database: Database, engine: AsyncEngine
) -> None:
    order_id = add_closed("in doubt", outcome="unknown", state="rejected")
    await put_away()
    assert database.scalar("SELECT count(*) FROM submissions WHERE order_id = %s", [order_id]) == 0
    (result,) = await OperatorActions(engine).retry([order_id], who="ann", why=None)
    assert isinstance(result, Declined)


@pytest.mark.usefixtures("newest")
async def test_a_writer_is_not_held_up(
    add_closed: Callable[..., int], database: Database, put_away: Callable[[], Any]
) -> None:
    order_id = add_closed("held")
    with psycopg.connect(database.url) as writer:
        writer.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", [order_id])
        writer.execute(
            "INSERT INTO order_events (order_id, kind, state_after) VALUES (%s, 'status', 'partial')", [order_id]
        )
        assert (await asyncio.wait_for(put_away(), 5)).orders == 1
    assert database.kinds(order_id) == ["status"]


@pytest.mark.usefixtures("newest")
async def test_zero_days_keep_all(
    engine: AsyncEngine,
    add_closed: Callable[..., int],
) -> None:
    add_closed("old", ago=10_000)
    step = await Archive(engine, 0).step()
    assert (step.tidied, step.after) == (Tidied(), None)


async def test_workers_and_examinations_that_are_over_go(archive: Archive, database: Database) -> None:
    database.execute(
        "INSERT INTO workers (id, name, lease_until, ended_at) SELECT gen_random_uuid(), name, now(), now() - ago "
        "FROM (VALUES ('long ago', interval '8 days'), ('open', '8 days'), ('lately', '6 days'), ('lives', NULL)) "
        "AS w(name, ago)"
    )
    order_id = database.add_order(state="submitting")
    database.execute(
        "INSERT INTO submissions (order_id, panel, worker_id, is_parent) "
        "SELECT %s, 'default', id, false FROM workers WHERE name = 'open'",
        [order_id],
    )
    for state in ("unconfirmed", "submitted"):
        doubtful = database.add_order(state=state, panel_order_id=state)
        database.execute("INSERT INTO examinations VALUES (%s)", [doubtful])
    assert await archive.sweep(dry_run=True) == Tidied(workers=1, examinations=1)
    assert await archive.sweep() == Tidied(workers=1, examinations=1)
    assert {name for (name,) in database.all("SELECT name FROM workers")} == {"open", "lately", "lives"}
    assert database.all("SELECT state FROM examinations JOIN orders ON id = order_id") == [("unconfirmed",)]


async def test_the_job_does_a_little_at_a_time_and_one_worker_does_it(
    two: list[Housekeeping],
    add_closed: Callable[..., int],
    newest: int,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_archive, "SLICE", EVENTS)
    monkeypatch.setattr(housekeeping, "MOST_STEPS", 2)
    for n in range(3):
        add_closed(f"old {n}")
    database.execute("UPDATE order_events SET id = id + 1000 WHERE order_id = %s", [newest])
    await asyncio.gather(*(one.run() for one in two))
    assert archived(database) == {"old 0", "old 1"}
    due = "SELECT extract(epoch FROM due_at - now())::float8 FROM periodic_jobs WHERE job = 'housekeeping'"
    assert 0 < database.scalar(due) <= housekeeping.GO_ON
    database.execute("UPDATE periodic_jobs SET due_at = now()")
    await asyncio.gather(*(one.run() for one in two))
    assert archived(database) == {"old 0", "old 1", "old 2"}
    database.execute("UPDATE periodic_jobs SET due_at = now()")
    await two[0].run()
    await two[1].run()
    assert database.scalar(due) > 3000
