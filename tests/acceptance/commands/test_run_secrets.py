"""Tests that a worker's log at level debug shows no secret, even if every error of the panel repeats the key."""

import signal

import psycopg
import pytest

from tests.acceptance.commands.command import ended, line_with, shows_a_secret, started, with_password
from worker.sandbox import Sandbox


@pytest.mark.parametrize("quirks", [("error_echoes_key",), ("error_echoes_key", "error_http_500", "php_notice")])
async def test_neither_key_nor_password_is_seen(
    settings: dict[str, str], panel: Sandbox, database_url: str, quirks: tuple[str, ...]
) -> None:
    panel.quirks.on(*quirks)
    talkative = {
        **settings,
        "DATABASE_URL": with_password(database_url),
        "PANELS__DEFAULT__KEY": "wrong-hush",
        "LOG__LEVEL": "debug",
        "LOG__FORMAT": "json",
    }
    async with started("run", settings=talkative) as process:
        paused = await line_with("panel_paused", process.stderr)
        process.send_signal(signal.SIGTERM)
        end = await ended(process)
    assert end.code == 0
    assert "bad_key" in paused
    assert "[redacted]" in paused
    assert not shows_a_secret(paused + end.text)
    with psycopg.connect(database_url) as connection:
        assert not shows_a_secret(str(connection.execute("SELECT detail FROM pauses").fetchall()))
