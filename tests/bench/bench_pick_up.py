"""How soon an inserted row is on the wire, and what the wake-up costs the producer.

A real worker with its default settings, an embedded Postgres that syncs to disk as in production, a sandbox over TCP.
"""

import asyncio
import random
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psycopg
import pytest

from tests.acceptance.daemon import worker
from tests.bench.report import keep, percentile, table
from worker.sandbox import Sandbox, SandboxOptions
from worker.store import embedded
from worker.store.migrate import migrate

ROWS = 200
WARM_UP = 5

#: Seconds from one row's request to the next row, so that the worker is idle again; varied, so that rows and ticks
#: don't fall into step.
SPACING = (0.15, 0.35)

#: Of each way of inserting, in turn, so that what else the machine does strikes both.
ROUNDS = 3
SECONDS_A_ROUND = 3

INSERT = "INSERT INTO orders (service, link, quantity) VALUES ('1', 'https://example.com/bench', 100)"


@pytest.fixture
def server(postgres_directory: Path) -> Iterator[str]:
    """The address of a migrated database on a server that syncs to disk, unlike the one that the tests share."""
    with embedded.embedded_postgres(postgres_directory) as url:
        migrate(url)
        yield url


async def test_from_commit_to_wire(server: str, tmp_path: Path) -> None:
    seconds: list[float] = []
    dice = random.Random(1)
    async with Sandbox(SandboxOptions(speed=0)) as sandbox, worker(_settings(server, sandbox), tmp_path / "log"):
        with psycopg.connect(server, autocommit=True) as producer:
            for number in range(1, WARM_UP + ROWS + 1):
                arrived = asyncio.create_task(sandbox.journal.reached("add", number))
                committed_at = await asyncio.to_thread(_insert, producer)
                await asyncio.wait_for(arrived, timeout=30)
                seconds.append(_last_add(sandbox) - committed_at)
                await asyncio.sleep(dice.uniform(*SPACING))
    figures = _summary(seconds[WARM_UP:])
    keep("pick_up", {"pick_up_ms": figures, "rows": ROWS})
    print(table(f"From commit to wire, {ROWS} rows, one at a time (ms)", [list(figures), _in_ms(figures)]))  # noqa: T201 - a bench prints


def _settings(database_url: str, sandbox: Sandbox) -> dict[str, str]:
    return {
        "ORDER_SYNC_DATABASE_URL": database_url,
        "ORDER_SYNC_PANELS__DEFAULT__URL": sandbox.url,
        "ORDER_SYNC_PANELS__DEFAULT__KEY": sandbox.options.key,
        "ORDER_SYNC_LISTEN": "",
        "ORDER_SYNC_LOG__FORMAT": "json",
    }


def _insert(producer: psycopg.Connection) -> float:
    producer.execute(INSERT)
    return time.time()


def _last_add(sandbox: Sandbox) -> float:
    return next(float(r["at"]) for r in reversed(sandbox.journal.last) if r["form"].get("action") == "add")


def _summary(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(one * 1000 for one in seconds)
    return {
        "p50": percentile(ordered, 0.50),
        "p95": percentile(ordered, 0.95),
        "p99": percentile(ordered, 0.99),
        "highest": ordered[-1],
    }


def _in_ms(figures: dict[str, float]) -> list[str]:
    return [f"{value:.1f}" for value in figures.values()]


@pytest.mark.parametrize("producers", [1, 8])
def test_inserts_with_and_without_the_wake_up(producers: int, server: str, tmp_path: Path) -> None:
    script = tmp_path / "insert.sql"
    script.write_text(INSERT)
    rates: dict[str, list[float]] = {"without": [], "with": []}
    with psycopg.connect(server, autocommit=True) as admin, psycopg.connect(server, autocommit=True) as listener:
        listener.execute("LISTEN order_sync_work")
        for _ in range(ROUNDS):
            for way, found in rates.items():
                admin.execute(f"ALTER TABLE orders {'ENABLE' if way == 'with' else 'DISABLE'} TRIGGER orders_wake_up")
                found.append(_inserts_a_second(server, script, producers))
                listener.execute("SELECT")  # takes what has been announced
    rate = {way: median(found) for way, found in rates.items()}
    ratio = rate["with"] / rate["without"]
    keep(f"inserts_{producers}", {"producers": producers, "inserts_per_second": rate, "ratio": ratio})
    rows = [
        ("wake-up", "inserts/s"),
        *((way, f"{value:,.0f}") for way, value in rate.items()),
        ("ratio", f"{ratio:.2f}"),
    ]
    print(table(f"Single-row inserts, {producers} connection{'s' * (producers > 1)}", rows))  # noqa: T201 - a bench prints


def _inserts_a_second(server: str, script: Path, producers: int) -> float:
    ended = subprocess.run(
        [
            *(embedded._find_binaries() / "pgbench", "--no-vacuum", f"--file={script}", "--protocol=prepared"),
            *(f"--client={producers}", f"--time={SECONDS_A_ROUND}", server),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.search(r"^tps = ([0-9.]+)", ended.stdout, re.MULTILINE)
    assert found, ended.stdout
    return float(found[1])
