"""Tests curves of block characters."""

from decimal import Decimal

import pytest

from worker.cli.draw.plot import can_plot, plot


def drawn(values, height=2):
    return list(plot([None if value is None else Decimal(value) for value in values], height))


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ([0, 8, 16, None, 12], ["16   █ ▄", " 0  ██ █"]),
        ([16, 15], ["16 █▇", " 0 ██"]),
        (["16.00499", 15], ["16 █▇", " 0 ██"]),
        ([-8, 8], [" 8  █", "-8  █"]),
        ([5], ["5 █", "0 █"]),
        ([0], ["0 █", "0 █"]),
        ([], []),
        ([None], []),
    ],
)
def test_a_curve(values, lines):
    assert [line.strip() for line in drawn(values)] == [line.strip() for line in lines]


@pytest.mark.parametrize(
    ("encoding", "can"), [("utf-8", True), ("ascii", False), ("latin-1", False), (None, False), ("odd", False)]
)
def test_blocks_need_an_encoding(encoding, can):
    assert can_plot(encoding) is can
