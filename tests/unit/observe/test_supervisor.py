"""sd_notify: what arrives on the other side of the socket, and that nothing of it may disturb the work."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from worker.observe.supervisor import Supervisor


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(address)
        channel.settimeout(5)
        yield channel


def heard(channel: socket.socket) -> str:
    return channel.recv(4096).decode()


@pytest.fixture
def path() -> Iterator[str]:
    """Places of pytest may have too long a name for a socket."""
    with tempfile.TemporaryDirectory(prefix="s-") as directory:
        yield f"{directory}/notify"


def test_a_file_hears_each_word(path: str) -> None:
    with listening(path) as channel:
        supervisor = Supervisor({"NOTIFY_SOCKET": path})
        assert supervisor.listens
        supervisor.ready()
        supervisor.alive()
        supervisor.status("3 orders\nREADY=1")
        supervisor.stopping()
        supervisor.extend(2.5)
        assert [heard(channel) for _ in range(5)] == [
            "READY=1",
            "WATCHDOG=1",
            "STATUS=3 orders READY=1",
            "STOPPING=1",
            "EXTEND_TIMEOUT_USEC=2500000",
        ]


def test_an_abstract_address_hears_too() -> None:
    name = f"order-sync-{uuid4().hex}"
    with listening(f"\0{name}") as channel:
        Supervisor({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert heard(channel) == "READY=1"


def test_nobody_hears_nothing() -> None:
    supervisor = Supervisor({"WATCHDOG_USEC": "1000000"})
    supervisor.ready()
    assert not supervisor.listens
    assert supervisor.watchdog is None


def test_one_who_is_gone_is_told_of_once_until_he_is_back(path: str) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": path})
    with capture_logs() as logs:
        supervisor.alive()
        supervisor.alive()
        with listening(path):
            supervisor.alive()
        supervisor.alive()
    assert [line["event"] for line in logs] == ["supervisor_not_told"] * 2


def test_one_who_does_not_read_holds_nothing_up(path: str) -> None:
    with listening(path), capture_logs() as logs:
        supervisor = Supervisor({"NOTIFY_SOCKET": path})
        for _ in range(100_000):
            supervisor.alive()
            if logs:
                break
    assert [line["event"] for line in logs] == ["supervisor_not_told"]


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_and_for_so_long(environ: dict[str, str], seconds: float | None) -> None:
    assert Supervisor({"NOTIFY_SOCKET": "@any", **environ}).watchdog == seconds
