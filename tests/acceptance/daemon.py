"""A real worker in a process of its own, and what it says on its log."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.commands.command import inherited

QUICK = {
    "ORDER_SYNC_SCHEDULE__SUBMIT": "0.5",
    "ORDER_SYNC_SCHEDULE__STATUSES": "0.3",
    "ORDER_SYNC_SCHEDULE__REFILLS": "0.3",
    "ORDER_SYNC_SCHEDULE__CANCELS": "0.3",
    "ORDER_SYNC_POLLING__FASTEST": "0.5",
    "ORDER_SYNC_POLLING__SLOWEST": "1",
    "ORDER_SYNC_LISTEN": "",
    "ORDER_SYNC_LOG__FORMAT": "json",
    "ORDER_SYNC_PANELS__DEFAULT__REQUESTS_PER_SECOND": "1000",
}


def settings_for(database_url: str, panel_url: str, **more: str) -> dict[str, str]:
    """Settings of a worker that has little patience. `more` are names without the prefix."""
    return {
        **QUICK,
        "ORDER_SYNC_DATABASE_URL": database_url,
        "ORDER_SYNC_PANELS__DEFAULT__URL": panel_url,
        "ORDER_SYNC_PANELS__DEFAULT__KEY": "sandbox-key",
        **{f"ORDER_SYNC_{name}": value for name, value in more.items()},
    }


class Daemon:
    """`order-sync run`, started. Its log is a file of JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def text(self) -> str:
        return self._log.read_text()

    def events(self, *names: str) -> list[dict[str, Any]]:
        """What it has said so far, of events with these names; of all, without any."""
        lines = [json.loads(line) for line in self.text.splitlines() if line.endswith("}")]
        return [line for line in lines if not names or line["event"] in names]

    async def said(self, event: str, seconds: float = 60) -> dict[str, Any]:
        """The first line of this event, as soon as there is one."""
        async with asyncio.timeout(seconds):
            while not (found := self.events(event)):
                assert self.process.returncode is None, self.text
                await asyncio.sleep(0.05)
            return found[0]

    async def stop(self, seconds: float = 40) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def worker(settings: dict[str, str], log: Path, *command: str) -> AsyncIterator[Daemon]:
    """A daemon that has started; it is killed at the end, should it still run. `command` as for `launched`."""
    async with launched(settings, log, *command) as daemon:
        await daemon.said("worker_started")
        yield daemon


@asynccontextmanager
async def launched(settings: dict[str, str], log: Path, *command: str) -> AsyncIterator[Daemon]:
    """The same, whether or not it comes to start. `command`: in place of `python -m worker run`."""
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *(command or ("-m", "worker", "run")), env=inherited() | settings, stderr=stderr
        )
    daemon = Daemon(process, log)
    try:
        yield daemon
    finally:
        if process.returncode is None:
            await daemon.kill()
