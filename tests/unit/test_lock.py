"""The lock: versions and hashes, no addresses, and nothing of the project left out."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


LOCKS = ["requirements.txt", "requirements-tracing.txt", "requirements-dev.txt", "requirements-bench.txt"]


def normal(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


def wanted(lock: str) -> set[str]:
    groups = PROJECT["dependency-groups"]
    extras = PROJECT["project"]["optional-dependencies"]
    direct = PROJECT["project"]["dependencies"] + extras["embedded"] + groups["install"]
    group = lock.removeprefix("requirements").removesuffix(".txt").removeprefix("-")
    if group in {"tracing", "dev"}:
        direct += extras["tracing"]
    direct += [one for one in groups.get(group, []) if isinstance(one, str)]
    return {normal(one) for one in direct + PROJECT["build-system"]["requires"]}


@pytest.mark.parametrize("lock", LOCKS)
class TestLock:
    def test_holds_no_address(self, lock: str) -> None:
        text = (ROOT / lock).read_text()
        assert "://" not in text
        assert not re.search(r"^\s*-", text.replace("    --hash=sha256:", ""), re.MULTILINE)

    def test_pins_each_package_with_its_hashes(self, lock: str) -> None:
        text = (ROOT / lock).read_text().replace("\\\n", "")
        for line in filter(lambda line: not line.startswith("#"), text.splitlines()):
            assert re.fullmatch(r"[a-z0-9-]+==\S+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+", line.rstrip()), line

    def test_covers_the_project(self, lock: str) -> None:
        locked = {normal(line) for line in (ROOT / lock).read_text().splitlines() if "==" in line and line[0].isalnum()}
        assert wanted(lock) - locked == set()
