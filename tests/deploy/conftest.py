"""A database laid out as deploy/postgres says, and a PgBouncer before it."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwuid
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import psycopg
import pytest

from worker.store.schema.migrate import migrate

DEPLOY = Path(__file__).parents[2] / "deploy"

ROLES = ("owner", "worker", "producer", "operator", "reader")


@dataclass(frozen=True)
class LaidOut:
    """A database with its roles. They belong to the whole server, so each test's have a name of their own."""

    superuser_url: str
    prefix: str

    def sql(self, name: str) -> str:
        """A script of deploy/postgres, about this database's roles."""
        text = (DEPLOY / "postgres" / name).read_text()
        return re.sub(rf"\border_sync_({'|'.join(ROLES)})\b", rf"{self.prefix}_\1", text)

    def url(self, role: str, through: str | None = None) -> str:
        """The address for a role; `through`: the query of a pooler's address."""
        parts = urlsplit(self.superuser_url)
        who = f"{self.prefix}_{role}"
        host = "" if through else parts.netloc.rpartition("@")[2]
        return f"postgresql://{who}:{who}@{host}{parts.path}?{through or parts.query}"


@pytest.fixture
def roles(empty_database_url: str) -> Iterator[LaidOut]:
    """An empty database whose roles are there."""
    it = LaidOut(empty_database_url, f"r{uuid4().hex[:12]}")
    with psycopg.connect(it.superuser_url, autocommit=True) as admin:
        admin.execute(it.sql("roles.sql"))
        for role in ROLES:
            admin.execute(f"ALTER ROLE {it.prefix}_{role} PASSWORD '{it.prefix}_{role}'")
        yield it
        for role in ROLES:
            admin.execute(f"DROP OWNED BY {it.prefix}_{role} CASCADE")
            admin.execute(f"DROP ROLE {it.prefix}_{role}")


@pytest.fixture
def laid_out(roles: LaidOut) -> LaidOut:
    """The same, migrated by its owner, with all rights granted."""
    migrate(roles.url("owner"))
    with psycopg.connect(roles.url("owner"), autocommit=True) as owner:
        owner.execute(roles.sql("grants.sql"))
    return roles


@contextmanager
def pgbouncer(laid_out: LaidOut, directory: Path, *more: str) -> Iterator[str]:
    """In transaction mode, with few connections to share. Yields the query of its address."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("pgbouncer isn't installed")
    parts = urlsplit(laid_out.superuser_url)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    with psycopg.connect(laid_out.superuser_url) as admin:
        (port,) = admin.execute("SHOW port").fetchone() or ()
    names = [f"{laid_out.prefix}_{role}" for role in ROLES]
    (directory / "users.txt").write_text("".join(f'"{name}" "{name}"\n' for name in names))
    settings = [
        "[databases]",
        f"* = host={host} port={port}",
        "[pgbouncer]",
        "pool_mode = transaction",
        "default_pool_size = 4",
        f"unix_socket_dir = {directory}",
        "listen_port = 6432",  # a part of the socket's name: nothing listens on a port
        "auth_type = plain",
        f"auth_file = {directory}/users.txt",
        *more,
    ]
    (directory / "pgbouncer.ini").write_text("\n".join(settings))
    command = [program, str(directory / "pgbouncer.ini")]
    own, data = getpwuid(directory.stat().st_uid).pw_name, Path(host)
    # Only the owner of an embedded server's socket gets in there; elsewhere anybody but root will do.
    user = data.owner() if data.is_absolute() else "nobody" if own == "root" else own
    if user != own:
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, user)
        command[1:1] = ["-u", user]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for_socket(directory / ".s.PGSQL.6432", process)
            yield f"host={quote(str(directory))}&port=6432"
        finally:
            process.terminate()


def wait_for_socket(path: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while True:
        with socket.socket(socket.AF_UNIX) as channel, suppress(OSError):
            channel.connect(str(path))
            return
        assert process.poll() is None, (path.parent / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def through_pgbouncer(laid_out: LaidOut, postgres_directory: Path) -> Iterator[str]:
    """The query of the address of a PgBouncer that nobody has configured for us."""
    with pgbouncer(laid_out, postgres_directory) as query:
        yield query
