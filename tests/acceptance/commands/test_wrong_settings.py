"""Tests that a wrong setting gives one line, with advice."""

import socket
from pathlib import Path

import pytest

from tests.acceptance.commands.command import KEY, order_sync, shows_a_secret


@pytest.mark.parametrize("command", ["run", "check"])
async def test_a_misspelt_setting_is_named_with_a_suggestion(command: str, settings: dict[str, str]) -> None:
    misspelt = {**settings, "PANELS__DEFAULT__TIMEOT": "10"}
    ended = await order_sync(command, settings=misspelt)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err == (
        "order-sync: ORDER_SYNC_PANELS__DEFAULT__TIMEOT: there is no such setting; "
        "did you mean ORDER_SYNC_PANELS__DEFAULT__TIMEOUT?\n"
    )


@pytest.mark.parametrize("command", [["run"], ["migrate"]])
async def test_a_database_that_is_away_is_one_line(
    command: list[str], settings: dict[str, str], closed_port: int
) -> None:
    away = {**settings, "DATABASE_URL": f"postgresql://shop:p4ss-hush%2Fhush@127.0.0.1:{closed_port}/shop"}
    ended = await order_sync(*command, settings={**away, "LOG__LEVEL": "debug"})
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.startswith("order-sync: the database that ORDER_SYNC_DATABASE_URL names can't be used: ")
    assert "refused" in ended.err
    assert ended.err.count("\n") == 1
    assert not shows_a_secret(ended.err)


async def test_run_wants_a_migrated_schema_and_migrate_makes_it(
    settings: dict[str, str], empty_database_url: str
) -> None:
    empty = {**settings, "DATABASE_URL": empty_database_url}
    refused = await order_sync("run", settings=empty)
    assert refused.code == 1
    assert refused.err.startswith("order-sync: the database's schema is at nothing, and this version needs ")
    assert refused.err.endswith(": run `order-sync migrate` first\n")
    assert refused.err.count("\n") == 1

    assert (await order_sync("migrate", settings=empty)).code == 0
    assert (await order_sync("check", settings=empty)).code == 0


async def test_an_embedded_database_that_cannot_be_is_one_line(settings: dict[str, str], tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    ended = await order_sync("run", "--embedded", f"{file}/db", settings=settings)
    assert ended.code == 1
    assert ended.err == f"order-sync: can't keep a database in {file}/db: Not a directory\n"


async def test_a_second_worker_on_a_machine_is_told_to_listen_elsewhere(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = await order_sync("run", settings={**settings, "LISTEN": address})
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err == (
        f"order-sync: ORDER_SYNC_LISTEN: can't listen on {address}: address already in use; "
        "give each worker on a machine an address of its own, or leave it empty for none\n"
    )


async def test_a_sandbox_without_its_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = await order_sync("sandbox", "--port", port, "--key", KEY)
    assert ended.code == 1
    assert ended.out == ""
    assert f"can't listen on 127.0.0.1:{port}" in ended.err
    assert ended.err.count("\n") == 1
