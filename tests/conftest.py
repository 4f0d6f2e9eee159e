"""One Postgres for a whole test run, and for each test a database of its own.

The run's processes share an embedded server. `ORDER_SYNC_TEST_POSTGRES`, the `postgresql://` address of a superuser on
a running one, has that used instead. A test that kills Postgres makes its own with `embedded_postgres` in
`postgres_directory`.
"""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from tests.databases import new_database
from worker.store.schema.embedded import embedded_postgres

RUN = pytest.StashKey[str]()

# That a machine is busy is no finding.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    # A shell has its background jobs ignore Ctrl-C, nohup a hang-up; and so would everything that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # A worker of pytest-xdist is told the name of the run; whoever has none begins it.
    config.stash[RUN] = (
        getattr(config, "workerinput", {}).get("order_sync_run") or f"order_sync_test_{uuid4().hex[:12]}"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["order_sync_run"] = node.config.stash[RUN]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Whatever became of the run's processes, their server and databases go."""
    if hasattr(config, "workerinput"):
        return
    run = config.stash.get(RUN, None)
    if run is None:
        return
    if external := os.environ.get("ORDER_SYNC_TEST_POSTGRES"):
        with psycopg.connect(external, autocommit=True) as admin:
            names = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{run}%"]).fetchall()
            for (name,) in names:
                admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        return
    directory = server_directory(run)
    if (directory / "data" / "postmaster.pid").exists():
        with embedded_postgres(directory):
            pass  # the last one out stops it
    shutil.rmtree(directory, ignore_errors=True)


def server_directory(run: str) -> Path:
    return Path(tempfile.gettempdir()) / run


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[str]:
    """The address of the run's server, as a superuser."""
    with ExitStack() as stack:
        url = os.environ.get("ORDER_SYNC_TEST_POSTGRES")
        if not url:
            url = stack.enter_context(embedded_postgres(server_directory(pytestconfig.stash[RUN])))
            with psycopg.connect(url, autocommit=True) as admin:
                # Nothing of it has to outlive the machine.
                admin.execute("ALTER SYSTEM SET fsync = off")
                admin.execute("ALTER SYSTEM SET full_page_writes = off")
                admin.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture(scope="session")
def template_database(postgres: str, pytestconfig: pytest.Config) -> str:
    """The name of a migrated database, made once in a run."""
    from worker.store.schema.migrate import migrate

    template = f"{pytestconfig.stash[RUN]}_template"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [template])
        known = admin.execute("SELECT FROM pg_database WHERE datname = %s", [template]).fetchone()
        if known is None:
            with new_database(postgres, f"{template}_unfinished") as url:
                migrate(url)
                admin.execute(f"ALTER DATABASE {template}_unfinished RENAME TO {template}")
            admin.execute(f"ALTER DATABASE {template} ALLOW_CONNECTIONS false")
    return template


@pytest.fixture
def database_url(postgres: str, template_database: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with new_database(postgres, f"{template_database}_{uuid4().hex[:12]}", template_database) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: str, pytestconfig: pytest.Config) -> Iterator[str]:
    """A database of the test's own with nothing in it."""
    with new_database(postgres, f"{pytestconfig.stash[RUN]}_{uuid4().hex[:12]}") as url:
        yield url


@pytest.fixture
def postgres_directory(pytestconfig: pytest.Config) -> Iterator[Path]:
    """A directory for a server of the test's own.

    Not under `tmp_path`, which pytest closes to other users at any time: for root, the server is another user.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"{pytestconfig.stash[RUN]}_"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine on which nobody listens, and nobody else can meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
