"""Trouble of the whole panel pauses the panel, and rejects nothing (docs/guarantees.md, promise 5)."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import Daemon, settings_for, worker
from tests.acceptance.panel_side import all_settled, arrivals, end_waiting, order, port_of_ours, shop, told
from tests.acceptance.samples import insert
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions
from worker.sandbox.panel import ledger

REPLICAS = 2
CONCURRENCY = 4

#: Calls that can be on their way when the first of them meets the trouble.
UNDER_WAY = REPLICAS * CONCURRENCY

#: Seconds after which all of these are over, and the pause is felt by all.
FELT = 1.5

OPTIONS = SandboxOptions(balance=Decimal(1000), speed=0, keep_requests=100_000)


@asynccontextmanager
async def replicas(tables: Tables, url: str, logs: Path, **more: str) -> AsyncIterator[list[Daemon]]:
    """Workers at one database and one panel, stopped in order at the end."""
    settings = settings_for(
        tables.url,
        url,
        **{
            "PANELS__DEFAULT__REQUESTS_PER_SECOND": "50",
            "PANELS__DEFAULT__CONCURRENCY": str(CONCURRENCY),
            "RECONCILE__MODE": "off",
            **more,
        },
    )
    async with AsyncExitStack() as stack:
        daemons = [await stack.enter_async_context(worker(settings, logs / f"log{n}")) for n in range(REPLICAS)]
        yield daemons
        assert await asyncio.gather(*(daemon.stop() for daemon in daemons)) == [0] * REPLICAS


def states(tables: Tables) -> Counter[str]:
    return Counter(row["state"] for row in tables.rows("SELECT state FROM orders"))


def each_was_bought_once(tables: Tables, sandbox: Sandbox) -> None:
    assert states(tables).keys() == {"submitted"}
    taken = [entry["link"] for entry in ledger.orders(sandbox.panel)]
    assert sorted(taken) == sorted(row["link"] for row in tables.rows("SELECT link FROM orders"))


def extra_attempts(tables: Tables) -> int:
    return int(tables.value("SELECT sum(attempts) - count(*) FROM orders"))


async def test_no_money_under_load(tables: Tables, tmp_path: Path) -> None:
    window = 25.0  # probes of `add` come 10 and 30 seconds after the first refusal
    async with Sandbox(OPTIONS) as sandbox, replicas(tables, sandbox.url, tmp_path) as daemons:
        async with shop(tables):
            await asyncio.wait_for(sandbox.journal.reached("add", 10), timeout=30)
            sandbox.panel.account.set_balance(Decimal(0))
            began = time.time()
            await asyncio.sleep(window)
            ended = time.time()
            sandbox.panel.account.top_up(Decimal(1000))
            await asyncio.wait_for(sandbox.journal.reached("add", sandbox.journal.counts["add"] + 20), timeout=20)
        await all_settled(tables)

        each_was_bought_once(tables, sandbox)
        refused = len(arrivals(sandbox, "add", began, ended))
        probes = arrivals(sandbox, "add", began + FELT, ended)
        assert refused - len(probes) <= UNDER_WAY
        assert len(probes) == 1
        assert len(arrivals(sandbox, "balance", began, ended)) <= window / 10 + 2
        assert len(arrivals(sandbox, "status", began + FELT, ended)) >= window / 2
        assert arrivals(sandbox, "add", ended)[0] - ended < 15
        assert told(daemons, "panel_paused") == ["not_enough_funds"]
        assert told(daemons, "panel_resumed") == ["not_enough_funds"]
        assert extra_attempts(tables) <= refused
        assert tables.value("SELECT max(attempts) FROM orders") <= 3
        assert tables.value("SELECT count(*) FROM order_events WHERE kind = 'requeued'") <= refused


async def test_a_refusal_of_one_order_does_not_end_the_want_of_money(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(OPTIONS) as sandbox, replicas(tables, sandbox.url, tmp_path) as daemons:
        sandbox.panel.account.set_balance(Decimal(0))
        insert(tables.url, [order(1)])
        await tables.until("SELECT EXISTS (SELECT FROM pauses WHERE reason = 'not_enough_funds')")
        sandbox.faults.add(Fault(kind=FaultKind.ERROR, action="add", fields={"link": "bad"}, text="Incorrect link"))
        insert(tables.url, [order(0, link="bad", priority=1) for _ in range(3)])
        end_waiting(tables)
        await tables.until("SELECT failures = 2 FROM pauses")
        # What an order came to is written a little after its pause.
        await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state = 'submitting')")
        assert states(tables) == {"pending": 1, "rejected": 3}
        assert told(daemons, "panel_resumed") == []
        assert sandbox.journal.counts["add"] == 1 + 3 + 1


async def test_a_bad_key_is_tried_seldom(tables: Tables, tmp_path: Path) -> None:
    """Some panels block an address after several calls with a bad key."""
    async with Sandbox(OPTIONS) as sandbox, replicas(tables, sandbox.url, tmp_path) as daemons:
        async with shop(tables):
            await asyncio.wait_for(sandbox.journal.reached("status", 5), timeout=30)
            sandbox.faults.add(Fault(kind=FaultKind.ERROR, text="Invalid API key"))
            began = time.time()
            await tables.until("SELECT EXISTS (SELECT FROM pauses WHERE reason = 'bad_key')")
            assert 25 < tables.value("SELECT extract(epoch FROM until - clock_timestamp()) FROM pauses") <= 30
            await asyncio.sleep(5)
            assert len(arrivals(sandbox, since=began)) <= UNDER_WAY
            assert arrivals(sandbox, since=began + FELT) == []

            probed = time.time()
            end_waiting(tables)
            await tables.until("SELECT failures = 2 FROM pauses")
            assert 50 < tables.value("SELECT extract(epoch FROM until - clock_timestamp()) FROM pauses") <= 60
            await asyncio.sleep(3)
            assert len(arrivals(sandbox, since=probed)) == 1
            assert arrivals(sandbox, "add", since=probed) == []

            sandbox.faults.clear()
            end_waiting(tables)
            await tables.until("SELECT NOT EXISTS (SELECT FROM pauses)")
        await all_settled(tables)
        each_was_bought_once(tables, sandbox)
        assert told(daemons, "panel_paused") == ["bad_key"]
        assert told(daemons, "panel_resumed") == ["bad_key"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.RATE_LIMIT, action="add", seconds=5),
        Fault(kind=FaultKind.RATE_LIMIT, action="add"),
        Fault(kind=FaultKind.HTTP, action="add", status=429),
        Fault(kind=FaultKind.RATE_LIMIT, seconds=5),
    ],
    ids=["with Retry-After", "without", "a page", "every action"],
)
async def test_a_rate_limit_is_kept_by_all_replicas(fault: Fault, tables: Tables, tmp_path: Path) -> None:
    limited = None if fault.action == "*" else fault.action
    async with Sandbox(OPTIONS) as sandbox, replicas(tables, sandbox.url, tmp_path) as daemons:
        async with shop(tables):
            await asyncio.wait_for(sandbox.journal.reached("status", 5), timeout=30)
            await asyncio.wait_for(sandbox.journal.reached("add", 5), timeout=30)
            sandbox.faults.add(fault)
            number = sandbox.journal.counts.total()
            await tables.until("SELECT EXISTS (SELECT FROM pauses WHERE reason = 'rate_limited')")
            began = next(request["at"] for request in sandbox.journal.last if request["number"] > number)
            await asyncio.sleep(8)
            sandbox.faults.clear()
            ended = time.time()
        await all_settled(tables)
        each_was_bought_once(tables, sandbox)
        under_way = arrivals(sandbox, limited, began, began + 0.9)
        if fault.seconds:
            assert arrivals(sandbox, limited, began + 0.9, began + fault.seconds) == []
        # Else the probes come after 1, 3 and 7 seconds.
        assert len(arrivals(sandbox, "add", began + 0.9, ended)) <= 3
        assert extra_attempts(tables) <= len(under_way) + 3
        assert set(told(daemons, "panel_paused")) == {"rate_limited"}
        if limited:
            assert len(arrivals(sandbox, "status", began, ended)) >= 5


async def test_a_panel_that_is_down(tables: Tables, tmp_path: Path) -> None:
    with port_of_ours() as port:
        sandbox = Sandbox(SandboxOptions(balance=Decimal(1000), speed=0, port=port))
        async with sandbox:
            url = sandbox.url
            async with AsyncExitStack() as stack:
                daemons = await stack.enter_async_context(replicas(tables, url, tmp_path))
                insert(tables.url, [order(0)])
                await tables.until("SELECT bool_and(panel_status IS NOT NULL) FROM orders")
                await sandbox.__aexit__(None, None, None)
                insert(tables.url, (order(number) for number in range(1, 100)))
                await tables.until("SELECT EXISTS (SELECT FROM pauses WHERE reason = 'outage' AND failures >= 2)")
                down = states(tables)
                assert down["pending"] == 99
                await sandbox.__aenter__()
                await all_settled(tables)
                each_was_bought_once(tables, sandbox)
                assert extra_attempts(tables) <= 5 * REPLICAS + UNDER_WAY
                assert told(daemons, "panel_paused") == ["outage"]
                assert told(daemons, "panel_resumed") == ["outage"]


async def test_a_gateway_that_answers_for_the_panel(tables: Tables, tmp_path: Path) -> None:
    """First orders get no answer, which is an outage of their own, and then no call does."""
    async with Sandbox(OPTIONS) as sandbox, replicas(tables, sandbox.url, tmp_path) as daemons:
        insert(tables.url, [order(0)])
        await tables.until("SELECT bool_and(panel_status IS NOT NULL) FROM orders")
        fault = sandbox.faults.add(Fault(kind=FaultKind.HTTP, status=502))
        began = time.time()
        insert(tables.url, (order(number) for number in range(1, 200)))
        await tables.until("SELECT EXISTS (SELECT FROM pauses WHERE reason = 'outage' AND scope = 'all')")
        await asyncio.sleep(FELT)
        opened = time.time()
        lost = states(tables)["unconfirmed"]
        assert 0 < lost <= len(arrivals(sandbox, "add", began, opened)) <= 5 * REPLICAS + UNDER_WAY
        await tables.until("SELECT failures >= 2 FROM pauses WHERE scope = 'all'")
        assert len(arrivals(sandbox, since=opened)) == 1
        assert arrivals(sandbox, "add", since=opened) == []
        sandbox.faults.remove(fault)
        await all_settled(tables)
        assert states(tables) == {"submitted": 200 - lost, "unconfirmed": lost}
        assert len(ledger.orders(sandbox.panel)) == 200 - lost
        scopes = [line["scope"] for daemon in daemons for line in daemon.events("panel_paused")]
        assert sorted(scopes) in (["add", "all"], ["all"])
        assert told(daemons, "panel_paused") == told(daemons, "panel_resumed") == ["outage"] * len(scopes)


async def test_a_low_balance_stops_buying_before_the_money_ends(tables: Tables, tmp_path: Path) -> None:
    async with (
        Sandbox(OPTIONS) as sandbox,
        replicas(tables, sandbox.url, tmp_path, PANELS__DEFAULT__LOW_BALANCE="50", SCHEDULE__BALANCE="1") as daemons,
        shop(tables),
    ):
        await asyncio.wait_for(sandbox.journal.reached("add", 10), timeout=30)
        sandbox.panel.account.set_balance(Decimal(40))
        await tables.until("SELECT EXISTS (SELECT FROM pauses WHERE reason = 'low_balance')")
        felt = time.time() + 0.5
        await asyncio.sleep(5)
        assert arrivals(sandbox, "add", since=felt) == []
        assert len(arrivals(sandbox, "status", since=felt)) >= 5
        low = [line for daemon in daemons for line in daemon.events("balance_low")]
        assert Decimal(low[0]["balance"]) <= 40
        assert states(tables)["pending"] > 0
        sandbox.panel.account.top_up(Decimal(100))
        await tables.until("SELECT NOT EXISTS (SELECT FROM pauses)")
        await asyncio.wait_for(sandbox.journal.reached("add", sandbox.journal.counts["add"] + 20), timeout=20)
        assert told(daemons, "panel_paused") == ["low_balance"]
        assert told(daemons, "panel_resumed") == ["low_balance"]
        assert states(tables)["rejected"] == 0


async def test_trouble_of_one_panel_does_not_slow_the_other(tables: Tables, tmp_path: Path) -> None:
    timeout = 2.0
    async with Sandbox(OPTIONS) as sound, Sandbox(OPTIONS) as silent:
        silent.faults.add(Fault(kind=FaultKind.TIMEOUT, seconds=10))
        other = {
            "PANELS__OTHER__URL": silent.url,
            "PANELS__OTHER__KEY": "sandbox-key",
            "PANELS__OTHER__TIMEOUT": str(timeout),
            "PANELS__OTHER__CONCURRENCY": str(CONCURRENCY),
        }
        async with replicas(tables, sound.url, tmp_path, **other) as daemons:
            insert(tables.url, [order(0)])
            await tables.until("SELECT bool_and(state = 'submitted') FROM orders")  # both catalogues were asked for
            insert(tables.url, (order(number, panel="other") for number in range(200)))
            await tables.until("SELECT EXISTS (SELECT FROM pauses WHERE panel = 'other')")
            end_waiting(tables)
            insert(tables.url, (order(number) for number in range(1, 200)))
            await tables.until("SELECT bool_and(state = 'submitted') FROM orders WHERE panel = 'default'")
            times = arrivals(sound, "add")[1:]
            assert max(later - earlier for earlier, later in pairwise(times)) < timeout  # nobody waited for the other
            await asyncio.sleep(1)
            last = times[-1]
            assert len([at for at in arrivals(sound, "status") if at >= last - 2]) >= 2
            assert set(told(daemons, "panel_paused")) == {"outage"}
            assert states(tables)["rejected"] == 0
