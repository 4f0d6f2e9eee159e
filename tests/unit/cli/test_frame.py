"""Tests which command runs, and with which code it ends."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from worker import __version__, cli
from worker.__main__ import main
from worker.cli.frame.lazy import LazyGroup

HERE = Path(__file__).parent
NAMES = ("fine", "failing", "unset", "interrupted", "leaving")


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> click.Group:
    monkeypatch.syspath_prepend(str(HERE))
    targets = {name: (f"fake_commands:{name}", "") for name in NAMES}
    return LazyGroup("order-sync", targets=targets)


@pytest.mark.parametrize(
    ("command", "code", "out", "err"),
    [
        ("fine", 0, "fine\n", ""),
        ("failing", 1, "", "order-sync: the database is away\norder-sync: try again\n"),
        ("interrupted", 130, "", "\n"),
        ("leaving", 1, "", ""),
    ],
)
def test_how_a_command_ends(
    group: click.Group, capfd: pytest.CaptureFixture[str], command: str, code: int, *, out: str, err: str
) -> None:
    assert cli.execute(group, [command]) == code
    assert capfd.readouterr() == (out, err)


def test_wrong_settings_end_with_2_and_a_line_for_each(group: click.Group, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(group, ["unset"]) == 2
    said = capfd.readouterr().err.splitlines()
    assert [line.split(":")[:2] for line in said] == [
        ["order-sync", " ORDER_SYNC_DRAIN"],
        ["order-sync", " ORDER_SYNC_DATABASE_URL"],
        ["order-sync", " ORDER_SYNC_PANELS__DEFAULT__URL"],
    ]


@pytest.mark.parametrize("args", [["fine", "--nope"], ["fine", "more"], ["--nope"], ["nope"], []])
def test_wrong_usage_ends_with_2(group: click.Group, capfd: pytest.CaptureFixture[str], args: list[str]) -> None:
    assert cli.execute(group, args) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "Usage: order-sync" in err


def test_a_misspelt_command_is_put_right(group: click.Group, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(group, ["fien"]) == 2
    assert "No such command 'fien'. Did you mean 'fine'?" in capfd.readouterr().err
    assert cli.execute(group, ["xyzzy"]) == 2
    assert "Did you mean" not in capfd.readouterr().err


def test_only_the_command_that_is_called_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    group = LazyGroup(targets={"fine": ("fake_commands:fine", ""), "broken": ("no_such_module:broken", "")})
    assert cli.execute(group, ["fine"]) == 0
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        cli.execute(group, ["broken"])


def test_the_help_lists_commands_in_the_tables_order(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    group = LazyGroup(targets={name: (f"fake_commands:{name}", "Say a word.") for name in ("leaving", "fine")})
    assert cli.execute(group, ["--help"]) == 0
    out = capfd.readouterr().out
    assert "Say a word." in out
    assert out.index("leaving") < out.index("fine")


def test_every_command_of_the_table_has_a_module_of_its_own() -> None:
    assert set(cli.COMMANDS) >= {"migrate", "run", "demo", "sandbox", "check"}
    for name, (target, _) in cli.COMMANDS.items():
        assert target.startswith("worker.cli.")
        assert target.endswith(f":{name.replace('-', '_')}")


def python(*args: str, **options: object) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *(path for path in sys.path if path)])}
    return subprocess.Popen([sys.executable, *args], text=True, env=environment, **options)


def test_the_module_is_the_command_and_tells_its_version() -> None:
    with python("-m", "worker", "--version", stdout=subprocess.PIPE) as process:
        out, _ = process.communicate()
    assert (process.returncode, out) == (0, f"order-sync {__version__}\n")


CALL = """
import sys
from worker import cli
from worker.cli.frame.lazy import LazyGroup
name = sys.argv[1]
sys.exit(cli.execute(LazyGroup(targets={name: (f"fake_commands:{name}", "")}), [name]))
"""


def test_a_closed_pipe_is_no_news() -> None:
    with python("-c", CALL, "endless", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (1, "")


def test_an_interrupt_while_commands_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    half_imported = ModuleType("worker.cli")
    monkeypatch.setattr(half_imported, "__getattr__", interrupted, raising=False)
    monkeypatch.setitem(sys.modules, "worker.cli", half_imported)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130


def test_the_frame_itself_imports_no_heavy_package() -> None:
    with python("-c", "import sys, worker.cli; print(*sys.modules)", stdout=subprocess.PIPE) as process:
        out, _ = process.communicate()
    assert "worker.cli" in out.split()
    assert not {"pydantic", "aiohttp", "sqlalchemy", "psycopg", "rich", "structlog"} & set(out.split())
