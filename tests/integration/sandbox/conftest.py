import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from worker.sandbox import Sandbox, SandboxOptions

KEY = "sandbox-key"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply. `json` is None if the body isn't JSON."""

    http: int
    headers: Any
    raw: bytes
    json: Any


class Client:
    """A client that follows the panel document to the letter."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self._sandbox = sandbox
        self._session = session

    async def call(self, action: str, **fields: object) -> Answer:
        form = {"key": KEY, "action": action} | {name: str(value) for name, value in fields.items()}
        return await self.send("POST", self._sandbox.url, data=form)

    async def ask(self, action: str, **fields: object) -> Any:
        return (await self.call(action, **fields)).json

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        return (await self.send(method, self._sandbox.admin_url + path, json=body)).json

    async def send(self, method: str, url: str, **more: Any) -> Answer:
        async with self._session.request(method, url, allow_redirects=False, **more) as response:
            raw = await response.read()
            try:
                read = json.loads(raw)
            except ValueError:
                read = None
            return Answer(response.status, response.headers, raw, read)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox whose clock only a test moves, and whose orders all complete."""
    async with Sandbox(SandboxOptions(speed=0, partial=0, canceled=0, refills_rejected=0)) as sandbox:
        yield sandbox


@pytest.fixture
def client_of(session: aiohttp.ClientSession) -> Callable[[Sandbox], Client]:
    return lambda sandbox: Client(sandbox, session)


@pytest.fixture
def client(client_of: Callable[[Sandbox], Client], sandbox: Sandbox) -> Client:
    return client_of(sandbox)
