"""A panel that takes more than it says is found out to the last digit; over a clean run, nothing is found."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import combinations, count
from pathlib import Path
from typing import Any

from tests.acceptance.commands.command import order_sync
from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.panel_side import all_seen, all_settled, order, read_again, shop
from tests.acceptance.samples import insert, orders
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted
from worker.panel import PanelClient
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions, Where
from worker.sandbox.panel import cheats, ledger

BY_HAND = "https://example.com/by-hand"


async def audited(tables: Tables, panel_url: str) -> dict[str, Any]:
    """What `order-sync audit --json` says of the panel."""
    settings = {"DATABASE_URL": tables.url, "PANELS__DEFAULT__URL": panel_url, "PANELS__DEFAULT__KEY": "sandbox-key"}
    ended = await order_sync("audit", "--json", settings=settings)
    assert (ended.code, ended.err) == (0, "")
    (panel,) = json.loads(ended.out)["panels"]
    assert panel["panel"] == "default"
    return panel


def exactly(amount: Decimal) -> dict[str, Decimal]:
    return {"low": amount, "high": amount}


def amounts(report: dict[str, Any], *names: str) -> list[dict[str, Decimal]]:
    return [{bound: Decimal(value) for bound, value in report[name].items()} for name in names]


async def test_each_cheat_is_found_to_the_last_digit(  # noqa: PLR0915 - one run for all, since it is the run that costs
    tables: Tables, tmp_path: Path
) -> None:
    settings = settings_for(
        tables.url, "", SCHEDULE__BALANCE="0.2", SCHEDULE__AUDIT="1", AUDIT__THRESHOLD="0.001", POLLING__SLOWEST="0.5"
    )
    async with Sandbox(SandboxOptions(speed=0)) as sandbox:
        panel, url = sandbox.panel, sandbox.url
        settings["ORDER_SYNC_PANELS__DEFAULT__URL"] = url
        async with worker(settings, tmp_path / "log") as daemon:
            await read_again(tables)

            async def buy(quantity: int) -> int:
                """An order of 0.0009 a unit, and the balance after it."""
                (order_id,) = insert(tables.url, [order(0, quantity=quantity)])
                await tables.until(f"SELECT charge IS NOT NULL FROM orders WHERE id = {order_id}")  # noqa: S608 - ours
                await read_again(tables)
                return order_id

            async def close(order_id: int, status: str, **more: Any) -> None:
                """The panel closes it, and the balance after that was seen."""
                bought = panel.book.find(
                    tables.value("SELECT panel_order_id FROM orders WHERE id = %s", order_id),
                )
                assert bought is not None
                panel.book.amend(bought, status=status, **more)
                await tables.until(f"SELECT panel_status = '{status}' FROM orders WHERE id = {order_id}")  # noqa: S608
                await read_again(tables)

            ids = [await buy(quantity) for quantity in (100, 200, 300)]
            await close(ids[0], "Partial", remains=40)

            panel.cheats.on(cheats.OVERCHARGE)
            overcharged = await buy(400)
            panel.cheats.clear()

            panel.cheats.on(cheats.REFUND_WITHHELD)
            await close(ids[1], "Canceled")
            panel.cheats.clear()

            panel.cheats.on(cheats.CHARGED_AGAIN)
            await close(ids[2], "Completed")
            sandbox.clock.advance(cheats.CHARGED_AGAIN_AFTER)
            await read_again(tables)
            panel.cheats.clear()

            async with PanelClient(url, "sandbox-key") as by_hand:
                wanted = {"link": "https://example.com/x", "quantity": "500"}
                assert isinstance(await by_hand.add(AddRequest("1", wanted)), Accepted)
            await read_again(tables)

            panel.account.top_up(Decimal("12.50"))
            await read_again(tables)
            missing = [Decimal(cheated) for cheated in ("0.036", "0.18", "0.27", "0.45")]
            found = f"SELECT coalesce((SELECT missing = {sum(missing)} FROM audits ORDER BY id DESC LIMIT 1), false)"  # noqa: S608
            await tables.until(found)
            assert await daemon.stop() == 0

        stated = await audited(tables, url)
        report = stated["report"]
        falls = report["falls"]
        assert [amounts(fall, "amount") for fall in falls] == [[exactly(-amount)] for amount in missing]
        assert amounts(report, "unexplained", "top_ups", "refunds") == [
            exactly(-sum(missing, Decimal(0))),
            exactly(Decimal("12.5")),
            exactly(Decimal("0.036") + Decimal("0.18")),
        ]
        assert Decimal(stated["missing"]) == sum(missing)
        assert Decimal(report["slack"]) == 0
        assert [
            [(one["order_id"], one["cause"], one["exact"], one["beside"]) for one in fall["suspects"]] for fall in falls
        ] == [
            [(overcharged, "charge", False, None)],
            [(ids[1], "refund", True, None)],
            [(ids[2], "closed", True, None)],
            [],
        ]
        assert Decimal(report["closing"]["balance"]) == Decimal(ledger.balance(panel)["closing"])
        told = daemon.events("balance_unexplained")
        assert sum((Decimal(line["missing"]) for line in told), Decimal(0)) == sum(missing)
        assert "Traceback" not in daemon.text


#: What a panel may do to one order; the last is no order of ours at all.
DEEDS = (cheats.OVERCHARGE, cheats.REFUND_WITHHELD, cheats.CHARGED_AGAIN, "foreign")

#: Units, at 0.0009 each: no two of these amounts add up to a third that may be missing.
OVERCHARGED, WITHHELD, AGAIN, FOREIGN = count(4111), count(1001, 2), count(3011, 3), count(1777)


@dataclass(frozen=True)
class Step:
    """What the panel did between two moments at which all was seen, and what it took by that."""

    deeds: frozenset[str]
    since: datetime
    until: datetime
    missing: Decimal
    victims: dict[str, int]


class Cheater:
    """A panel that cheats, while a shop goes on ordering."""

    def __init__(self, tables: Tables, sandbox: Sandbox) -> None:
        self._tables = tables
        self._sandbox = sandbox
        self._panel = sandbox.panel

    async def does(self, deeds: frozenset[str]) -> Step:
        """All of them between two readings, each to an order of its own; others are on their way at any time."""
        since, taken = self._tables.value("SELECT clock_timestamp()"), self._taken()
        victims = {}
        for deed, quantities in ((cheats.REFUND_WITHHELD, WITHHELD), (cheats.CHARGED_AGAIN, AGAIN)):
            if deed in deeds:
                victims[deed] = await self._buy(next(quantities))
        await all_seen(self._tables)
        # A refund may have come at any time since the look before it was told. Once more, so that this look, too, comes
        # after a reading that has these purchases behind it: else it may be theirs that something is missing of.
        await all_seen(self._tables)
        async with shop(self._tables):
            unread = Fault(kind=FaultKind.ERROR, action="balance")
            number = self._sandbox.faults.add(unread)
            for deed in (deed for deed in DEEDS if deed in deeds):
                await self._do(deed, victims)
            arrived = self._sandbox.journal.counts["add"]
            await self._sandbox.journal.reached("add", arrived + 2)
            self._sandbox.faults.remove(number)
            await read_again(self._tables)
        await all_settled(self._tables)
        await all_seen(self._tables)
        until = self._tables.value("SELECT clock_timestamp()")
        return Step(deeds, since, until, self._taken() - taken, victims)

    async def _do(self, deed: str, victims: dict[str, int]) -> None:
        if deed == "foreign":
            async with PanelClient(self._sandbox.url, "sandbox-key") as by_hand:
                wanted = {"link": BY_HAND, "quantity": str(next(FOREIGN))}
                assert isinstance(await by_hand.add(AddRequest("1", wanted)), Accepted)
            return
        self._panel.cheats.on(deed)
        match deed:
            case cheats.OVERCHARGE:
                victims[deed] = await self._buy(next(OVERCHARGED))
            case cheats.REFUND_WITHHELD:
                self._amend(victims[deed], "Canceled")
            case cheats.CHARGED_AGAIN:
                self._amend(victims[deed], "Completed")
        self._panel.cheats.clear()
        if deed == cheats.CHARGED_AGAIN:  # and others go on by a minute
            self._sandbox.clock.advance(cheats.CHARGED_AGAIN_AFTER)
            self._panel.book.settle()

    async def _buy(self, quantity: int) -> int:
        (order_id,) = await asyncio.to_thread(insert, self._tables.url, [order(quantity, quantity=quantity)])
        await self._tables.until(f"SELECT state = 'submitted' FROM orders WHERE id = {order_id}")  # noqa: S608 - ours
        return order_id

    def _amend(self, order_id: int, status: str) -> None:
        number = self._tables.value("SELECT panel_order_id FROM orders WHERE id = %s", order_id)
        bought = self._panel.book.find(number)
        assert bought is not None
        self._panel.book.amend(bought, status=status)

    def _taken(self) -> Decimal:
        """What the ledger has beyond what orders of ours cost."""
        return sum(
            (
                Decimal(entry["debited"])
                - Decimal(entry["refunded"])
                - Decimal(entry["charge"]) * (entry["link"] != BY_HAND)
                for entry in ledger.orders(self._panel)
            ),
            Decimal(0),
        )


async def test_each_cheat_and_each_two_at_once_are_found_among_other_orders(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox(SandboxOptions(balance=Decimal(10_000), seed=2, speed=0, partial=0.3, canceled=0.3)) as sandbox:
        settings = settings_for(tables.url, sandbox.url, SCHEDULE__BALANCE="0.2", POLLING__SLOWEST="0.5")
        async with worker(settings, tmp_path / "log") as daemon:
            await read_again(tables)
            cheater = Cheater(tables, sandbox)
            each = [frozenset({deed}) for deed in DEEDS] + [frozenset(two) for two in combinations(DEEDS, 2)]
            steps = [await cheater.does(deeds) for deeds in each]
            assert await daemon.stop() == 0
        stated = await audited(tables, sandbox.url)
        others = tables.value("SELECT count(*) FROM orders WHERE quantity = 100")
    assert others > 3 * len(steps)
    report = stated["report"]
    assert [amounts(fall, "amount") for fall in report["falls"]] == [[exactly(-step.missing)] for step in steps]
    assert Decimal(stated["missing"]) == sum(step.missing for step in steps)
    assert report["rises"] == []
    for step, fall in zip(steps, report["falls"], strict=True):
        assert step.since < datetime.fromisoformat(fall["until"]) < step.until
        named = {one["order_id"]: (one["cause"], one["beside"]) for one in fall["suspects"] if one["exact"]}
        assert named == told_exactly(step), step
        suspected = {one["order_id"] for one in fall["suspects"]}
        told = {number for deed, number in step.victims.items() if deed != cheats.CHARGED_AGAIN}
        assert told <= suspected, step


def told_exactly(step: Step) -> dict[int, tuple[str, int | None]]:
    """By order: for what it is told of as if it were certain, and beside which other.

    What was taken without an order of ours, or beyond the charge of one, is an amount that no order has at stake.
    """
    withheld, again = (step.victims.get(deed) for deed in (cheats.REFUND_WITHHELD, cheats.CHARGED_AGAIN))
    if step.deeds - {cheats.REFUND_WITHHELD, cheats.CHARGED_AGAIN}:
        return {}
    told: dict[int, tuple[str, int | None]] = {}
    if withheld is not None:
        told[withheld] = ("refund", again)
    if again is not None:
        told[again] = ("closed", withheld)
    return told


async def test_over_a_clean_run_with_faults_nothing_is_found(tables: Tables, tmp_path: Path) -> None:
    """Lost replies, orders cut short, charges that aren't rewritten; and drip-feeds, whose refunds nobody tells."""
    options = SandboxOptions(balance=Decimal(100_000), foreign=1, seed=5, speed=0, partial=0.2, canceled=0.2)
    settings = settings_for(
        tables.url,
        "",
        RECONCILE__SETTLE="1",
        SCHEDULE__RECONCILE="0.5",
        SCHEDULE__BALANCE="0.2",
        SCHEDULE__AUDIT="1",
        AUDIT__THRESHOLD="0",
        PANELS__DEFAULT__TIMEOUT="1",
    )
    async with Sandbox(options) as sandbox:
        settings["ORDER_SYNC_PANELS__DEFAULT__URL"] = sandbox.url
        sandbox.quirks.on("charge_kept")
        async with worker(settings, tmp_path / "log") as daemon:
            await read_again(tables)
            insert(tables.url, [order(0, quantity=9000)])  # below the id of a first order nothing is known
            await tables.until("SELECT bool_and(state = 'submitted') FROM orders")
            for kind in (FaultKind.RESET, FaultKind.CUT, FaultKind.HTTP):
                sandbox.faults.add(Fault(kind=kind, action="add", where=Where.AFTER, probability=0.02))
            for kind in (FaultKind.RESET, FaultKind.EMPTY):
                sandbox.faults.add(Fault(kind=kind, action="status", probability=0.05))
            insert(tables.url, orders(250, seed=4, services=[1, 3, 4, 6, 9, 15, 16, 19]))
            insert(tables.url, orders(5, seed=6, services=[2]))
            await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")
            assert tables.value("SELECT count(*) FROM order_events WHERE kind = 'unconfirmed'") > 3
            sandbox.clock.speed = 1000
            sandbox.faults.clear()
            await sandbox.idle()
            insert(tables.url, [order(1, quantity=9500)])
            closed = "SELECT bool_and(state IN ('completed', 'partial', 'canceled') OR {}) FROM orders"
            await tables.until(closed.format("state = 'unconfirmed'"))
            await read_again(tables)
            before = tables.value("SELECT clock_timestamp()")
            await tables.until(f"SELECT max(closed_at) > '{before}' FROM audits")  # noqa: S608 - a time of the database's
            assert await daemon.stop() == 0

        assert tables.value("SELECT count(*) FROM orders WHERE state IN ('partial', 'canceled')") > 50
        stated = await audited(tables, sandbox.url)
        report = stated["report"]
        assert (report["falls"], report["rises"], Decimal(stated["missing"])) == ([], [], 0)
        unsure = """
            SELECT sum(s.expected_charge) FROM submissions s JOIN orders o ON o.id = s.order_id
            WHERE s.is_parent OR o.state = 'unconfirmed'
        """
        assert Decimal(report["slack"]) <= tables.value(unsure) + Decimal("0.01")
        assert report["charged_orders"] > 250
        assert daemon.events("balance_audited")
        assert daemon.events("balance_unexplained") == []
        assert "Traceback" not in daemon.text
