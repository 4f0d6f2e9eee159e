"""One pgqueuer job an order: it calls the panel and writes the row.

With asyncpg, the faster of its drivers, and on uvloop, as its own command runs it.
"""

import json

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from tests.bench.contenders.clients import adding
from tests.bench.contenders.given import PENDING, WRITE, Given

BUNCH = 1000
POOL = 16


def main(told: Given) -> None:
    uvloop.run(_work(told))


async def _work(told: Given) -> None:
    async with (
        asyncpg.create_pool(told.database, min_size=POOL, max_size=POOL) as pool,
        adding(told.client, told.panel, told.concurrency) as add,
    ):
        queries = Queries(AsyncpgPoolDriver(pool))
        await queries.install()
        payloads = [json.dumps(list(row)).encode() for row in await pool.fetch(PENDING)]
        for start in range(0, len(payloads), BUNCH):
            bunch = payloads[start : start + BUNCH]
            await queries.enqueue(["submit"] * len(bunch), bunch, [0] * len(bunch))
        worker = PgQueuer.from_asyncpg_pool(pool)
        write = WRITE.replace("%s", "$1", 1).replace("%s", "$2", 1)

        @worker.entrypoint("submit")
        async def submit(job: Job) -> None:
            order_id, service, link, quantity = json.loads(job.payload or b"")
            await pool.execute(write, await add(service, link, quantity), order_id)

        # It wants room for two batches, and takes the next when there is room for one.
        await worker.run(batch_size=told.concurrency // 2, max_concurrent_tasks=told.concurrency)
