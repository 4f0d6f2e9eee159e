"""The client alone, with no database: fetches and reads the status of so many orders, a hundred to a request."""

import asyncio

from tests.bench.contenders.given import Given
from tests.bench.fill import OPEN_FROM
from tests.bench.panel import KEY
from worker.domain.orders.outcomes import Answered
from worker.panel import BATCH, PanelClient


def main(told: Given) -> None:
    asyncio.run(_ask(told))


async def _ask(told: Given) -> None:
    numbers = [str(OPEN_FROM + number) for number in range(1, told.orders + 1)]
    batches = (numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH))
    async with PanelClient(told.panel, KEY, connections=told.concurrency) as panel:

        async def turn() -> None:
            for batch in batches:
                reply = await panel.statuses(batch)
                if not isinstance(reply, Answered) or len(reply.value) < len(batch):
                    raise TypeError(f"not answered: {reply}")

        await asyncio.gather(*(turn() for _ in range(told.concurrency)))
