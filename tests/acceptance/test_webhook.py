"""deploy/consumers/webhook.py: each event is posted until it is taken, in order, and none again after a restart."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests import guides
from tests.acceptance.conftest import Tables

SCRIPT = guides.ROOT / "deploy/consumers/webhook.py"

EVENTS = """
    INSERT INTO order_events (order_id, kind, state_after, charge)
    SELECT 1, 'status', 'completed', 0.27 FROM generate_series(1, %s)
"""


class Receiver:
    """What was posted, each with the answer that it got: the first ones are refused, sent elsewhere and cut off."""

    def __init__(self) -> None:
        self.answers = ["500", "302", "cut"]
        self.seen: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.taken = asyncio.Condition()

    async def answer(self, request: web.Request) -> web.Response:
        answer = self.answers.pop(0) if self.answers else "204"
        self.seen.append((request.method, request.headers["Idempotency-Key"]))
        if answer == "cut":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if answer == "204":
            self.bodies.append(await request.json())
            async with self.taken:
                self.taken.notify_all()
        return web.Response(status=int(answer), headers={"Location": "/elsewhere"})

    async def has(self, number: int) -> None:
        async with asyncio.timeout(60), self.taken:
            await self.taken.wait_for(lambda: len(self.bodies) >= number)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.answer)
    async with TestServer(application) as server:
        yield receiver, str(server.make_url("/hook"))


@asynccontextmanager
async def posting(tables: Tables, url: str) -> AsyncIterator[None]:
    environment = {"ORDER_SYNC_DATABASE_URL": tables.url, "WEBHOOK_URL": url, "PYTHONPATH": str(guides.ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, SCRIPT, env=os.environ | environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_each_event_is_posted_until_it_is_taken(tables: Tables, receiver: tuple[Receiver, str]) -> None:
    hook, url = receiver
    tables.rows(EVENTS, 3)
    async with posting(tables, url):
        await hook.has(3)
        tables.rows(EVENTS, 1)
        await hook.has(4)
        await tables.until("SELECT position = 4 FROM order_sync_bookmarks WHERE consumer = 'webhook'")
    tables.rows(EVENTS, 1)
    async with posting(tables, url):
        await hook.has(5)
    key = "order-sync-{}".format
    assert hook.seen == [("POST", key(1))] * 4 + [("POST", key(n)) for n in (2, 3, 4, 5)]
    assert [body["id"] for body in hook.bodies] == [1, 2, 3, 4, 5]
    assert (hook.bodies[0]["state_after"], hook.bodies[0]["charge"]) == ("completed", "0.27000000")
