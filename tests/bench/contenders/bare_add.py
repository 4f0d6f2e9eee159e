"""The client alone, with no database: so many orders, so many calls at a time."""

import asyncio

from tests.bench.contenders.clients import adding
from tests.bench.contenders.given import Given


def main(told: Given) -> None:
    asyncio.run(_add(told))


async def _add(told: Given) -> None:
    numbers = iter(range(told.orders))
    async with adding("panel", told.panel, told.concurrency) as add:

        async def turn() -> None:
            for number in numbers:
                await add("1", f"https://example.com/bench/{number}", 100)

        await asyncio.gather(*(turn() for _ in range(told.concurrency)))
