"""Runs `order-sync demo` as a newcomer does."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.commands.command import ended, line_with, order_sync, started
from worker.cli.demo.samples import Then, samples


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def directory() -> Iterator[Path]:
    """The directory for the demo's files. The path of pytest's own is too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="d-") as short:
        yield Path(short)


def left_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def elsewhere(directory: Path) -> dict[str, str]:
    """Sets the directory for its files, and settings of a real worker, which the demo must ignore."""
    return {"TMPDIR": str(directory), "DATABASE_URL": "postgresql://nowhere.invalid/db", "MISSPELT": "1"}


async def test_it_runs_to_its_summary_and_leaves_nothing(directory: Path) -> None:
    began = time.monotonic()
    end = await order_sync("demo", settings=elsewhere(directory))
    assert (end.code, end.err) == (0, ""), end.text
    assert time.monotonic() - began < 60
    assert f"\nBad rows  {len([one for one in samples() if one.refused])}, none of which cost anything:\n" in end.out
    taken = sum(not sample.refused and sample.then is not Then.CANCEL_PENDING for sample in samples())
    assert f"\nLedger    {taken} orders on the panel, and one row for each" in end.out
    assert left_in(directory) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_leaves_nothing(directory: Path, number: signal.Signals) -> None:
    async with started("demo", settings=elsewhere(directory)) as process:
        line = await line_with("Worker    process", process.stdout)
        worker = int(line.split()[2].rstrip(";"))
        assert is_running(worker)
        process.send_signal(number)
        end = await ended(process)
    assert end.code == 130
    assert "Traceback" not in end.text
    assert not is_running(worker)
    assert left_in(directory) == []
