"""What is kept of the accounts that panel names lead to."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.cli.conftest import add_submission
from tests.integration.store.plain_sql import Database
from worker.domain.accounts import Account, Changed, Known, New
from worker.store.shared.accounts import Accounts, FoundOut, names_of_account

ONE = Account.at("https://panel.example/api/v2", "first-hush")
ROTATED = Account.at("https://panel.example/api/v2", "second-hush")
MOVED = Account.at("https://new.example/api/v2", "first-hush")


@pytest.fixture
def shop(engine: AsyncEngine) -> Accounts:
    return Accounts(engine, "shop")


@pytest.fixture
def default(engine: AsyncEngine) -> Accounts:
    return Accounts(engine, "default")


async def names(engine: AsyncEngine, panel: str) -> list[str]:
    async with engine.connect() as connection:
        return await names_of_account(connection, panel)


async def test_an_account_is_noted_once_and_known_from_then_on(shop: Accounts, database: Database) -> None:
    assert await shop.identify(ONE) == New(None)
    assert await shop.note(ONE) == New(None)
    assert await shop.note(ONE) == await shop.identify(ONE) == Known(1)
    (row,) = database.all("SELECT panel, account, address FROM accounts")
    assert row == ("shop", 1, "https://panel.example/api/v2")


async def test_workers_that_start_at_once_note_it_once(engine: AsyncEngine, database: Database) -> None:
    found = await asyncio.gather(*(Accounts(engine, "shop").note(ONE) for _ in range(8)))
    assert found.count(New(None)) == 1
    assert found.count(Known(1)) == 7
    assert len(database.all("SELECT FROM accounts")) == 1


async def test_no_row_has_a_key_or_a_hash_that_another_has(
    shop: Accounts, default: Accounts, database: Database
) -> None:
    await shop.note(ONE)
    await default.note(ONE)
    rows = database.all("SELECT accounts::text AS row, salt, key_hash FROM accounts")
    assert len({row.salt for row in rows}) == len({row.key_hash for row in rows}) == 2
    assert not any("hush" in row.row for row in rows)


async def test_a_change_is_noted_only_by_who_has_found_out(shop: Accounts, database: Database) -> None:
    await shop.note(ONE)
    for account in (ROTATED, MOVED):
        changed = Changed(1, "https://panel.example/api/v2", None)
        assert await shop.note(account) == await shop.identify(account) == changed
    assert len(database.all("SELECT FROM accounts")) == 1


async def test_every_key_of_the_same_account_is_known(shop: Accounts) -> None:
    await shop.note(ONE)
    await shop.note(ROTATED, FoundOut.SAME)
    await shop.note(MOVED, FoundOut.SAME)
    assert [await shop.identify(account) for account in (ONE, ROTATED, MOVED)] == [Known(1)] * 3


async def test_a_name_without_orders_may_lead_to_any_account(shop: Accounts, engine: AsyncEngine) -> None:
    await shop.note(ONE)
    await shop.note(MOVED, FoundOut.UNUSED)
    assert await shop.identify(MOVED) == Known(2)
    assert isinstance(await shop.identify(ONE), Changed)
    assert await names(engine, "shop") == ["shop"]


class TestNames:
    async def test_a_name_that_is_not_noted_is_alone(self, engine: AsyncEngine) -> None:
        assert await names(engine, "shop") == ["shop"]

    async def test_a_former_name_is_found_also_after_a_new_key(
        self, shop: Accounts, default: Accounts, engine: AsyncEngine
    ) -> None:
        await Accounts(engine, "another").note(MOVED)
        await default.note(ONE)
        assert await shop.note(ONE) == New(2)
        await shop.note(ROTATED, FoundOut.SAME)
        assert await names(engine, "shop") == await names(engine, "default") == ["default", "shop"]
        assert await names(engine, "another") == ["another"]

    async def test_two_accounts_that_turn_out_to_be_one(
        self, shop: Accounts, default: Accounts, engine: AsyncEngine
    ) -> None:
        await shop.note(ONE)
        await default.note(MOVED)
        await shop.note(MOVED, FoundOut.SAME)
        assert await names(engine, "default") == await names(engine, "shop") == ["default", "shop"]


class TestIds:
    async def test_the_newest_that_the_panel_told_under_any_name(
        self, shop: Accounts, default: Accounts, database: Database
    ) -> None:
        await default.note(ONE)
        await shop.note(ONE)
        for number, panel in enumerate(("default", "shop", "default", "another", "shop")):
            at = f"2026-11-01 12:0{number}:00+00"
            order_id = database.add_order(panel=panel, state="submitted", panel_order_id=f"50{number}")
            add_submission(
                database, order_id, "accepted", panel=panel, panel_order_id=f"50{number}", began_at=at, ended_at=at
            )
        add_submission(database, database.add_order(panel="shop"), "unknown", panel="shop")
        assert await shop.newest_ids(100) == ["504", "502", "501", "500"]
        assert await shop.newest_ids(3) == ["504", "502", "501"]

    async def test_those_that_evidence_found_out_where_there_are_no_others(
        self, shop: Accounts, database: Database
    ) -> None:
        assert await shop.newest_ids(100) == []
        database.add_order(panel="shop", state="submitted", panel_order_id="500")
        database.add_order(panel="another", state="submitted", panel_order_id="501")
        assert await shop.newest_ids(100) == ["500"]


async def test_orders_under_names_that_no_panel_has(shop: Accounts, default: Accounts, database: Database) -> None:
    await default.note(ONE)
    await shop.note(ONE)
    database.add_submitted("500", panel="another")
    database.add_submitted("501", panel="default")
    closed = database.add_submitted("502", panel="default")
    database.execute("UPDATE polls SET settling = true WHERE order_id = %s", [closed])
    database.add_order(panel="default", state="unconfirmed")
    database.add_order(panel="default", state="pending")
    assert await shop.open_orders_elsewhere(1, {"shop"}) == {"default": 2}
    assert await shop.open_orders_elsewhere(1, {"shop", "default"}) == {}
    database.execute("DELETE FROM polls; UPDATE orders SET state = 'rejected', panel_order_id = NULL")
    assert await shop.open_orders_elsewhere(1, {"shop"}) == {"default": 0}
