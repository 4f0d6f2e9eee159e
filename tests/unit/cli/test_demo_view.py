"""Tests what the demo shows in a terminal, and elsewhere."""

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from worker.cli.demo import view as demo_view
from worker.cli.demo.shop import Event, Snapshot
from worker.cli.demo.view import view
from worker.domain.orders.states import CancelState, OrderState, RefillState

SNAPSHOT = Snapshot(
    orders={OrderState.COMPLETED: 5, OrderState.PENDING: 40},
    refills={RefillState.SUBMITTED: 2},
    cancels={},
    latest=(Event("12:00:01", "package", "status", "completed", "Completed", Decimal("4.50000000"), 0),),
    balance=Decimal("99.50000"),
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The fake time. A test changes its only entry to let time pass."""
    now = [100.0]
    monkeypatch.setattr(demo_view.time, "monotonic", lambda: now[0])
    return now


def test_elsewhere_there_is_a_line_a_second_where_something_is_new(clock: list[float]) -> None:
    out = io.StringIO()
    with view(Console(file=out)) as show:
        for clock[0] in (100.0, 101.0, 101.5, 102.0):
            show(SNAPSHOT)
        for clock[0] in (102.1, 102.2):
            show(replace(SNAPSHOT, cancels={CancelState.ACCEPTED: 1}))
        clock[0] = 102.5
        show(replace(SNAPSHOT, balance=None))
    assert out.getvalue().splitlines() == [
        "  1.0 s  orders: 40 pending, 5 completed; refills: 2 submitted; balance: 99.50000",
        "  2.1 s  orders: 40 pending, 5 completed; refills: 2 submitted; cancels: 1 accepted; balance: 99.50000",
    ]


def test_in_a_terminal_there_is_a_picture_that_goes() -> None:
    out = io.StringIO()
    with view(Console(file=out, force_terminal=True, width=100, color_system=None)) as show:
        show(SNAPSHOT)
        shown = out.getvalue()
    assert "refills  2 submitted" in shown
    assert "balance  99.50000" in shown
    assert [line.split() for line in shown.splitlines() if "package" in line] == [
        ["12:00:01", "package", "completed", "Completed", "0", "4.5"]
    ]
    bars = {line.split()[0]: line.count("█") for line in shown.splitlines() if line.split()[1:2] in (["40"], ["5"])}
    assert bars == {"pending": 36, "completed": 5}
    assert "\x1b[2K" in out.getvalue()[len(shown) :]  # erases a line


@pytest.mark.parametrize(("height", "changes"), [(10, 0), (20, 2), (24, 6), (60, 12)])
def test_a_low_terminal_sees_fewer_changes_and_all_else(height: int, changes: int) -> None:
    out = io.StringIO()
    many = replace(SNAPSHOT, latest=SNAPSHOT.latest * 12)
    with view(Console(file=out, force_terminal=True, width=100, height=height, color_system=None)) as show:
        show(many)
        shown = out.getvalue()
    assert shown.count("package") == changes
    assert "pending" in shown


@pytest.mark.parametrize(
    ("different", "over"),
    [
        ({}, True),
        ({"orders": {OrderState.UNCONFIRMED: 1}}, False),
        ({"refills": {RefillState.SUBMITTED: 1}}, False),
        ({"cancels": {CancelState.PENDING: 1}}, False),
    ],
)
def test_it_is_over_when_all_is_at_its_end(different: dict[str, object], *, over: bool) -> None:
    done = Snapshot(
        {OrderState.COMPLETED: 1, OrderState.REJECTED: 1},
        {RefillState.REJECTED: 1},
        {CancelState.ACCEPTED: 1},
        (),
        None,
    )
    assert replace(done, **different).is_over is over  # type: ignore[arg-type]  # each test gives what belongs there
