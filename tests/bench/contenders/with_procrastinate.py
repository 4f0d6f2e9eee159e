"""One procrastinate task an order: it calls the panel and writes the row."""

import asyncio

import procrastinate
import psycopg
from psycopg_pool import AsyncConnectionPool

from tests.bench.contenders.clients import adding
from tests.bench.contenders.given import PENDING, WRITE, Given

#: Tasks that are deferred with one statement.
BUNCH = 1000

POOL = 16


def main(told: Given) -> None:
    asyncio.run(_work(told))


async def _work(told: Given) -> None:
    connector = procrastinate.PsycopgConnector(conninfo=told.database, min_size=POOL, max_size=POOL)
    app = procrastinate.App(connector=connector)
    with psycopg.connect(told.database) as connection:
        rows = connection.execute(PENDING).fetchall()
    async with (
        AsyncConnectionPool(
            told.database, min_size=POOL, max_size=POOL, open=False, kwargs={"autocommit": True}
        ) as writing,
        adding(told.client, told.panel, told.concurrency) as add,
        app.open_async(),
    ):

        @app.task(name="submit")
        async def submit(order_id: int, service: str, link: str, quantity: int) -> None:
            panel_order_id = await add(service, link, quantity)
            async with writing.connection() as connection:
                await connection.execute(WRITE, [panel_order_id, order_id])

        await app.schema_manager.apply_schema_async()
        tasks = [
            {"order_id": order_id, "service": service, "link": link, "quantity": quantity}
            for order_id, service, link, quantity in rows
        ]
        for start in range(0, len(tasks), BUNCH):
            await submit.batch_defer_async(*tasks[start : start + BUNCH])
        await app.run_worker_async(concurrency=told.concurrency)
