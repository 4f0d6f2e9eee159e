"""What arrived at a panel, and a shop that doesn't stop."""

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count

from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import Daemon
from tests.acceptance.samples import insert
from worker.sandbox import Sandbox

#: Rows that are being written just now are left alone: to wait for them might be to deadlock.
LOOK_NOW = """
    UPDATE polls SET due_at = now() WHERE order_id IN (
        SELECT order_id FROM polls WHERE due_at > now() FOR UPDATE SKIP LOCKED
    )
"""

#: Seconds between two orders of a shop that doesn't stop.
EVERY = 0.1


def arrivals(sandbox: Sandbox, action: str | None = None, since: float = 0.0, until: float = math.inf) -> list[float]:
    """The Unix times at which requests of this action, or of any, arrived."""
    return [
        request["at"]
        for request in sandbox.journal.last
        if since <= request["at"] < until and action in {None, request["form"].get("action")}
    ]


def order(number: int, **more: object) -> dict[str, object]:
    """An order of 0.09."""
    return {"service": "1", "link": f"https://example.com/{number}", "quantity": 100, **more}


@asynccontextmanager
async def shop(tables: Tables, at_once: int = 1) -> AsyncIterator[None]:
    """Orders arrive all the time, so many in a transaction, until it is left."""
    closed = asyncio.Event()

    async def sell() -> None:
        for first in count(step=at_once):
            some = [order(first + more) for more in range(at_once)]
            await asyncio.to_thread(insert, tables.url, some)
            try:
                await asyncio.wait_for(closed.wait(), EVERY)
            except TimeoutError:
                continue
            return

    selling = asyncio.create_task(sell())
    try:
        yield
    finally:
        closed.set()
        await selling


def told(daemons: list[Daemon], event: str) -> list[str]:
    """The reasons with which any of them has told of a pause or its end."""
    return [line["reason"] for daemon in daemons for line in daemon.events(event)]


async def all_settled(tables: Tables, seconds: float = 60) -> None:
    await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))", seconds)


async def all_seen(tables: Tables, seconds: float = 60) -> None:
    """Until every order that the panel has was looked at, and the balance read, after all that has happened so far."""
    now = await asyncio.to_thread(tables.value, "SELECT clock_timestamp()")
    await asyncio.to_thread(tables.rows, LOOK_NOW)
    await tables.until(f"SELECT NOT EXISTS (SELECT FROM polls WHERE seen_at < '{now}')", seconds)  # noqa: S608 - a time of the database's
    await read_again(tables)


async def read_again(tables: Tables) -> None:
    """Until the balance has been read after all that has happened so far."""
    now = await asyncio.to_thread(tables.value, "SELECT clock_timestamp()")
    await tables.until(f"SELECT coalesce(max(asked_at) > '{now}', false) FROM balances")  # noqa: S608 - a time of the database's


def end_waiting(tables: Tables) -> None:
    """A pause's wait ends now, instead of being waited for."""
    tables.rows("UPDATE pauses SET until = clock_timestamp()")


@contextmanager
def port_of_ours() -> Iterator[int]:
    """A port that stays ours while nobody listens on it: who connects meanwhile is refused."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
