"""Tests when calls to a panel wait for its account to be checked, and what the check makes of the panel's answer."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from worker.domain.accounts import Account, Changed, Identity, Known, New
from worker.domain.orders.outcomes import Answered, NotSent, Reason, Refused
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.domain.orders.trouble import Pause, PauseReason, PauseScope
from worker.jobs.machinery import account as account_module
from worker.jobs.machinery.account import AccountCheck, has_placed
from worker.jobs.machinery.breaker import Breaker
from worker.store.shared.accounts import Accounts, FoundOut
from worker.store.shared.pauses import Paused, Pauses, Resumed, StandingPause

NOT_FOUND = ItemError(Reason.NOT_FOUND, "Incorrect order ID")
OURS = OrderReport("Completed")
NO_BATCHES = Refused(Reason.BAD_REQUEST, "Incorrect request")
HELD = Paused(PauseReason.OTHER_ACCOUNT, account_module.LOOK_AGAIN)
CHANGED = Changed(1, "https://before.example", None)


class Panel:
    """Has some orders, and takes many ids at once unless told otherwise. Keeps what it was asked about."""

    def __init__(self, *orders: str) -> None:
        self.orders = orders
        self.failure: Any = None
        self.takes_many = True
        self.asked: list[Sequence[str]] = []

    async def statuses(self, order_ids: Sequence[str]) -> Any:
        self.asked.append(order_ids)
        if self.failure or not self.takes_many:
            one = {order_ids[0]: ItemError(Reason.BAD_REQUEST, "Incorrect request", whole=True)}
            return self.failure or (NO_BATCHES if len(order_ids) > 1 else Answered(one))
        return Answered({order_id: OURS if order_id in self.orders else NOT_FOUND for order_id in order_ids})

    async def status(self, order_id: str) -> Any:
        self.asked.append(order_id)
        return self.failure or Answered(OURS if order_id in self.orders else NOT_FOUND)


class Table:
    """Stands for the database: what is noted of the account, the pauses, and whose turn it is to ask."""

    def __init__(self, found: Identity) -> None:
        self.found = found
        self.ids = ["503", "502", "501", "500"]
        self.former: dict[str, int] = {}
        self.noted: list[FoundOut | None] = []
        self.looks = 0
        self.pauses: list[Pause] = []
        self.standing_elsewhere: list[tuple[StandingPause, float]] = []

    async def identify(self, account: Account) -> Identity:
        self.looks += 1
        return self.found

    async def note(self, account: Account, found_out: FoundOut | None = None) -> Identity:
        before = self.found
        if found_out is not None or isinstance(before, New):
            self.noted.append(found_out)
            self.found = Known(1)
        return before

    async def newest_ids(self, at_most: int) -> list[str]:
        return self.ids[:at_most]

    async def open_orders_elsewhere(self, account: int, configured: object) -> dict[str, int]:
        return self.former

    async def standing(self) -> list[tuple[StandingPause, float]]:
        return self.standing_elsewhere

    async def begin(self, pause: Pause, *, probe: bool) -> bool:
        is_new = pause not in self.pauses
        self.pauses += [pause] if is_new else []
        return is_new

    async def end(self, scope: PauseScope, reasons: tuple[PauseReason, ...]) -> list[Resumed]:
        ended = [pause for pause in self.pauses if pause.scope is scope and pause.reason in reasons]
        self.pauses = [pause for pause in self.pauses if pause not in ended]
        return [Resumed(pause.reason, 1.0) for pause in ended]

    async def give_back_probe(self, scope: PauseScope, failed: PauseReason | None) -> None: ...


def check_of(table: Table, panel: Panel) -> AccountCheck:
    return AccountCheck(
        "shop",
        Account.at("https://now.example", "a-key"),
        accounts=cast("Accounts", table),
        client=panel,
        breaker=Breaker("shop", cast("Pauses", table)),
        configured={"shop"},
    )


async def at_once() -> None: ...


async def held_back(check: AccountCheck) -> Paused | None:
    return await check.held_back(at_once)


@pytest.mark.parametrize("found", [Known(1), New(None), New(1)])
async def test_a_known_and_a_new_account_hold_nothing_back(found: Identity) -> None:
    table, panel = Table(found), Panel()
    check = check_of(table, panel)
    with capture_logs() as logged:
        assert await held_back(check) is await held_back(check) is None
    assert (table.looks, panel.asked, logged) == (1, [], [])
    assert table.noted == ([None] if isinstance(found, New) else [])


@pytest.mark.parametrize(
    ("found", "orders", "warns"), [(New(1), 0, True), (New(1), 3, True), (Known(1), 3, True), (Known(1), 0, False)]
)
async def test_a_former_name_is_warned_of(found: Identity, orders: int, warns: bool) -> None:
    table = Table(found)
    table.former = {"before": orders}
    with capture_logs() as logged:
        assert await held_back(check_of(table, Panel())) is None
    told = {"panel": "shop", "former": ["before"], "orders": orders, "event": "panel_renamed", "log_level": "warning"}
    assert logged == ([told] if warns else [])


async def test_an_account_that_knows_an_order_is_the_same() -> None:
    table, panel = Table(CHANGED), Panel("500")
    check = check_of(table, panel)
    with capture_logs() as logged:
        assert await held_back(check) is None
    assert (panel.asked, table.noted, table.pauses) == ([table.ids], [FoundOut.SAME], [])
    assert logged == [
        {
            "panel": "shop",
            "address": "https://now.example",
            "address_before": "https://before.example",
            "event": "panel_moved",
            "log_level": "info",
        }
    ]


async def test_an_account_that_knows_none_pauses_the_panel() -> None:
    table, panel = Table(CHANGED), Panel("499")
    check = check_of(table, panel)
    assert await held_back(check) == HELD
    (pause,) = table.pauses
    assert (pause.scope, pause.reason, pause.first) == (PauseScope.ALL, PauseReason.OTHER_ACCOUNT, None)
    assert pause.detail.startswith(
        "its URL and KEY lead to another account, which doesn't know the 4 newest orders of "
    )
    assert pause.detail.endswith("type: order-sync accept-account shop")
    assert table.noted == []
    assert await held_back(check) == HELD  # and asks nobody so soon
    assert (table.looks, len(panel.asked)) == (1, 1)


async def test_it_goes_on_when_the_panel_knows_an_order_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_module, "LOOK_AGAIN", 0.0)
    monkeypatch.setattr(account_module, "ASK_AGAIN", 0.0)
    table, panel = Table(CHANGED), Panel()
    check = check_of(table, panel)
    assert await held_back(check) is not None
    panel.orders = ("503",)
    assert await held_back(check) is None
    assert table.pauses == []


async def test_it_goes_on_when_somebody_has_accepted_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_module, "LOOK_AGAIN", 0.0)
    table, panel = Table(CHANGED), Panel()
    check = check_of(table, panel)
    assert await held_back(check) is not None
    table.found = Known(1)
    assert await held_back(check) is None
    assert (table.pauses, len(panel.asked)) == ([], 1)


async def test_a_name_without_orders_may_lead_to_any_account() -> None:
    table, panel = Table(CHANGED), Panel()
    table.ids = []
    assert await held_back(check_of(table, panel)) is None
    assert (panel.asked, table.noted) == ([], [FoundOut.UNUSED])


async def test_while_the_panel_denies_the_orders_it_is_not_asked_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_module, "LOOK_AGAIN", 0.0)
    table, panel = Table(CHANGED), Panel()
    check = check_of(table, panel)
    for _ in range(3):
        assert await held_back(check) is not None
    assert (table.looks, len(panel.asked)) == (3, 1)


async def test_without_an_answer_nothing_is_decided_and_the_panel_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for wait in ("LOOK_AGAIN", "RETRY"):
        monkeypatch.setattr(account_module, wait, 0.0)
    table, panel = Table(CHANGED), Panel("500")
    panel.failure = NotSent("connection refused")
    check = check_of(table, panel)
    with capture_logs() as logged:
        assert await held_back(check) is not None
    assert (table.noted, table.pauses) == ([], [])
    assert [(line["event"], line["error"]) for line in logged] == [("account_not_checked", "connection refused")]
    panel.failure = None
    assert await held_back(check) is None


@pytest.mark.parametrize(
    ("scope", "reason", "lasts", "asks"),
    [
        (PauseScope.ALL, PauseReason.OUTAGE, 5.0, False),
        (PauseScope.ALL, PauseReason.OUTAGE, -1.0, True),
        (PauseScope.ADD, PauseReason.NOT_ENOUGH_FUNDS, 5.0, True),
        (PauseScope.ALL, PauseReason.OTHER_ACCOUNT, 1e9, True),
    ],
)
async def test_it_waits_for_the_end_of_other_pauses(
    scope: PauseScope, reason: PauseReason, lasts: float, asks: bool
) -> None:
    table, panel = Table(CHANGED), Panel("500")
    table.standing_elsewhere = [(StandingPause(scope, reason, None, cast("Any", None), None), lasts)]
    assert (await held_back(check_of(table, panel)) is None) is asks
    assert bool(panel.asked) is asks


async def test_a_doubt_has_the_account_checked_again() -> None:
    table, panel = Table(Known(1)), Panel()
    check = check_of(table, panel)
    assert await held_back(check) is None
    table.pauses = [Pause(PauseScope.ALL, PauseReason.OTHER_ACCOUNT, "another worker has other settings")]
    check.doubt()
    assert await held_back(check) is None
    assert (table.looks, table.pauses) == (2, [])


class TestPanelsThatTakeOneId:
    @pytest.mark.parametrize(("order", "has_one"), [("501", True), ("500", False)])
    async def test_are_asked_about_the_newest_few(self, order: str, has_one: bool) -> None:
        panel = Panel(order)
        panel.takes_many = False
        assert await has_placed(panel, ["503", "502", "501", "500"]) == Answered(has_one)
        assert panel.asked == [["503", "502", "501", "500"], "503", "502", "501"]

    async def test_of_one_order_are_asked_in_its_own_form(self) -> None:
        panel = Panel("503")
        panel.takes_many = False
        assert await has_placed(panel, ["503"]) == Answered(value=True)
        assert await has_placed(panel, ["504"]) == Answered(value=False)

    async def test_that_fail_meanwhile_tell_nothing(self) -> None:
        class Failing(Panel):
            async def status(self, order_id: str) -> Any:
                return NotSent("connection refused")

        panel = Failing("503")
        panel.takes_many = False
        assert await has_placed(panel, ["503"]) == NotSent("connection refused")
