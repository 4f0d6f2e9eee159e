"""Tests what `check` says of the accounts that panels lead to, and what `accept-account` does about them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.acceptance.commands.command import KEY
from tests.integration.cli.conftest import OrderSync
from tests.integration.store.plain_sql import Database
from worker.cli.check_accounts import account_findings
from worker.domain.accounts import Account, Identity, Known
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted
from worker.panel import PanelClient
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions
from worker.settings.model import load
from worker.store.db.engine import make_engine
from worker.store.shared.accounts import Accounts

#: A place that the panel had before, with the same key.
BEFORE = "https://before.example/api/v2"


@pytest.fixture
async def panel(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(key=KEY)) as sandbox:
        monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", database_url)
        monkeypatch.setenv("ORDER_SYNC_PANELS__DEFAULT__URL", sandbox.url)
        monkeypatch.setenv("ORDER_SYNC_PANELS__DEFAULT__KEY", KEY)
        yield sandbox


async def on_accounts(database: Database, panel: str, work: Callable[[Accounts], Awaitable[Identity]]) -> Identity:
    engine = make_engine(database.url, pool_size=1)
    try:
        return await work(Accounts(engine, panel))
    finally:
        await engine.dispose()


async def note(database: Database, url: str, *, panel: str = "default", key: str = KEY) -> None:
    await on_accounts(database, panel, lambda accounts: accounts.note(Account.at(url, key)))


async def identity(database: Database, url: str) -> Identity:
    return await on_accounts(database, "default", lambda accounts: accounts.identify(Account.at(url, KEY)))


async def bought(panel: Sandbox) -> str:
    async with PanelClient(panel.url, KEY) as client:
        outcome = await client.add(AddRequest("1", {"link": "https://example.com/p", "quantity": "100"}))
    assert isinstance(outcome, Accepted)
    return outcome.panel_order_id


async def said() -> list[tuple[str, str]]:
    return [(finding.verdict, f"{finding.text}; {finding.mend}") for finding in await account_findings(load())]


class TestCheck:
    async def test_says_nothing_of_accounts_that_are_new_or_as_they_were(
        self, database: Database, panel: Sandbox
    ) -> None:
        assert await said() == []
        await note(database, panel.url)
        assert await said() == []
        assert len(database.all("SELECT FROM accounts")) == 1

    async def test_says_that_a_panel_has_moved(self, database: Database, panel: Sandbox) -> None:
        await note(database, BEFORE)
        assert await said() == []  # there is no order that it could be mixed up with
        database.add_submitted(await bought(panel))
        assert await said() == [("ok", "has another address or key, and the account of before; ")]
        assert await identity(database, panel.url) != Known(1)  # the worker is to find that out by itself

    async def test_says_that_the_settings_lead_to_another_account(self, database: Database, panel: Sandbox) -> None:
        await note(database, BEFORE)
        database.add_submitted("99")
        ((verdict, text),) = await said()
        assert verdict == "wrong"
        assert text.startswith("its URL and KEY lead to another account, which doesn't know the newest order of this ")
        assert text.endswith("; if it is the same account all the same, type: order-sync accept-account default")

    async def test_says_whose_account_it_is(self, database: Database, panel: Sandbox) -> None:
        await note(database, BEFORE)
        await note(database, panel.url, panel="other")
        database.add_submitted("99")
        ((_, text),) = await said()
        assert text.startswith("its URL and KEY lead to the account of panel other, which ")

    async def test_says_that_a_panel_does_not_answer(self, database: Database, panel: Sandbox) -> None:
        await note(database, BEFORE)
        database.add_submitted("99")
        panel.faults.add(Fault(kind=FaultKind.EMPTY))
        ((verdict, text),) = await said()
        assert verdict == "warning"
        assert text.startswith("has another address or key, and doesn't say whether the account is the one of before: ")

    async def test_says_that_a_panel_was_renamed(self, database: Database, panel: Sandbox) -> None:
        await note(database, panel.url, panel="before")
        assert await said() == [("ok", "has the account that panel before had; ")]
        database.add_submitted("99", panel="before")
        text = "has the account that panel before had, and nobody follows the open orders of before (1)"
        assert await said() == [("warning", f"{text}; name the panel before until they are closed")]

    async def test_without_a_right_says_so(self, database: Database, panel: Sandbox) -> None:
        database.execute("DROP TABLE accounts")
        ((verdict, text),) = await said()
        assert verdict == "wrong"
        assert text.startswith('can\'t say which accounts the panels had: relation "accounts" does not exist')


class TestAcceptAccount:
    async def test_ends_the_pause(self, database: Database, panel: Sandbox, order_sync: OrderSync) -> None:
        await note(database, BEFORE)
        database.execute(
            "INSERT INTO pauses (panel, scope, reason, until) VALUES "
            "('default', 'all', 'other_account', 'infinity'), ('default', 'all', 'outage', 'infinity'), "
            "('other', 'all', 'other_account', 'infinity')"
        )
        ended = await asyncio.to_thread(order_sync, "accept-account", "default", "--yes")
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.startswith(f"Address before: {BEFORE}\nAddress now:    {panel.url}\n")
        assert ended.out.endswith("\npanel default is accepted: workers go on within seconds\n")
        assert await identity(database, panel.url) == await identity(database, BEFORE) == Known(1)
        assert database.all("SELECT panel, reason FROM pauses ORDER BY 1") == [
            ("default", "outage"),
            ("other", "other_account"),
        ]

    async def test_has_nothing_to_do_for_a_panel_that_is_new_or_known(
        self, database: Database, panel: Sandbox, order_sync: OrderSync
    ) -> None:
        ended = await asyncio.to_thread(order_sync, "accept-account", "default", "--yes")
        assert (ended.code, ended.out) == (0, "no worker has called panel default yet, so there is nothing to accept\n")
        assert database.all("SELECT FROM accounts") == []
        await note(database, panel.url)
        ended = await asyncio.to_thread(order_sync, "accept-account", "default", "--yes")
        assert ended.code == 0
        assert ended.out.startswith("panel default has the account of before\n")
        assert len(database.all("SELECT FROM accounts")) == 1

    async def test_declines_the_account_of_another_panel(
        self, database: Database, panel: Sandbox, order_sync: OrderSync
    ) -> None:
        await note(database, BEFORE)
        await note(database, panel.url, panel="other")
        ended = await asyncio.to_thread(order_sync, "accept-account", "default", "--yes")
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith("order-sync: these settings lead to the account of panel other: correct ")

    async def test_knows_no_panel_that_is_not_configured(self, panel: Sandbox, order_sync: OrderSync) -> None:
        ended = await asyncio.to_thread(order_sync, "accept-account", "other", "--yes")
        assert ended.code == 1
        assert ended.err.startswith("order-sync: panel other isn't configured here: set ORDER_SYNC_PANELS__OTHER__URL")
