"""A real worker under a supervisor that speaks sd_notify, and with its secrets in a directory of credentials."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.acceptance.conftest import Tables
from tests.acceptance.daemon import launched, settings_for
from tests.acceptance.panel_side import order
from tests.acceptance.samples import insert
from worker.sandbox import Fault, FaultKind, Sandbox, Where

#: Seconds.
WATCHDOG = 1.5


class Supervisor(asyncio.DatagramProtocol):
    """Hears what is said on its abstract socket."""

    def __init__(self) -> None:
        self.address = f"@order-sync-{uuid4().hex}"
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.put_nowait(data.decode())

    async def hear(self, start: str, seconds: float = 20) -> str:
        """The next word that begins so."""
        async with asyncio.timeout(seconds):
            while not (word := await self.heard.get()).startswith(start):
                pass
            return word

    async def forget(self) -> None:
        """Whatever was said before now."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"now", f"\0{self.address[1:]}")
        await self.hear("now")


@asynccontextmanager
async def supervisor() -> AsyncIterator[Supervisor]:
    it = Supervisor()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: it, local_addr=f"\0{it.address[1:]}", family=socket.AF_UNIX
    )
    try:
        yield it
    finally:
        transport.close()


def as_by_systemd(settings: dict[str, str], it: Supervisor, credentials: Path, watchdog: float) -> dict[str, str]:
    """The same settings, handed over as the unit has them handed over."""
    credentials.mkdir()
    given = dict(settings)
    for name, file in (
        ("ORDER_SYNC_DATABASE_URL", "worker_database_url"),
        ("ORDER_SYNC_PANELS__DEFAULT__KEY", "worker_panel_default_key"),
    ):
        (credentials / file).write_text(f"{given.pop(name)}\n")
        given[f"{name}_FILE"] = f"{credentials}/{file}"
    return given | {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "NOTIFY_SOCKET": it.address,
        "WATCHDOG_USEC": str(round(watchdog * 1e6)),
    }


async def test_it_tells_of_its_start_its_work_and_its_end(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox() as sandbox, supervisor() as it:
        sandbox.faults.add(Fault(kind=FaultKind.SLOW, action="add", where=Where.AFTER, seconds=3))
        settings = as_by_systemd(settings_for(tables.url, sandbox.url), it, tmp_path / "credentials", watchdog=WATCHDOG)
        async with launched(settings, tmp_path / "log") as daemon:
            await it.hear("READY=1")
            assert daemon.events("worker_started")
            assert tables.value("SELECT count(*) FROM workers WHERE lease_until > now() AND ended_at IS NULL") == 1
            assert await it.hear("STATUS=") == "STATUS=0 pending, 0 submitting, 0 unconfirmed, 0 submitted"
            await it.hear("WATCHDOG=1")

            insert(tables.url, [order(1)])
            async with asyncio.timeout(20):
                await sandbox.journal.reached("add", 1)
            await it.forget()
            stopping = asyncio.create_task(daemon.stop())
            await it.hear("STOPPING=1")
            # The call is in flight for seconds yet; more time is asked for as often as it takes.
            for _ in range(3):
                await it.hear(f"EXTEND_TIMEOUT_USEC={WATCHDOG * 1_000_000:.0f}")
            assert await stopping == 0
        assert tables.value("SELECT state FROM orders") == "submitted"


async def test_one_that_stands_still_feeds_no_watchdog(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox() as sandbox, supervisor() as it:
        settings = as_by_systemd(settings_for(tables.url, sandbox.url), it, tmp_path / "credentials", watchdog=WATCHDOG)
        async with launched(settings, tmp_path / "log") as daemon:
            await it.hear("READY=1")
            daemon.process.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(os.waitid, os.P_PID, daemon.process.pid, os.WSTOPPED)
            await it.forget()
            await asyncio.sleep(WATCHDOG)
            assert it.heard.empty()
            daemon.process.send_signal(signal.SIGCONT)
            await it.hear("WATCHDOG=1")
            assert await daemon.stop() == 0


async def test_it_is_not_ready_before_it_holds_a_lease(tables: Tables, tmp_path: Path) -> None:
    async with Sandbox() as sandbox, supervisor() as it:
        settings = as_by_systemd(settings_for(tables.url, sandbox.url), it, tmp_path / "credentials", watchdog=WATCHDOG)
        with psycopg.connect(tables.url) as held_up:
            held_up.execute("LOCK TABLE workers")
            async with launched(settings, tmp_path / "log") as daemon:
                await tables.until("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
                assert it.heard.empty()
                held_up.rollback()
                await it.hear("READY=1")
                assert await daemon.stop() == 0


async def test_wrong_settings_are_told_apart_from_failures(tables: Tables, tmp_path: Path) -> None:
    """The unit isn't started again for them: RestartPreventExitStatus=2."""
    async with Sandbox() as sandbox, supervisor() as it:
        settings = as_by_systemd(settings_for(tables.url, sandbox.url), it, tmp_path / "credentials", watchdog=WATCHDOG)
        (tmp_path / "credentials" / "worker_panel_default_key").unlink()
        async with launched(settings, tmp_path / "log") as daemon:
            assert await asyncio.wait_for(daemon.process.wait(), 20) == 2
        assert "worker_panel_default_key: No such file or directory" in daemon.text
        assert it.heard.empty()
