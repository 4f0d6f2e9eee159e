"""The wheel by itself: what it holds, and that it migrates a database far from any checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest

from worker import __version__
from worker.store.schema.revision import head

CHECKOUT = Path(__file__).parents[3]


def run(*command: str | Path, cwd: Path, environment: Mapping[str, str] = os.environ) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, CHECKOUT]
    run(*build, cwd=directory)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with our dependencies beside it: the checkout isn't among them."""
    directory = tmp_path_factory.mktemp("installed")
    environment = directory / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=directory)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", environment]
    run(*pip, "install", "--no-index", "--no-deps", wheel, cwd=directory)
    (packages,) = environment.glob("lib/python*/site-packages")
    # A .pth file inside a directory that another one names isn't read, so no editable installation comes along.
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return environment


@pytest.fixture
def bare_environment(empty_database_url: str) -> dict[str, str]:
    """Nothing that leads Python back to the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ORDER_SYNC", "COV"))}
    return kept | {"ORDER_SYNC_DATABASE_URL": empty_database_url}


def test_it_holds_the_package_and_the_revisions_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    revisions = {path.name for path in (CHECKOUT / "migrations" / "versions").glob("*.py")}
    assert revisions
    assert names >= {f"worker/_migrations/versions/{name}" for name in revisions}
    assert names >= {"worker/_migrations/env.py", "worker/_migrations/script.py.mako", "worker/py.typed"}
    sources = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "worker").rglob("*.py")}
    assert names >= sources
    assert {Path(name).parts[0] for name in names} == {"worker", f"order_sync-{__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".toml", ".ini"))]


def test_it_migrates_an_empty_database(
    installed: Path, bare_environment: dict[str, str], empty_database_url: str, tmp_path: Path
) -> None:
    command = installed / "bin" / "order-sync"
    python = installed / "bin" / "python"
    where = run(python, "-c", "import worker; print(worker.__file__)", cwd=tmp_path, environment=bare_environment)
    assert Path(where.strip()).is_relative_to(installed)
    said = run(command, "migrate", cwd=tmp_path, environment=bare_environment)
    assert said == f"The schema went from nothing to {head()}.\n"
    said = run(python, "-m", "worker", "migrate", cwd=tmp_path, environment=bare_environment)
    assert said == f"The schema is at head already ({head()}).\n"
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (head(),)
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)


def test_it_says_its_version(installed: Path, bare_environment: dict[str, str], tmp_path: Path) -> None:
    command = [
        installed / "bin" / "python",
        "-c",
        "from importlib.metadata import version; print(version('order-sync'))",
    ]
    assert run(*command, cwd=tmp_path, environment=bare_environment).strip() == __version__
