"""Runs a command in a process of its own, and collects its output and exit code."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Secrets that no output may show. The tests' Postgres needs no password, so any will do.
KEY = "k3y-hush/hush+1"
PASSWORD = "p4ss-hush/hush"

#: Seconds. Every command is much faster.
LONGEST = 60


@dataclass(frozen=True)
class Ended:
    code: int | None
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def with_password(database_url: str) -> str:
    """Returns the address of a test's database with a password in it."""
    return database_url.replace("postgres@", "postgres:p4ss-hush%2Fhush@", 1)


def shows_a_secret(text: str) -> bool:
    """Returns whether the text holds a key or password. Both have a part that no encoding changes."""
    return "hush" in text


@asynccontextmanager
async def started(*arguments: str, settings: Mapping[str, str] | None = None) -> AsyncIterator[Process]:
    """Starts `order-sync` with these arguments, and kills it after the block. `settings` have no prefix."""
    ours = {name if name == "TMPDIR" else f"ORDER_SYNC_{name}": value for name, value in (settings or {}).items()}
    async with running(sys.executable, "-m", "worker", *arguments, env=inherited() | ours) as process:
        yield process


def inherited() -> dict[str, str]:
    """Returns this process's environment without settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ORDER_SYNC_")}


@asynccontextmanager
async def running(*command: str | Path, **options: Any) -> AsyncIterator[Process]:
    """Starts any command, whose output can be read, and kills it after the block."""
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ended(process: Process) -> Ended:
    async with asyncio.timeout(LONGEST):
        out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())


async def order_sync(*arguments: str, settings: Mapping[str, str] | None = None) -> Ended:
    """Runs it to its end."""
    async with started(*arguments, settings=settings) as process:
        return await ended(process)


async def line_with(text: str, stream: asyncio.StreamReader | None) -> str:
    """Waits for the first line that holds a text, and returns it."""
    assert stream is not None
    async with asyncio.timeout(LONGEST):
        while line := await stream.readline():
            if text in line.decode():
                return line.decode().strip()
    raise AssertionError(f"it ended without a line that holds {text!r}")
