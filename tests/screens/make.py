"""Draws the pictures of README.md and docs/ again: `make screens`.

Each picture shows what the real command drew on a real terminal, about a real worker on a real Postgres. Only the panel
is the sandbox, and names of this machine (paths, ports, hosts, processes) are replaced.
"""

import asyncio
import re
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from pyte.screens import Screen

from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert
from tests.integration.cli.terminal import on_a_terminal
from tests.screens.drawing import svg
from tests.screens.terminal import screen
from worker.sandbox import Fault, FaultKind, Sandbox, SandboxOptions, Where
from worker.sandbox.panel import cheats
from worker.store.schema.embedded import embedded_postgres
from worker.store.schema.migrate import migrate

PUBLISHED = Path(__file__).parent / "published"

#: Columns and lines. A whole line of a history fits, and a page shows a picture at about this width.
SIZE = (100, 30)

#: The name of the shop's worker in the pictures, whatever the machine's name.
WORKER = "shop-1:1"

#: Seconds in which a panel may take a request late, and then hide the order: twice as long, it isn't proven absent.
_SETTLE = 8

_QUICK = {
    "PANELS__DEFAULT__TIMEOUT": str(_SETTLE),
    "PANELS__BACKUP__KEY": "sandbox-key",
    "PANELS__BACKUP__TIMEOUT": str(_SETTLE),
    "RECONCILE__SETTLE": str(_SETTLE),
    "SCHEDULE__RECONCILE": "0.5",
    "SCHEDULE__BALANCE": "0.2",
    "SCHEDULE__AUDIT": "1",
}

_NONE_WAITS = "SELECT bool_and(state NOT IN ('pending', 'submitting')) FROM orders"


async def main() -> None:
    PUBLISHED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="order-sync-screens-") as directory:
        _publish("demo", "make demo", await _demo())
        with embedded_postgres(Path(directory) / "postgres") as url:
            migrate(url)
            await _shop(Tables(url), Path(directory) / "worker.log")


def _publish(name: str, command: str, shown: Screen) -> None:
    (PUBLISHED / f"{name}.svg").write_text(svg(shown, command), encoding="utf-8")


async def _demo() -> Screen:
    """Shows the demo when 20 orders are completed."""
    demo = await on_a_terminal(["demo"], {}, size=SIZE)
    assert demo.code == 0, demo.said
    said = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", demo.said)
    said = re.sub(r"host=\S*?&", "host=/run/demo&", said)
    said = re.sub(r"process \d+", "process 1", said)
    return screen(said, SIZE, lambda text: _number("completed", text) >= 20)


def _number(state: str, text: str) -> int:
    found = re.search(rf"^ *{state} +(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


async def _shop(tables: Tables, log: Path) -> None:
    """Plays a lost answer, a missing refund, a refused link, and a second panel that is out of money."""
    poor = SandboxOptions(balance=Decimal("0.05"), speed=0)
    async with Sandbox(SandboxOptions(seed=1, speed=0, foreign=2)) as sandbox, Sandbox(poor) as backup:
        settings = settings_for(tables.url, sandbox.url, **_QUICK, PANELS__BACKUP__URL=backup.url)
        async with worker(settings, log) as daemon:
            tables.rows("UPDATE workers SET name = %s", WORKER)
            await _balance_read(tables)
            insert(tables.url, [_order(number) for number in range(1001, 1041)])
            await tables.until(_NONE_WAITS)
            await _polled(tables)
            lost = await _lose(tables, sandbox, 1041, Where.AFTER)
            await _refund_withheld(tables, sandbox)
            await tables.until(f"SELECT state = 'submitted' FROM orders WHERE id = {lost}")  # noqa: S608 - ours
            for minutes in (5, 60):
                sandbox.clock.advance(minutes * 60)
                await _polled(tables)
            await tables.until("SELECT bool_and(finished_at IS NOT NULL) FROM orders")
            await _balance_read(tables)
            await _publish_end(settings, "show", "orders", "show", str(lost))
            await _publish_end(settings, "audit", "audit", "--panel", "default", "--since", "1h")

            insert(tables.url, [_order(number) for number in range(1042, 1243)])
            await tables.until(_NONE_WAITS)
            insert(tables.url, [_order(1243, link="no link"), *(_order(n, panel="backup") for n in range(1244, 1247))])
            await tables.until("SELECT EXISTS (SELECT FROM pauses) AND EXISTS (SELECT FROM audits WHERE missing > 0)")
            await tables.until("SELECT EXISTS (SELECT FROM orders WHERE state = 'rejected')")  # else its answer is lost
            await _lose(tables, sandbox, 1247, Where.BEFORE)
            await tables.until("SELECT EXISTS (SELECT FROM examinations)")
            await _publish_end(settings, "top", "top", answers=((b"reverse", b"q"),))
            assert await daemon.stop() == 0


async def _publish_end(
    settings: Mapping[str, str], name: str, *command: str, answers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    own = {variable.removeprefix("ORDER_SYNC_"): value for variable, value in settings.items()}
    ended = await on_a_terminal(list(command), own, *answers, size=SIZE)
    assert ended.code == 0, ended.said
    _publish(name, " ".join(["order-sync", *command]), screen(ended.said, SIZE))


def _order(number: int, **more: str) -> dict[str, object]:
    row = {"service": "1", "link": f"https://instagram.example/p/{number}", "reference": f"shop-{number}"}
    return {**row, "quantity": 100 + 10 * (number - 1000), **more}


async def _lose(tables: Tables, sandbox: Sandbox, number: int, where: Where) -> int:
    """Inserts an order whose answer is lost, before or after the panel has taken it."""
    sandbox.faults.add(Fault(kind=FaultKind.CLOSE, action="add", where=where, count=1))
    (order_id,) = insert(tables.url, [_order(number)])
    await tables.until(f"SELECT EXISTS (SELECT FROM order_events WHERE order_id = {order_id} AND kind = 'unconfirmed')")  # noqa: S608 - ours
    return order_id


async def _refund_withheld(tables: Tables, sandbox: Sandbox) -> None:
    """Lets the panel cancel an order and keep the money."""
    sandbox.panel.cheats.on(cheats.REFUND_WITHHELD)
    bought = sandbox.panel.book.find(tables.value("SELECT panel_order_id FROM orders WHERE reference = 'shop-1011'"))
    assert bought is not None
    sandbox.panel.book.amend(bought, status="Canceled")
    await tables.until("SELECT state = 'canceled' FROM orders WHERE reference = 'shop-1011'")
    await _balance_read(tables)
    sandbox.panel.cheats.clear()


async def _polled(tables: Tables) -> None:
    """Waits until the worker has polled every order again, and then read the balance."""
    now = tables.value("SELECT clock_timestamp()")
    await tables.until(f"SELECT coalesce(bool_and(seen_at > '{now}'), true) FROM polls WHERE NOT settling")  # noqa: S608 - a time of the database's
    await _balance_read(tables)


async def _balance_read(tables: Tables) -> None:
    """Waits until the worker has read the balance after this moment."""
    now = tables.value("SELECT clock_timestamp()")
    await tables.until(f"SELECT coalesce(max(asked_at) > '{now}', false) FROM balances WHERE panel = 'default'")  # noqa: S608 - a time of the database's


if __name__ == "__main__":
    asyncio.run(main())
