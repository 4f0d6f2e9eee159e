"""What is told of a database before work begins, and what never is."""

import socket
import struct
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import make_url

from worker.store.db.engine import connection_to
from worker.store.db.errors import DatabaseUnreachableError
from worker.store.schema.migrate import migrate
from worker.store.schema.preflight import OLDEST, inspect
from worker.store.schema.revision import head

PASSWORD = "s3cret-of-the-shop"


def test_a_database_at_head(database_url: str) -> None:
    report = inspect(database_url)
    assert (report.revision, report.needed, report.is_at_head) == (head(), head(), True)
    assert report.version_number >= OLDEST
    assert report.version.startswith(str(report.version_number // 10_000))
    assert abs(report.clock_difference) < 5


def test_a_database_that_was_never_migrated(empty_database_url: str) -> None:
    report = inspect(empty_database_url)
    assert (report.revision, report.needed, report.is_at_head) == (None, head(), False)


def words_of(url: str) -> str:
    """What the error says; its whole trace must be fit to be shown too."""
    with pytest.raises(DatabaseUnreachableError) as unreachable:
        inspect(url)
    assert PASSWORD not in "".join(traceback.format_exception(unreachable.value))
    return str(unreachable.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_where_nobody_listens(host: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it, and it refuses
        port = taken.getsockname()[1]
        words = words_of(f"postgresql://shop:{PASSWORD}@{host}:{port}/orders")
    assert "Connection refused" in words
    assert "\n" not in words


def test_a_host_that_does_not_exist() -> None:
    assert "no-such-host.invalid" in words_of(f"postgresql://shop:{PASSWORD}@no-such-host.invalid/orders")


def test_a_database_that_does_not_exist(postgres: str) -> None:
    url = make_url(postgres).set(database="nowhere", password=PASSWORD).render_as_string(hide_password=False)
    assert 'database "nowhere" does not exist' in words_of(url)


def test_a_wrong_password() -> None:
    with server_that_refuses_the_password() as port:
        words = words_of(f"postgresql://shop:{PASSWORD}@127.0.0.1:{port}/orders")
    assert 'password authentication failed for user "shop"' in words


@contextmanager
def server_that_refuses_the_password() -> Iterator[int]:
    """Just enough of Postgres' protocol to ask for a password and to refuse it."""

    def serve() -> None:
        with server, server.accept()[0] as client:
            while struct.unpack("!II", client.recv(8)) in {(8, 80877103), (8, 80877104)}:
                client.sendall(b"N")  # neither TLS nor GSSAPI
            client.recv(4096)
            client.sendall(b"R" + struct.pack("!II", 8, 3))
            client.recv(4096)
            fields = b'SFATAL\0C28P01\0Mpassword authentication failed for user "shop"\0\0'
            client.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=30)


def test_migrate_and_commands_say_it_in_the_same_way(empty_database_url: str) -> None:
    nowhere = make_url(empty_database_url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(DatabaseUnreachableError, match="does not exist"):
        migrate(nowhere)
    with pytest.raises(DatabaseUnreachableError, match="does not exist"), connection_to(nowhere):
        pass
