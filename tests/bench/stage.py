"""What a bench is played on: a Postgres that syncs to disk, a panel that answers at once, and processes to measure."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import psycopg

from tests.acceptance.daemon import Daemon, worker
from tests.bench.panel import KEY, REMAINS
from tests.databases import new_database
from worker.store.schema.embedded import embedded_postgres
from worker.store.schema.migrate import migrate

ROOT = Path(__file__).parents[2]

#: Far above what any process reaches, so that the budget isn't what limits.
REQUESTS_PER_SECOND = 100_000

#: A migrated database that is copied; nobody is connected to it.
MIGRATED = "order_sync"

PATIENCE = 600.0

Process = asyncio.subprocess.Process


class PanelProcess:
    """The panel in its process, and what it has seen."""

    def __init__(self, process: Process, port: int, http: aiohttp.ClientSession) -> None:
        self.pid = process.pid
        self.url = f"http://127.0.0.1:{port}/api/v2"
        self._bench = f"http://127.0.0.1:{port}/bench"
        self._http = http

    async def reset(self, *, latency: float = 0.0, remains: int = REMAINS) -> None:
        """Begin to count anew, and answer so many seconds late, with this many units that remain of each order."""
        await self._get("reset", latency=latency, remains=remains)

    async def reached(self, action: str, count: int, *by: Process) -> dict[str, Any]:
        """What it has seen, once there were so many calls. Raises RuntimeError where one of those who call ends."""
        calls = asyncio.ensure_future(self._get("reached", action=action, count=count))
        ends = [asyncio.ensure_future(process.wait()) for process in by]
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait([calls, *ends], return_when=asyncio.FIRST_COMPLETED)
            if not calls.done():
                raise RuntimeError("a process that is measured has ended")
            return calls.result()
        finally:
            for task in (calls, *ends):
                task.cancel()

    async def seen(self) -> dict[str, Any]:
        return await self._get("seen")

    async def _get(self, what: str, **values: float | str) -> dict[str, Any]:
        async with self._http.get(f"{self._bench}/{what}", params=values) as reply:
            told: dict[str, Any] = await reply.json()
            return told


@dataclass(frozen=True)
class Stage:
    postgres: str
    postmaster: int
    directory: Path
    panel: PanelProcess

    @contextmanager
    def database(self, template: str = MIGRATED, name: str = "bench") -> Iterator[str]:
        with new_database(self.postgres, name, template) as url:
            yield url

    @asynccontextmanager
    async def daemon(self, url: str, concurrency: int, **settings: str) -> AsyncIterator[Daemon]:
        """`order-sync run` with the settings that it comes with, but for its limits. `settings`: without the prefix."""
        number = len(list(self.directory.glob("*.log")))
        async with worker(self.settings(url, concurrency, **settings), self.directory / f"{number}.log") as daemon:
            yield daemon

    def settings(self, url: str, concurrency: int, **more: str) -> dict[str, str]:
        return {
            "ORDER_SYNC_DATABASE_URL": url,
            "ORDER_SYNC_PANELS__DEFAULT__URL": self.panel.url,
            "ORDER_SYNC_PANELS__DEFAULT__KEY": KEY,
            "ORDER_SYNC_PANELS__DEFAULT__CONCURRENCY": str(concurrency),
            "ORDER_SYNC_PANELS__DEFAULT__REQUESTS_PER_SECOND": str(REQUESTS_PER_SECOND),
            "ORDER_SYNC_LISTEN": "",
            "ORDER_SYNC_LOG__FORMAT": "json",
            **{f"ORDER_SYNC_{name}": value for name, value in more.items()},
        }

    @asynccontextmanager
    async def contender(self, name: str, *arguments: str) -> AsyncIterator[Process]:
        """A module of `tests.bench.contenders`, in a process of its own, which is ended at the end."""
        about = ("--panel", self.panel.url, *arguments)
        async with started("-m", "tests.bench.contenders", name, *about) as process:
            yield process

    async def bare(
        self, action: str, orders: int, concurrency: int, calls: int, *, latency: float = 0.0
    ) -> dict[str, float]:
        """The client alone: from the first call to the last answer."""
        await self.panel.reset(latency=latency)
        told = ("--orders", str(orders), "--concurrency", str(concurrency))
        async with self.contender(f"bare_{action}", *told) as process:
            await self.panel.reached(action, 1, process)
            before = self.cpu(process)
            seen = await self.panel.reached(action, calls, process)
            seconds = seen["last_at"][action] + latency - seen["first_at"][action]
            return per_order(orders, seconds, before, self.cpu(process))

    def cpu(self, *processes: Process) -> dict[str, float]:
        """Seconds of processor time that these processes, Postgres and the panel have used so far."""
        server = psutil.Process(self.postmaster)
        backends = sum(cpu_seconds(child.pid) for child in server.children(recursive=True))
        ended = server.cpu_times().children_user + server.cpu_times().children_system
        own = sum(cpu_seconds(process.pid) for process in processes)
        return {"process": own, "postgres": backends + ended, "panel": cpu_seconds(self.panel.pid)}


def per_order(orders: int, seconds: float, before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """A run in figures: `rate` in orders a second, and the processor time of each order in microseconds."""
    spent = {f"cpu_us_{name}": (after[name] - before[name]) / orders * 1e6 for name in before}
    return {"rate": orders / seconds, "orders": orders, "seconds": seconds, **spent}


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    # Not a directory of another user's: for root, the server is one.
    with tempfile.TemporaryDirectory(prefix="order_sync_bench_") as name:
        directory = Path(name)
        with embedded_postgres(directory / "postgres") as url:
            migrate(url)
            postmaster = int((directory / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
            administration = url.replace(f"/{MIGRATED}?", "/postgres?")
            async with _panel() as panel:
                yield Stage(administration, postmaster, directory, panel)


@asynccontextmanager
async def _panel() -> AsyncIterator[PanelProcess]:
    async with started("-m", "tests.bench.panel", stdout=asyncio.subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(None)) as http:
            yield PanelProcess(process, port, http)


@asynccontextmanager
async def started(*command: str, **how: Any) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, env=os.environ, **how)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def value(url: str, query: str, *values: Any) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query, values).fetchone()
        assert row is not None
        return row[0]


async def until(url: str, query: str, seconds: float = PATIENCE) -> float:
    """Return once the query's one value is true: the monotonic time."""
    with psycopg.connect(url, autocommit=True) as connection:
        async with asyncio.timeout(seconds):
            while True:
                row = await asyncio.to_thread(lambda: connection.execute(query).fetchone())
                if row and row[0]:
                    return time.monotonic()
                await asyncio.sleep(0.02)
