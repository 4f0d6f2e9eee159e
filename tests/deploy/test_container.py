"""The image and the compose file of deploy/container. No engine is needed: what is looked at is what they say."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from tests.deploy.conftest import DEPLOY
from worker.cli.sandbox import sandbox
from worker.settings.model import Settings, load

CONTAINER = DEPLOY / "container"
DOCKERFILE = (CONTAINER / "Dockerfile").read_text()


def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]
    return services


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, CONTAINER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_all_that_is_copied_is_let_through() -> None:
    """And nothing else is: no key, no history, no tests."""
    ignored = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()
    }
    assert "*" in ignored
    assert copied == let_through
    assert all((DEPLOY.parent / name).exists() for name in copied)


def test_it_runs_as_nobody_with_nothing_to_build_with() -> None:
    last = DOCKERFILE[DOCKERFILE.rindex("\nFROM") :]
    assert re.search(r"^USER 65532:65532$", last, re.MULTILINE)
    assert last.index("pip uninstall") < last.index("USER")
    assert not re.search(r"\b(apt-get|gcc|install)\b", last)


def test_the_image_listens_where_its_health_check_asks() -> None:
    port = load({"ORDER_SYNC_LISTEN": ":9464"}, need_database=False, need_panels=False).listen
    assert port is not None
    assert "ORDER_SYNC_LISTEN=:9464" in DOCKERFILE
    assert f"http://127.0.0.1:{port.port}/healthz" in DOCKERFILE
    assert f"EXPOSE {port.port}" in DOCKERFILE


def test_what_compose_starts_can_be_started() -> None:
    services = compose()
    for name in ("worker", "migrate", "sandbox"):
        settings = load(services[name]["environment"])
        assert settings.panels["default"].url == "http://sandbox:8080/api/v2"
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert float(services["worker"]["stop_grace_period"].removesuffix("s")) > Settings().drain
    name, *arguments = services["sandbox"]["command"]
    assert name == "sandbox"
    with click.Context(sandbox) as context:
        sandbox.parse_args(context, arguments)
        assert context.params["host"] == "0.0.0.0"  # noqa: S104 - inside its own container
