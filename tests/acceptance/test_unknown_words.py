"""Tests words that nobody knows: of a panel they reject no order, and of one row they stop no other (guarantees)."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import Tables
from tests.acceptance.panel_side import all_settled, arrivals, end_waiting, order, told
from tests.acceptance.samples import insert
from tests.acceptance.test_trouble import (
    CONCURRENCY,
    FELT,
    OPTIONS,
    REPLICAS,
    UNDER_WAY,
    each_was_bought_once,
    replicas,
    states,
)
from worker.domain.orders.refusals import ANY_WORDS
from worker.domain.orders.trouble import ADD_OUTAGE_AFTER
from worker.sandbox import Fault, FaultKind, Sandbox
from worker.sandbox.misbehaviour.faults import Where

ORDERS = 40
FORBIDDEN = 403  #: speaks of the panel, in whatever words
STATUSES = [200, 400, FORBIDDEN, 422]

#: Letters of Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic, Devanagari, Thai and Han.
LETTERS = [
    chr(first + number) for first in (97, 945, 1072, 1377, 1488, 1575, 2325, 3585, 19968) for number in range(20)
]


def words(dice: random.Random) -> str:
    return " ".join("".join(dice.choices(LETTERS, k=dice.randint(2, 9))) for _ in range(dice.randint(1, 6)))


def refuses(sandbox: Sandbox, number: int, text: str, status: int) -> int:
    """Has the panel refuse an order in these words; returns the number of the fault."""
    link = str(order(number)["link"])
    return sandbox.faults.add(
        Fault(kind=FaultKind.ERROR, action="add", fields={"link": link}, text=text, status=status)
    )


@pytest.mark.parametrize("same", [True, False], ids=["the same words", "other words for each order"])
@pytest.mark.parametrize("status", STATUSES)
async def test_a_panel_that_refuses_everybody(status: int, same: bool, tables: Tables, tmp_path: Path) -> None:
    dice = random.Random(f"{status} {same}")
    word = words(dice)
    async with Sandbox(OPTIONS) as sandbox, replicas(tables, sandbox.url, tmp_path) as daemons:
        insert(tables.url, [order(0)])
        await all_settled(tables)
        for number in range(1, ORDERS):
            refuses(sandbox, number, word if same else words(dice), status)
        began = time.time()
        insert(tables.url, (order(number) for number in range(1, ORDERS)))
        await tables.until("SELECT EXISTS (SELECT FROM pauses WHERE reason = 'refusing')")
        await asyncio.sleep(FELT)
        assert len(arrivals(sandbox, "add", began)) <= REPLICAS * ANY_WORDS + UNDER_WAY
        for failures in (2, 3, 4):
            end_waiting(tables)
            await tables.until(f"SELECT failures >= {failures} FROM pauses")  # noqa: S608 - a number of ours
        await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state = 'submitting')")
        assert states(tables) == {"submitted": 1, "pending": ORDERS - 1}
        sandbox.faults.clear()
        end_waiting(tables)
        await all_settled(tables)
        each_was_bought_once(tables, sandbox)
        assert told(daemons, "panel_paused") == ["refusing"]
        assert told(daemons, "panel_resumed") == ["refusing"]


@pytest.mark.parametrize("status", [status for status in STATUSES if status != FORBIDDEN])
async def test_one_row_that_gets_any_text_stops_no_other(status: int, tables: Tables, tmp_path: Path) -> None:
    text = words(random.Random(status))
    async with Sandbox(OPTIONS) as sandbox, replicas(tables, sandbox.url, tmp_path):
        refuses(sandbox, 0, text, status)
        insert(tables.url, [order(0, priority=1)])
        for _ in range(2):
            await tables.until("SELECT EXISTS (SELECT FROM orders WHERE state = 'pending' AND error_code = 'refused')")
            insert(tables.url, (order(number) for number in range(1, ORDERS)))
            await tables.until("SELECT bool_and(state = 'submitted') FROM orders WHERE priority = 0")
            assert states(tables)["pending"] == 1
            tables.rows("UPDATE orders SET retry_at = NULL, error_code = NULL WHERE state = 'pending'")
        await tables.until("SELECT bool_and(state = 'rejected') FROM orders WHERE priority = 1")
        (row,) = tables.rows("SELECT error_code, error, attempts FROM orders WHERE priority = 1")
        assert row == {"error_code": "refused", "error": text, "attempts": 3}
        assert tables.value("SELECT count(*) FROM pauses") == 0


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Invalid API key", 200),
        ("Too many requests for this link", 200),
        ("Not enough funds", 200),
        ("ليس لهذا الرابط", FORBIDDEN),
    ],
)
async def test_one_row_with_words_about_the_panel_stops_no_other(
    text: str, status: int, tables: Tables, tmp_path: Path
) -> None:
    async with Sandbox(OPTIONS) as sandbox, replicas(tables, sandbox.url, tmp_path, SCHEDULE__BALANCE="1") as daemons:
        refuses(sandbox, 0, text, status)
        insert(tables.url, [order(0, priority=1)])
        for first in range(1, 200, 40):
            insert(tables.url, (order(number) for number in range(first, first + 40)))
            await tables.until("SELECT bool_and(state = 'submitted') FROM orders WHERE priority = 0", 90)
            tables.rows("UPDATE orders SET retry_at = NULL WHERE priority = 1 AND state = 'pending'")
        assert states(tables)["rejected"] == 0
        assert len(told(daemons, "panel_paused")) <= 2 * REPLICAS


async def test_only_add_is_broken(tables: Tables, tmp_path: Path) -> None:
    """The panel takes each order and loses the answer, while it answers all other calls.

    No two orders cost the same, so none has to wait for a lookalike that was lost.
    """
    orders, probes = 150, 4
    async with Sandbox(OPTIONS) as sandbox, replicas(tables, sandbox.url, tmp_path, SCHEDULE__BALANCE="1") as daemons:
        insert(tables.url, (order(number) for number in range(10)))
        await tables.until("SELECT bool_and(panel_status IS NOT NULL) FROM orders")
        sandbox.faults.add(Fault(kind=FaultKind.CLOSE, action="add", where=Where.AFTER))
        insert(tables.url, (order(number, quantity=100 + number) for number in range(10, orders)))
        await tables.until("SELECT EXISTS (SELECT FROM pauses WHERE scope = 'add' AND reason = 'outage')")
        await asyncio.sleep(FELT)
        began = time.time()
        for failures in range(2, probes + 2):
            end_waiting(tables)
            await tables.until(f"SELECT failures >= {failures} FROM pauses")  # noqa: S608 - a number of ours
        await asyncio.sleep(FELT)
        assert len(arrivals(sandbox, "add", since=began)) == probes
        assert len(arrivals(sandbox, "status", since=began)) >= 3
        assert len(arrivals(sandbox, "balance", since=began)) >= 1
        lost = states(tables)["unconfirmed"]
        assert lost <= REPLICAS * (CONCURRENCY + ADD_OUTAGE_AFTER - 1) + probes
        sandbox.faults.clear()
        end_waiting(tables)
        await all_settled(tables)
        assert states(tables) == {"submitted": orders - lost, "unconfirmed": lost}
        assert told(daemons, "panel_paused") == ["outage"]
        assert told(daemons, "panel_resumed") == ["outage"]
