"""A machine whose PID 1 is a real systemd: a Debian in a container of systemd-nspawn, with no network but loopback."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

#: Seconds.
PATIENCE = 300.0

#: Where the wheels of the lock are, in the machine.
WHEELS = "/wheels"

#: Where this tree is, in the machine; nothing there can be written.
TREE = "/root/order-sync"

#: How nspawn is called where no systemd is there to keep an account of machines.
ALONE = () if Path("/run/systemd/system").is_dir() else ("--register=no", "--keep-unit")

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "SYSTEMD_PAGER": "cat",
    # pip finds the wheels of the lock there, and asks no index.
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": WHEELS,
}


def debian(suite: str, directory: Path, prepare: str) -> Path:
    """A small Debian with systemd in which `prepare` was run, with the network. It is made once, and kept."""
    made = directory / suite
    if made.is_dir():
        return made
    building = directory / f"{suite}.building"
    shutil.rmtree(building, ignore_errors=True)
    building.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus", suite, building],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    subprocess.run(
        [
            *("systemd-nspawn", "--quiet", *ALONE, f"--directory={building}", "--resolv-conf=copy-host", "--as-pid2"),
            # RUNLEVEL: a service that is installed isn't started.
            *("--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=RUNLEVEL=1", "--pipe", "bash", "-euc", prepare),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return building.rename(made)


def wheels(root: Path, lock: Path, directory: Path) -> Path:
    """The wheels of a lock, for the Python of that root."""
    python = (root / "usr/bin/python3").readlink().name.removeprefix("python")
    kept = directory / f"wheels-{python}"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"),
            *("--only-binary=:all:", f"--python-version={python}", "--require-hashes", "-r", lock, "--dest", kept),
        ],
        check=True,
    )
    return kept


class Machine:
    """One that isn't running yet. What it writes is in `written`; the Debian and the tree stay as they are."""

    def __init__(self, root: Path, written: Path, log: Path, binds: Sequence[str]) -> None:
        self.written = written
        self._root = root
        self._log = log
        self._binds = binds
        self._leader = 0
        self._nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Start it, and wait until its systemd says that all is started."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, self._log.open("ab") as log:
            notified.bind(name := f"\0order-sync-boot-{os.getpid()}")
            notified.settimeout(PATIENCE)
            self._nspawn = subprocess.Popen(
                [
                    *("systemd-nspawn", "--quiet", *ALONE, f"--directory={self._root}", "--machine=order-sync"),
                    *("--private-network", "--link-journal=no", "--notify-ready=yes", *self._binds, "--boot"),
                ],
                # As a machine has it today: one hierarchy of control groups.
                env={**os.environ, "NOTIFY_SOCKET": f"@{name[1:]}", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            said = ""
            while "READY=1" not in said:
                said = notified.recv(4096).decode()
                if leader := re.search(r"^X_NSPAWN_LEADER_PID=(\d+)$", said, re.MULTILINE):
                    self._leader = int(leader[1])
        state = self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()
        assert state == "running", self.run("systemctl", "--failed").stdout

    def off(self) -> None:
        """Shut it down in order; at once, where it doesn't go."""
        if self._nspawn is None:
            return
        with suppress(subprocess.CalledProcessError):
            self.run("systemctl", "poweroff", "--no-block")
        try:
            self._nspawn.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn = None

    def run(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command there, as root in the tree. CalledProcessError, with a note of what it said, if it fails."""
        done = subprocess.run(
            [
                *("nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"),
                *("--root", f"--wdns={TREE}", "--", *command),
            ],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            error = subprocess.CalledProcessError(done.returncode, command)
            error.add_note(f"{done.stdout}{done.stderr}")
            raise error
        return done

    def shell(self, text: str) -> str:
        """What a block of shell prints. Its first command that fails ends it, as above."""
        return self.run("bash", "-euo", "pipefail", "-c", text).stdout.strip()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self.shell(f"mkdir -p {Path(path).parent}; cat > {path} <<'END'\n{text}\nEND\nchmod {mode:o} {path}")

    def unit(self, name: str, *properties: str) -> list[str]:
        """Properties of a unit, as `systemctl show` has them."""
        return [self.run("systemctl", "show", "--value", "--property", one, name).stdout.strip() for one in properties]

    def sql(self, text: str) -> str:
        """What a query says, as the database's superuser."""
        psql = ("runuser", "-u", "postgres", "--", "psql", "--quiet", "--no-psqlrc", "-At", "--dbname", "shop")
        return self.run(*psql, "--command", text).stdout.strip()

    def log_of(self, unit: str) -> str:
        return self.run("journalctl", "--quiet", "--output=cat", f"--unit={unit}").stdout


def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Ask until it holds; the seconds that it took. TimeoutError if it doesn't."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise TimeoutError
        time.sleep(0.2)
    return time.monotonic() - began


@contextmanager
def machine(root: Path, tree: Path, wheel_house: Path, directory: Path) -> Iterator[Machine]:
    """One that runs on a layer of its own over that Debian, and is gone at the end."""
    layer = directory / "machine"
    if (layer / "root").is_mount():  # one before was killed
        subprocess.run(["umount", layer / "root"], check=True)
    shutil.rmtree(layer, ignore_errors=True)
    for part in ("written", "work", "root"):
        (layer / part).mkdir(parents=True)
    layers = f"lowerdir={root},upperdir={layer}/written,workdir={layer}/work"
    binds = [f"--bind-ro={tree}:{TREE}:norbind", f"--bind-ro={wheel_house}:{WHEELS}"]
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, layer / "root"], check=True)
    it = Machine(layer / "root", layer / "written", directory / "boot.log", binds)
    try:
        it.boot()
        yield it
    finally:
        it.off()
        subprocess.run(["umount", layer / "root"], check=True)
        shutil.rmtree(layer)
