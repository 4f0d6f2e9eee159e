"""The units of deploy/systemd: what systemd says of them, how they agree with the worker, and their installation."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.conftest import DEPLOY
from worker.settings.model import Settings, load

SYSTEMD = DEPLOY / "systemd"
UNITS = ("order-sync.service", "order-sync@.service", "order-sync-migrate.service")
HARDENING = "10-hardening.conf"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze isn't installed")


def settings_of(unit: str) -> list[tuple[str, str]]:
    lines = (SYSTEMD / unit).read_text().splitlines()
    return [(name, value) for name, found, value in (line.partition("=") for line in lines) if found and name[0] != "#"]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Lays out the units with their drop-ins where systemd finds them. Their program exists."""
    assert run(tmp_path).returncode == 0
    units = tmp_path / "etc/systemd/system"
    for unit in UNITS:
        text = (units / unit).read_text()
        (units / unit).write_text(text.replace("/opt/order-sync/bin/order-sync", sys.executable))
    return units


@needs_systemd
def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    names = [str(installed / unit.replace("@", "@1")) for unit in UNITS]
    (installed / "order-sync@1.service").write_text((installed / "order-sync@.service").read_text())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_it_is_shut_in(installed: Path, unit: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", installed / unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level" in done.stdout


def test_instances_differ_in_nothing_but_name_and_port() -> None:
    one, many = settings_of("order-sync.service"), settings_of("order-sync@.service")
    assert {name for name, _ in set(one) ^ set(many)} == {"Description", "Environment"}
    assert set(one) - set(many) == {("Description", "order-sync, the worker between orders and panels")}
    assert ("Environment", "ORDER_SYNC_LISTEN=127.0.0.1:947%i") in many


def test_every_unit_gets_all_of_the_hardening_and_opens_none_of_it(installed: Path) -> None:
    hardening = {name for name, _ in settings_of(HARDENING)}
    for unit in UNITS:
        assert (installed / f"{unit}.d" / HARDENING).read_text() == (SYSTEMD / HARDENING).read_text()
        assert not hardening & {name for name, _ in settings_of(unit)}


def test_no_setting_opens_what_another_shuts() -> None:
    """As seen in mounts that systemd makes (`python -m tests.deploy.boot`), and in no word of systemd-analyze."""
    found = settings_of(HARDENING)
    assert ("ProtectSystem", "strict") in found
    # A path of its own is mounted as it was: writable, and whatever NoExecPaths= says of the one above.
    assert "ExecPaths" not in dict(found)
    assert {"/tmp", "/var/tmp"} <= set(dict(found)["NoExecPaths"].split())  # noqa: S108 - PrivateTmp= has these be such
    # ProtectProc= has /run be such too, and PrivateDevices= /dev.
    assert {"/run", "/dev/shm"} <= set(dict(found)["ReadOnlyPaths"].split())  # noqa: S108


def test_the_settings_that_it_is_given_can_be_used(tmp_path: Path) -> None:
    """The example's and the unit's own, with `%d` as the directory that systemd makes of LoadCredential=."""
    environ = dict(value.split("=", 1) for name, value in settings_of("order-sync@.service") if name == "Environment")
    for line in (SYSTEMD / "order-sync.env.example").read_text().splitlines():
        if re.match(r"#?ORDER_SYNC_", line):
            name, value = line.removeprefix("#").split("=", 1)
            environ[name] = value
    (tmp_path / "worker_database_url").write_text("postgresql://order_sync_worker:secret@db.example/shop\n")
    (tmp_path / "worker_panel_default_key").write_text("key\n")
    given = {name: value.replace("%d", str(tmp_path)).replace("%i", "3") for name, value in environ.items()}
    settings = load(given)
    assert settings.panels["default"].key.get_secret_value() == "key"
    assert settings.listen is not None
    assert settings.listen.port == 9473


def test_it_may_stop_as_long_as_it_drains() -> None:
    seconds = dict(settings_of("order-sync.service"))
    assert float(seconds["TimeoutStopSec"]) > Settings().drain
    assert seconds["RestartPreventExitStatus"] == "2"


def laid_out(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): f"{path.stat().st_mode & 0o777:o}" for path in root.rglob("*") if path.is_file()
    }


def run(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SYSTEMD / "install.sh", *arguments],
        env={"PATH": "/usr/bin:/bin", "DESTDIR": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_installing_and_removing_may_be_repeated(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 0
    first = laid_out(tmp_path)
    assert {f"etc/systemd/system/{unit}" for unit in UNITS} < first.keys()
    assert {f"etc/systemd/system/{unit}.d/{HARDENING}" for unit in UNITS} < first.keys()
    assert first["etc/order-sync/order-sync.env"] == "640"
    assert (tmp_path / "etc/order-sync/credentials/worker").stat().st_mode & 0o777 == 0o700

    own = tmp_path / "etc/order-sync/order-sync.env"
    own.write_text("ORDER_SYNC_DRAIN=20\n")
    (key := tmp_path / "etc/order-sync/credentials/worker/panel_default_key").write_text("key\n")
    (edit := tmp_path / "etc/systemd/system/order-sync.service.d/override.conf").write_text("[Service]\n")
    assert run(tmp_path, "install").returncode == 0
    assert laid_out(tmp_path).keys() == first.keys() | {str(path.relative_to(tmp_path)) for path in (key, edit)}
    assert own.read_text() == "ORDER_SYNC_DRAIN=20\n"

    for _ in range(2):
        assert run(tmp_path, "remove").returncode == 0
        assert laid_out(tmp_path).keys() == {str(path.relative_to(tmp_path)) for path in (own, key, edit)}
    assert run(tmp_path, "purge").returncode == 0
    assert laid_out(tmp_path) == {}


def test_another_word_is_told_what_there_is(tmp_path: Path) -> None:
    done = run(tmp_path, "uninstall")
    assert done.returncode == 2
    assert "install.sh purge" in done.stderr
    assert laid_out(tmp_path) == {}
