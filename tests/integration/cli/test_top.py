"""Tests that `order-sync top` follows keys and news, and restores the terminal."""

import pytest

from tests.acceptance.commands.command import order_sync
from tests.integration.cli.terminal import on_a_terminal
from tests.integration.store.plain_sql import Database

ALTERNATE_SCREEN, MAIN_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
HIDDEN_CURSOR, SHOWN_CURSOR = "\x1b[?25l", "\x1b[?25h"
ERASED = "\x1b[2J"


@pytest.fixture
def settings(database: Database) -> dict[str, str]:
    database.add_order(panel="first")
    return {"DATABASE_URL": database.url}


@pytest.mark.parametrize("key", [b"q", b"\x03"], ids=["q", "Ctrl-C"])
async def test_the_terminal_is_left_as_it_was(settings: dict[str, str], key: bytes) -> None:
    top = await on_a_terminal(["top"], settings, (b"first", key))
    assert (top.code, top.restored) == (0, True)
    assert "Traceback" not in top.said
    for begun, ended in ((ALTERNATE_SCREEN, MAIN_SCREEN), (HIDDEN_CURSOR, SHOWN_CURSOR)):
        assert top.said.index(begun) < top.said.index("first") <= top.said.rindex("first") < top.said.rindex(ended)


async def test_keys_change_the_picture_and_nothing_erases_it(database: Database, settings: dict[str, str]) -> None:
    database.add_order(panel="second")
    answers = ((b"panel: all", b"p"), (b"panel: first", b"p"), (b"panel: second", b"s"), (b"sort: waiting", b"q"))
    top = await on_a_terminal(["top", "--every", "3600"], settings, *answers)
    assert top.code == 0
    only_second = top.said.partition("panel: first")[2].partition("panel: second")[0]
    assert "second" in only_second
    assert "first" not in only_second
    assert ERASED not in top.said[top.said.index("first") :]


async def test_a_database_that_fails_is_told_and_asked_again(database: Database, settings: dict[str, str]) -> None:
    def spoil() -> bytes:
        database.execute("ALTER TABLE pauses RENAME TO elsewhere")
        return b""

    def mend() -> bytes:
        database.execute("ALTER TABLE elsewhere RENAME TO pauses")
        database.add_order(panel="late")
        return b""

    answers = ((b"first", spoil), (b'no news: relation "pauses"', mend), (b"late", b"q"))
    assert (await on_a_terminal(["top", "--every", "0.2"], settings, *answers)).code == 0


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
async def test_colours_where_they_are_welcome(
    settings: dict[str, str], environment: dict[str, str], *, coloured: bool
) -> None:
    top = await on_a_terminal(["top"], settings, (b"first", b"q"), environment=environment)
    assert ("\x1b[1;31m" in top.said) is coloured  # no worker is alive
    assert "no worker is alive" in top.said


async def test_without_a_terminal(settings: dict[str, str]) -> None:
    ended = await order_sync("top", settings=settings)
    assert (ended.code, ended.out) == (2, "")
    assert "`order-sync status`" in ended.err
