"""Shows the demo: as a live table in a terminal, or as a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from worker.cli.demo.shop import Event, Snapshot
from worker.domain.orders.states import OrderState

#: Seconds between two lines.
_LINE_EVERY = 1.0

_BAR_WIDTH = 40

#: Lines of the picture besides the latest changes.
_OTHER_LINES = 18

_STYLES: Mapping[OrderState, str] = {
    OrderState.PENDING: "white",
    OrderState.SUBMITTING: "yellow",
    OrderState.UNCONFIRMED: "magenta",
    OrderState.SUBMITTED: "cyan",
    OrderState.COMPLETED: "green",
    OrderState.PARTIAL: "yellow",
    OrderState.CANCELED: "bright_black",
    OrderState.REJECTED: "red",
}

Show = Callable[[Snapshot], None]


@contextmanager
def view(console: Console) -> Iterator[Show]:
    """Yields a function that shows a snapshot. In a terminal, the picture disappears after the block."""
    if console.is_terminal and not console.is_dumb_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda snapshot: live.update(picture(snapshot, console.height - _OTHER_LINES), refresh=True)
    else:
        yield _Lines(console)


class _Lines:
    """Prints a line for a snapshot with news, at most one a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = self._last_at = time.monotonic()
        self._last = ""

    def __call__(self, snapshot: Snapshot) -> None:
        now, line = time.monotonic(), summary_line(snapshot)
        if line != self._last and now - self._last_at >= _LINE_EVERY:
            self._console.print(f"{now - self._began:5.1f} s  {line}", soft_wrap=True)
            self._last_at, self._last = now, line


def summary_line(snapshot: Snapshot) -> str:
    """Returns `orders: 3 pending, 40 submitted; refills: 1 completed; ...`."""
    parts = [f"{name}: {counts(found)}" for name, found in _requests(snapshot) if found]
    return "; ".join([f"orders: {counts(snapshot.orders)}", *parts, f"balance: {_balance(snapshot)}"])


def counts(by_state: Mapping[OrderState, int] | Mapping[str, int]) -> str:
    """Returns `3 pending, 40 submitted`, in the order in which orders pass the states."""
    found = {str(state): number for state, number in by_state.items()}
    order = [str(state) for state in OrderState]
    ranked = sorted(found, key=lambda state: order.index(state) if state in order else 0)
    return ", ".join(f"{found[state]} {state}" for state in ranked) or "none"


def picture(snapshot: Snapshot, latest: int) -> Group:
    """Returns the picture: orders by state with bars, refills, cancels, the balance, and the latest changes."""
    total = sum(snapshot.orders.values()) or 1
    states = Table("order", "rows", "", box=None, header_style="bold", padding=(0, 2))
    for state, style in _STYLES.items():
        rows = snapshot.orders.get(state, 0)
        bar = "█" * -(-rows * _BAR_WIDTH // total)
        states.add_row(Text(state, style), Text(str(rows), justify="right"), Text(bar, style))
    below = [Text(f"  {name}  {counts(found)}") for name, found in _requests(snapshot)]
    below.append(Text(f"  balance  {_balance(snapshot)}\n"))
    return Group(Text(), states, Text(), *below, _latest(snapshot.latest[: max(latest, 0)]), Text())


def _requests(snapshot: Snapshot) -> list[tuple[str, Mapping[str, int]]]:
    return [
        ("refills", {str(state): rows for state, rows in snapshot.refills.items()}),
        ("cancels", {str(state): rows for state, rows in snapshot.cancels.items()}),
    ]


def _balance(snapshot: Snapshot) -> str:
    return "not known yet" if snapshot.balance is None else f"{snapshot.balance:f}"


def _latest(events: tuple[Event, ...]) -> Table:
    table = Table("latest", "", "", "panel's word", "remains", "charge", box=None, header_style="bold", padding=(0, 2))
    for event in events:
        table.add_row(
            event.at,
            event.reference,
            Text(event.state, _STYLES[OrderState(event.state)]),
            event.panel_status or "",
            "" if event.remains is None else str(event.remains),
            "" if event.charge is None else f"{event.charge.normalize():f}",
        )
    return table
