"""What was spent of late, by the readings of each balance."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.cli.conftest import add_submission
from tests.integration.store.plain_sql import Database
from worker.store.views.spending import course, recent_spending


def read(database: Database, panel: str, hours_ago: float, balance: str, currency: str = "USD") -> None:
    database.execute(
        "INSERT INTO balances (panel, at, balance, currency) VALUES (%s, now() - make_interval(secs => %s), %s, %s)",
        [panel, hours_ago * 3600, balance, currency],
    )


async def test_falls_are_added_up_and_rises_are_not(engine: AsyncEngine, database: Database) -> None:
    read(database, "default", 30, "999")
    for hours_ago, balance in ((20, "10.5"), (15, "9.25"), (10, "59.25"), (1, "58.0")):
        read(database, "default", hours_ago, balance)
    read(database, "other", 2, "7", currency="EUR")
    read(database, "other", 1, "5")
    read(database, "quiet", 100, "3")
    default, other, quiet = sorted(await recent_spending(engine), key=lambda one: one.panel)
    assert (default.spending.balance, default.spending.spent) == (Decimal("58.0"), Decimal("2.50"))
    assert 18.9 * 3600 < default.spending.seconds < 19.1 * 3600
    assert (other.currency, other.spending.balance, other.spending.spent) == ("USD", Decimal(5), 0)
    assert (quiet.spending.balance, quiet.spending.spent, quiet.spending.seconds) == (Decimal(3), 0, 0)


SENT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def bought(database: Database, *, sent_at: datetime = SENT, told: tuple[tuple[str, str], ...], **columns: Any) -> None:
    """An order of 200 units that should cost 0.9000049; each of `told` is a state and a charge, the last its own."""
    state, charge = told[-1] if told else ("submitted", None)
    service = columns.pop("service", "1")
    order_id = database.add_order(state=state, charge=charge, service=service, panel_order_id=uuid4().hex, **columns)
    add_submission(
        database, order_id, "accepted", expected_charge="0.9000049", units=200, began_at=sent_at, is_parent=not told
    )
    at = sent_at + timedelta(hours=1)
    database.insert(
        "order_events", order_id=order_id, at=at, kind="x", state_before="submitting", state_after="submitted"
    )
    for told_state, told_charge in told:
        database.insert(
            "order_events", order_id=order_id, at=at, kind="status", state_after=told_state, charge=told_charge
        )


async def spent(engine: AsyncEngine, database: Database) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """By service, and by day."""
    database.insert("balances", panel="default", at=SENT + timedelta(days=1), balance=1)
    (panel,) = await recent_spending(engine)
    found = await course(engine, panel, days=2, parts=1)
    return {one.service: one.spent for one in found.services}, {one.day.isoformat(): one.spent for one in found.days}


@pytest.mark.parametrize(
    ("told", "remains", "costs"),
    [
        ([("submitted", "0.9")], 200, "0.9"),
        ([("submitted", "0")], 200, "0.90000"),  # not told before it has begun
        ([("completed", "0.9")], 0, "0.9"),
        ([("submitted", "0.9"), ("completed", "0.85")], 0, "0.85"),
        # Cut short, by a panel that rewrites the charge; by one that doesn't; and before it was looked at.
        ([("submitted", "0.9"), ("partial", "0.60003")], 67, "0.60003"),
        ([("submitted", "0.9"), ("partial", "0.9")], 67, "0.5985"),
        ([("submitted", "0.90007"), ("partial", "0.90007")], 67, "0.59855"),  # 0.5985465...
        ([("partial", "0.60003")], 67, "0.60003"),
        ([("partial", "0.9")], 67, "0.5985"),
        ([("partial", "0.9")], None, "0.9"),
        ([("submitted", "0.9"), ("partial", "0.9")], -10, "0.9"),
        # A late change of one that was closed.
        ([("submitted", "0.9"), ("completed", "0.9"), ("partial", "0.9")], 100, "0.45"),
        ([("submitted", "0.9"), ("canceled", "0")], 200, "0"),
        ([("submitted", "0.9"), ("canceled", "0.9")], 200, "0"),
        ([("submitted", "0.9"), ("canceled", "0.3")], 200, "0.3"),
        ([("canceled", "0.9")], 200, "0"),
        ([("canceled", "0.3")], 200, "0.3"),
        ([], None, "0.90000"),  # a drip-feed tells no charge
    ],
)
async def test_what_an_order_costs_by_now(
    engine: AsyncEngine, database: Database, told: list[tuple[str, str]], remains: int | None, costs: str
) -> None:
    bought(database, told=tuple(told), remains=remains)
    by_service, by_day = await spent(engine, database)
    assert by_service == {"1": Decimal(costs)}
    assert by_day == {"2026-11-01": Decimal(costs), "2026-11-02": 0}


async def test_it_counts_on_the_day_on_which_it_was_sent(engine: AsyncEngine, database: Database) -> None:
    """Though its answer came after midnight, or it was found later."""
    midnight = datetime(2026, 11, 2, tzinfo=UTC)
    before = midnight - timedelta(minutes=1)
    bought(database, sent_at=before, told=(("completed", "0.9"),))
    bought(database, sent_at=midnight, told=(("completed", "0.8"),), service="2")
    bought(database, sent_at=before - timedelta(days=1), told=(("completed", "0.7"),), service="3")
    by_service, by_day = await spent(engine, database)
    assert by_service == {"1": Decimal("0.9"), "2": Decimal("0.8")}
    assert by_day == {"2026-11-01": Decimal("0.9"), "2026-11-02": Decimal("0.8")}


async def test_nothing_is_known(engine: AsyncEngine) -> None:
    assert await recent_spending(engine) == []
