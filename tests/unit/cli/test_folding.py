"""Tests that folding long lines loses no text and breaks no command."""

import io

import pytest
from rich.cells import cell_len

from worker.cli.draw.folding import fitting, folded

FINDING = "wrong  panel  ORDER_SYNC_PANELS__DEFAULT is wrong in every way; set it to what the panel says"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert fitting(FINDING, io.StringIO()) == FINDING
    assert fitting(FINDING, None) == FINDING
    assert fitting(FINDING, Terminal()) == folded(FINDING, 40) != FINDING


def test_it_goes_on_below_its_last_column() -> None:
    lines = folded(FINDING, 40).splitlines()
    assert lines[0] == "wrong  panel  ORDER_SYNC_PANELS__DEFAULT"
    assert all(line.startswith(" " * 14) for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == " ".join(FINDING.split())
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize(
    "text", ["short", "a  b", "", "  ", "no gap " * 30, "  x  " + "éé " * 60, "  x  " + "中国 " * 60]
)
def test_nothing_is_lost(text: str, width: int) -> None:
    lines = folded(text, width).split("\n")
    assert " ".join(text.split()) == " ".join(" ".join(lines).split())
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) == 1 or cell_len(text) > width


def test_what_fits_nowhere_stays_where_it_is() -> None:
    address = f"  link              https://example.com/{'a' * 80}"
    assert folded(address, 80) == address


def test_a_command_stays_whole() -> None:
    assert folded(f"Searched back to 2026. To go on: order-sync orders list {'x' * 80}", 80).startswith(
        "Searched back to 2026. To go on:\n  order-sync orders list xxx"
    )
    said = "and 55 more of them, which are in doubt: order-sync orders list --state unconfirmed"
    assert folded(said, 60).splitlines()[-1].strip() == "order-sync orders list --state unconfirmed"
    assert "`order-sync check`" in folded("No worker has read a balance, so start it; `order-sync check` says why", 58)
    assert folded("x " * 20 + "update order-sync and then try it again", 48).count("\n") == 1
