"""Of many inserts at a time not each is announced. The worker finds them all the same, without waiting for its tick."""

import asyncio
from pathlib import Path

import psycopg

from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import settings_for, worker
from worker.sandbox import Sandbox

PRODUCERS = 4
BURSTS = 8
ROWS = 10  #: of each producer in each burst

INSERT = "INSERT INTO orders (service, link, quantity) VALUES ('1', 'https://example.com/' || gen_random_uuid(), 100)"


async def test_a_burst_of_inserts_waits_for_no_tick(tables: Tables, tmp_path: Path) -> None:
    settings = settings_for(tables.url, "", SCHEDULE__SUBMIT="3600")
    async with Sandbox() as sandbox:
        settings |= {"ORDER_SYNC_PANELS__DEFAULT__URL": sandbox.url}
        async with worker(settings, tmp_path / "log"):
            await tables.until("SELECT count(*) > 0 FROM services")
            for _ in range(BURSTS):
                await asyncio.gather(*(asyncio.to_thread(_insert, tables.url) for _ in range(PRODUCERS)))
                await tables.until("SELECT NOT EXISTS (SELECT FROM orders WHERE state IN ('pending', 'submitting'))")
        assert sandbox.journal.counts["add"] == PRODUCERS * BURSTS * ROWS


def _insert(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(ROWS):
            connection.execute(INSERT)
