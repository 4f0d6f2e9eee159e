"""Tests that the picture of `top` fits every terminal, and shows what the keys chose."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions

from worker.cli.draw.top import SORTS, Chosen, picture
from worker.domain.evidence.verdicts import Doubt
from worker.settings.model import ReconcileMode, ReconcileSettings
from worker.store.shared.pauses import StandingPause
from worker.store.views.overview import (
    BalanceStands,
    LivingWorker,
    Overview,
    PanelStands,
    UnconfirmedOrder,
)
from worker.store.views.recent import Rates, RecentError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOSTILE = "\x1b[2J\r\n\u202e中" + "x" * 300
SIZES = [(80, 24), (200, 50), (40, 10)]


def busy(panels: int, text: str = "low_balance") -> Overview:
    pause = StandingPause("add", text, text, NOW - timedelta(minutes=5), NOW + timedelta(seconds=20))
    return Overview(
        NOW,
        tuple(
            PanelStands(
                f"panel-{n:02}{text}",
                configured=True,
                pending=1_000_000 + n,
                oldest_pending_seconds=3600.0 * n,
                submitting=n,
                unconfirmed=panels - n,
                submitted=2_000_000,
                last_minute=Rates(sent=2650.4, finished=0.5),
                last_hour=Rates(sent=9_540_000.0, finished=9_000_000.0, rejected=3.0),
                balance=BalanceStands(Decimal("123456.78901"), "USD", NOW, 30.5 + n),
                pauses=[pause],
            )
            for n in range(panels)
        ),
        tuple(
            UnconfirmedOrder(n, f"panel-{n:02}{text}", NOW - timedelta(hours=1), 3600.0, "undecided", text, NOW)
            for n in range(20)
        ),
        tuple(RecentError(NOW, n, f"panel-{n:02}{text}", "rejected", "refused", text) for n in range(20)),
        (LivingWorker("1", f"host:1 {text}", NOW - timedelta(days=1), NOW),),
    )


def drawn(stands: Overview, chosen: Chosen, size: tuple[int, int], rules: ReconcileSettings | None = None) -> list[str]:
    width, height = size
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    shown = picture(stands, chosen, rules or ReconcileSettings(), ConsoleDimensions(width, height))
    with console.capture() as capture:
        console.print(shown)
    return capture.get().splitlines()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("panels", [0, 1, 3, 40])
@pytest.mark.parametrize("text", ["low_balance", HOSTILE], ids=["plain", "hostile"])
def test_it_fits(panels: int, text: str, size: tuple[int, int]) -> None:
    lines = drawn(busy(panels, text), Chosen(), size)
    assert len(lines) <= size[1]
    assert max(map(cell_len, lines)) <= size[0]
    assert all(c.isprintable() for line in lines for c in line)


def test_all_that_matters_is_seen_at_80_by_24() -> None:
    lines = drawn(busy(3), Chosen(), (80, 24))
    text = "\n".join(lines)
    for heading in ("PANEL", "OLDEST", "SUBMITTED", "SENT/M", "SENT/H", "DONE/H", "BALANCE"):
        assert heading in lines[1]
    assert "1.00M" in text
    assert "9.54M" in text
    assert "panel-00low_balance: paused for 5 min (orders only): low_balance" in text
    for section in ("PAUSED", "UNCONFIRMED", "LAST ERRORS", "WORKERS"):
        assert any(line.startswith(section) for line in lines)
    assert "quit" in lines[-1]


def test_panels_that_find_no_room_are_counted() -> None:
    assert any(line.startswith("and 32 more: p shows one") for line in drawn(busy(40), Chosen(), (80, 24)))


def test_one_panel_alone() -> None:
    panels = [panel.panel for panel in busy(3).panels]
    chosen = Chosen().after("p", panels).after("p", panels)
    assert chosen.panel == panels[1]
    text = "\n".join(drawn(busy(3), chosen, (200, 50)))
    assert panels[1] in text
    assert panels[0] not in text
    assert chosen.after("p", panels).after("p", panels).panel is None
    assert chosen.after("a", panels).panel is None
    assert chosen.after("p", []).panel is None
    assert chosen.after("x", panels) == chosen


@pytest.mark.parametrize("sort", SORTS)
def test_sorting(sort: str) -> None:
    stands = busy(3)
    shown = [panel.panel for panel in Chosen(sort).of(stands.panels)]
    expected = [panel.panel for panel in stands.panels]
    assert shown == (expected[::-1] if sort in {"waiting", "pending"} else expected)
    assert [panel.panel for panel in Chosen(sort, reverse=True).of(stands.panels)] in (shown[::-1], shown)


def test_the_key_for_sorting_goes_round() -> None:
    chosen = Chosen()
    seen = []
    for _ in SORTS:
        chosen = chosen.after("s", [])
        seen.append(chosen.sort)
    assert sorted(seen) == sorted(SORTS)
    assert chosen.sort == Chosen().sort
    assert chosen.after("r", []).reverse


def waits(
    verdict: str | None, doubt: str | None = None, due: float | None = None, *candidates: str, **more: Any
) -> str:
    """Returns what an unconfirmed order waits for, as the picture says."""
    known_from = None if due is None else NOW + timedelta(seconds=due)
    order = UnconfirmedOrder(42, "p", NOW, 0.0, verdict, doubt, known_from, candidates)
    stands = Overview(NOW, (PanelStands("p", configured=True),), (order,), (), ())
    (line,) = [line for line in drawn(stands, Chosen(), (120, 24), ReconcileSettings(**more)) if line.startswith("42 ")]
    return line.strip().removeprefix("42 (p) for 0 s: ")


def test_what_an_unconfirmed_order_waits_for() -> None:
    suggest, off = ReconcileMode.SUGGEST, ReconcileMode.OFF
    assert waits(None) == "examined soon"
    assert waits("linked", mode=suggest) == "waits for you: by the evidence, the panel took it"
    assert waits("absent", mode=suggest) == "waits for you: by the evidence, the panel didn't take it"
    assert waits(None, mode=off) == "waits for you, since ORDER_SYNC_RECONCILE__MODE is off"


@pytest.mark.parametrize("doubt", [Doubt.TOO_YOUNG, Doubt.NO_BOUNDS, Doubt.NOT_COVERED, Doubt.QUIET])
def test_what_an_order_waits_for_of_which_nothing_was_found(doubt: Doubt) -> None:
    assert waits("undecided", doubt, 90) == "nothing found; known in 1 min at the earliest"
    assert waits("undecided", doubt, -90).startswith("nothing found")
    assert "known" not in waits("undecided", doubt, -90)


def test_the_first_order_of_all_can_never_be_proven_absent() -> None:
    said = waits("undecided", Doubt.NO_BOUNDS)
    assert said == "nothing found, and no order before it is known: waits for you"
    assert waits("undecided", Doubt.NO_BOUNDS, None, "5") == (
        "5 may be it, or an order from before the first known one: waits for you"
    )


@pytest.mark.parametrize("doubt", Doubt)
def test_every_doubt_has_plain_words(doubt: Doubt) -> None:
    said = waits("undecided", doubt, -90, "5", "6", "7")
    assert doubt not in said
    assert "IDS" not in said


def test_what_an_order_waits_for_of_which_something_was_found() -> None:
    assert waits("undecided", Doubt.BOUGHT, 90, "5", "6", "7") == "the panel took it, as 5, 6 or 7: waits for you"
    assert waits("undecided", Doubt.AMBIGUOUS, 90) == "what answered may be it, or another order's"


def test_an_account_that_somebody_else_uses() -> None:
    panel = PanelStands("p", configured=True, shared_since=NOW - timedelta(hours=2))
    lines = drawn(Overview(NOW, (panel,), (), (), ()), Chosen(), (160, 24))
    at = [line.strip() for line in lines].index("SHARED ACCOUNT")
    assert lines[at + 1].strip() == (
        "p: somebody else orders on this account, known for 2 h 0 min; nothing is settled: "
        "order-sync orders disown --panel p"
    )


def test_trouble_is_told_beside_the_last_news() -> None:
    shown = picture(busy(1), Chosen(), ReconcileSettings(), ConsoleDimensions(80, 24), "no news: \x1bgone")
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture:
        console.print(shown)
    assert "no news: \\x1bgone" in capture.get().splitlines()[1]
