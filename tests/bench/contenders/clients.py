"""How a contender orders: with the worker's own client, or with httpx as it comes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx

from tests.bench.panel import KEY
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted
from worker.panel import PanelClient

#: Takes service, link and quantity, and gives the panel's id.
Add = Callable[[str, str, int], Awaitable[str]]


@asynccontextmanager
async def adding(client: str, panel_url: str, concurrency: int) -> AsyncIterator[Add]:
    """`client` is `panel` or `httpx`."""
    async with _with_panel_client(panel_url, concurrency) if client == "panel" else _with_httpx(panel_url) as add:
        yield add


@asynccontextmanager
async def _with_panel_client(url: str, concurrency: int) -> AsyncIterator[Add]:
    async with PanelClient(url, KEY, connections=concurrency) as panel:

        async def add(service: str, link: str, quantity: int) -> str:
            outcome = await panel.add(AddRequest(service, {"link": link, "quantity": str(quantity)}))
            if not isinstance(outcome, Accepted):
                raise TypeError(f"not taken: {outcome}")
            return outcome.panel_order_id

        yield add


@asynccontextmanager
async def _with_httpx(url: str) -> AsyncIterator[Add]:
    async with httpx.AsyncClient() as http:

        async def add(service: str, link: str, quantity: int) -> str:
            form = {"key": KEY, "action": "add", "service": service, "link": link, "quantity": str(quantity)}
            return str((await http.post(url, data=form)).json()["order"])

        yield add
