"""What somebody would try who has got into the worker: run by its Python, in its place or, to compare, as plain root.

Prints, as JSON, for each attempt whether it worked. Each is made in a process of its own. Standard library alone.
"""

import ctypes
import json
import mmap
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWUSER = 0x10000000
_PTRACE_TRACEME = 0


def _call(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _write_and_run(place: str) -> None:
    with tempfile.TemporaryDirectory(dir=place) as ours:
        subprocess.run([shutil.copy("/usr/bin/true", ours)], check=True)


def _find_writable(place: str) -> None:
    """Whoever it is: the walls don't rest on the rights of files alone."""
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        raise PermissionError


def _set_user_id_bit() -> None:
    with tempfile.NamedTemporaryFile() as ours:
        Path(ours.name).chmod(0o4755)


def _become_root() -> None:
    os.setgroups([])
    os.setuid(0)


def _writable_code() -> None:
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


READ_ONLY = ("/etc", "/usr", "/usr/lib", "/opt", "/opt/order-sync/bin", "/var/lib", "/run", "/run/lock")
NOT_TO_RUN = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - nothing is kept there

ATTEMPTS: dict[str, Callable[[], object]] = {
    **{f"find {place} writable": partial(_find_writable, place) for place in READ_ONLY},
    **{f"run what it has written to {place}": partial(_write_and_run, place) for place in NOT_TO_RUN},
    "read the owner's password": Path("/etc/order-sync/credentials/migrate/database_url").read_text,
    "read a shop's password": Path("/etc/order-sync/credentials/producer_database_url").read_text,
    "read the worker's password where it is kept": Path("/etc/order-sync/credentials/worker/database_url").read_text,
    "read /etc/shadow": Path("/etc/shadow").read_text,
    "look into /root": lambda: list(Path("/root").iterdir()),
    "see other processes": Path("/proc/1/comm").read_text,
    "read more of /proc than processes": Path("/proc/meminfo").read_text,
    "map memory to write and to run": _writable_code,
    "make a file that runs as its owner": _set_user_id_bit,
    "be root": _become_root,
    "signal others": lambda: os.kill(1, 0),
    "make a namespace": lambda: _call(_libc.unshare(_CLONE_NEWUSER)),
    "trace": lambda: _call(_libc.ptrace(_PTRACE_TRACEME, 0, 0, 0)),
    "speak netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "see packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
}


def _works(attempt: Callable[[], object]) -> bool:
    if (child := os.fork()) == 0:
        try:
            attempt()
        except Exception:  # noqa: BLE001 - however it was refused
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    print(json.dumps({name: _works(attempt) for name, attempt in ATTEMPTS.items()}))  # noqa: T201 - it reports
