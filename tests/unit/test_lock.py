"""The lock: versions and hashes, no addresses, and nothing of the project left out."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


LOCKS = ["requirements.txt", "requirements-tracing.txt", "requirements-dev.txt", "requirements-bench.txt"]


def normal(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


def extras_asked_for(by: str) -> dict[str, set[str]]:
    """Of each package that this one needs in any case. What isn't installed here asks for nothing."""
    try:
        needed = metadata.requires(by) or []
    except metadata.PackageNotFoundError:
        return {}
    found = [re.match(r"([\w.-]+)\[([^]]+)\]", one) for one in needed if "extra ==" not in one]
    return {normal(one[1]): set(re.split(r",\s*", one[2])) for one in found if one}


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
            assert re.fullmatch(
                r"[a-z0-9-]+(\[[a-z0-9, -]+\])?==\S+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+", line.rstrip()
            ), line

    def test_covers_the_project(self, lock: str) -> None:
        locked = {normal(line) for line in (ROOT / lock).read_text().splitlines() if "==" in line and line[0].isalnum()}
        assert wanted(lock) - locked == set()

    def test_names_the_extras_that_its_packages_ask_for(self, lock: str) -> None:
        """Else the pip of Python 3.11 takes the newest release of such a package, and has no hash for that."""
        lines = re.findall(r"^([a-z0-9-]+)(?:\[(.+)\])?==", (ROOT / lock).read_text(), re.MULTILINE)
        locked = {name: set(re.split(r",\s*", extras)) for name, extras in lines}
        for one in locked:
            for name, extras in extras_asked_for(one).items():
                assert extras <= locked.get(name, extras), (one, name)
