"""Draws the picture of `top`: the overview, as the keys chose it, in the size of the terminal."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.cli.draw.output import brief, compact, harmless, span, timestamp
from worker.cli.draw.overview import audited, balance, error, pause, shared, waits_for
from worker.settings.model import ReconcileSettings
from worker.store.views.overview import Overview, PanelStands

#: The width from which there is room for every column.
_WIDE = 150

#: Lines besides panels and sections: the title, the table's head, the footer, and a spare one.
_FRAME = 4

#: Amounts below `_EXACT` keep their decimals in a narrow terminal. Balances that last fewer hours than `_SOON` are red.
_EXACT = 100
_SOON = 24

T = TypeVar("T")

#: Sort keys of the panels, by name; numbers sort from the highest down.
SORTS: Mapping[str, Callable[[PanelStands], str | float]] = {
    "name": lambda panel: panel.panel,
    "waiting": lambda panel: -(panel.oldest_pending_seconds or 0.0),
    "pending": lambda panel: -panel.pending,
    "unconfirmed": lambda panel: -panel.unconfirmed,
    "submitted": lambda panel: -panel.submitted,
    "sent": lambda panel: -panel.last_hour.sent,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the keys chose. `panel` is the only panel shown; None shows all."""

    sort: str = "name"
    reverse: bool = False
    panel: str | None = None

    def after(self, key: str, panels: Sequence[str]) -> "Chosen":
        """Returns the choice after this key. A key without a meaning changes nothing."""
        match key:
            case "s":
                return replace(self, sort=_next(list(SORTS), self.sort))
            case "r":
                return replace(self, reverse=not self.reverse)
            case "p":
                return replace(self, panel=_next([None, *panels], self.panel))
            case "a":
                return replace(self, panel=None)
            case _:
                return self

    def of(self, panels: Iterable[PanelStands]) -> list[PanelStands]:
        """Returns the chosen panels in the chosen order."""
        shown = [panel for panel in panels if self.panel in {None, panel.panel}]
        return sorted(shown, key=SORTS[self.sort], reverse=self.reverse)


def _next(values: Sequence[T], value: T) -> T:
    return values[(values.index(value) + 1) % len(values)] if value in values else values[0]


def picture(
    stands: Overview, chosen: Chosen, rules: ReconcileSettings, size: ConsoleDimensions, trouble: str = ""
) -> RenderableType:
    """Returns the picture. `trouble` says why the overview couldn't be updated, if so."""
    panels = chosen.of(stands.panels)
    shown = panels[: max(size.height // 3, 1)]
    more = len(panels) - len(shown)
    sections = _sections(stands, {panel.panel for panel in panels}, rules)
    room = size.height - _FRAME - len(shown) - (more > 0) - bool(trouble)
    body = _fitted(sections, room)
    blank = [Text()] * max(room - len(body), 0)
    return Group(
        _title(stands),
        *([_line(harmless(trouble), "bold red")] if trouble else []),
        _table(shown, size.width),
        *([Text(f"and {more} more: p shows one, s sorts them", "dim")] if more else []),
        *body,
        *blank,
        _footer(chosen),
    )


def _title(stands: Overview) -> Text:
    workers = len(stands.workers)
    alive = f"{workers} worker{'' if workers == 1 else 's'}" if workers else "no worker is alive"
    title = _line(f"order-sync  {timestamp(stands.at)} UTC  ", "bold")
    title.append(alive, "green" if workers else "bold red")
    return title


def _table(panels: Sequence[PanelStands], width: int) -> Table:
    wide = width >= _WIDE
    heads = ["PENDING", "OLDEST", "SENDING", "UNCONF", "SUBMITTED", "SENT/M", "SENT/H"]
    heads += ["DONE/M", "DONE/H", "REJECTED/H", "UNCONF/H"] if wide else ["DONE/H"]
    gap, money = (2, 18) if wide else (1, 10)
    left = width - sum(len(head) + gap for head in heads) - money - gap - (5 + gap if wide else 0)
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="reverse")
    table.add_column("PANEL", no_wrap=True, max_width=max(left, 7))
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True, width=len(head))
    table.add_column("BALANCE", justify="right", no_wrap=True, max_width=money)
    if wide:
        table.add_column("LASTS", justify="right", no_wrap=True, width=5)
    for panel in panels:
        minute, hour = panel.last_minute, panel.last_hour
        table.add_row(
            Text(harmless(panel.panel), _style(panel)),
            compact(panel.pending),
            brief(panel.oldest_pending_seconds),
            compact(panel.submitting),
            Text(compact(panel.unconfirmed), "magenta" if panel.unconfirmed else ""),
            compact(panel.submitted),
            compact(minute.sent),
            compact(hour.sent),
            *([compact(minute.finished)] if wide else []),
            compact(hour.finished),
            *([compact(hour.rejected), compact(hour.unconfirmed)] if wide else []),
            *([balance(panel), _lasts(panel)] if wide else [_balance(panel)]),
        )
    return table


def _balance(panel: PanelStands) -> Text:
    """Returns the rounded amount and how long it lasts, in ten cells."""
    if panel.balance is None:
        return Text()
    amount = panel.balance.amount
    return Text(f"{amount:.2f}" if amount < _EXACT else compact(float(amount))).append(" ").append(_lasts(panel))


def _lasts(panel: PanelStands) -> Text:
    left = None if panel.balance is None else panel.balance.hours_left
    return Text() if left is None else Text(brief(left * 3600), "bold red" if left < _SOON else "")


def _style(panel: PanelStands) -> str:
    return "bold red" if panel.pauses or panel.shared_since else "yellow" if not panel.configured else "bold"


def _sections(stands: Overview, panels: set[str], rules: ReconcileSettings) -> list[list[Text]]:
    """Returns the sections, the most important first. The first line of each is its title."""
    halted = [
        _line(f"{harmless(panel.panel)}: {pause(one, stands.at)}")
        for panel in stands.panels
        if panel.panel in panels
        for one in panel.pauses
    ]
    shared_by = [
        _line(f"{harmless(panel.panel)}: {shared(panel, stands.at)}")
        for panel in stands.panels
        if panel.panel in panels and panel.shared_since is not None
    ]
    gone = [
        _line(f"{harmless(panel.panel)}: {audited(panel.audit, stands.at)}")
        for panel in stands.panels
        if panel.panel in panels and panel.audit is not None and panel.audit.missing
    ]
    doubtful = [
        _line(
            f"{order.order_id} ({harmless(order.panel)}) for {span(order.age_seconds)}: "
            f"{waits_for(order, stands.at, rules)}"
        )
        for order in stands.unconfirmed
        if order.panel in panels
    ]
    errors = [_line(error(one, stands.at)) for one in stands.errors if one.panel in panels]
    workers = [
        _line(f"{harmless(worker.name)}, since {span((stands.at - worker.started_at).total_seconds())}")
        for worker in stands.workers
    ]
    titled = {
        "PAUSED": halted,
        "SHARED ACCOUNT": shared_by,
        "MONEY IS MISSING": gone,
        "UNCONFIRMED  (order-sync orders show ID)": doubtful,
        "LAST ERRORS": errors,
        "WORKERS": workers,
    }
    if not stands.panels:
        return [[_line("No panel is configured here, and there is no order yet.")]]
    return [[_line(title, "bold"), *lines] for title, lines in titled.items() if lines]


def _fitted(sections: Sequence[Sequence[Text]], room: int) -> list[Text]:
    """Gives each section its share of the lines, and what others don't need. A blank line precedes each."""
    body: list[Text] = []
    for place, section in enumerate(sections):
        others = sections[place + 1 :]
        left = room - len(body)
        wanted = sum(len(other) + 1 for other in others)
        share = max(left - wanted, left // (len(others) + 1)) - 1
        if share >= min(len(section), 2):
            body += [Text(), *section[:share]]
    return body


def _footer(chosen: Chosen) -> Text:
    keys = {
        "q": "quit",
        "s": f"sort: {chosen.sort}",
        "r": "reverse",
        "p": f"panel: {'all' if chosen.panel is None else harmless(chosen.panel)}",
    }
    if chosen.panel is not None:
        keys["a"] = "all"
    footer = _line("")
    for key, meaning in keys.items():
        footer.append(f" {key} ", "reverse").append(f" {meaning}   ")
    return footer


def _line(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")
