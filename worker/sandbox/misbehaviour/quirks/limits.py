"""Quirks in how the panel limits its callers. All their times are real."""

from collections.abc import Mapping

from worker.sandbox.misbehaviour.quirks.reply import OfPanel, Quirk
from worker.sandbox.panel.limits import Bans
from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.validate import ACTIONS
from worker.sandbox.values import rates, times_and_seconds


def limits_by_action(panel: Panel, value: Mapping[str, float] | None) -> None:
    """The panel takes only so many requests a second for these actions; more get HTTP 429. 0: none."""
    panel.limits.set_actions(value or {})


def ban_after_bad_keys(panel: Panel, value: tuple[int, float] | None) -> None:
    """After so many calls with a bad key, the caller's address gets HTTP 403 for so many seconds."""
    panel.limits.bans = Bans(*value) if value else None


def retry_after_date(panel: Panel, value: bool | None) -> None:
    """HTTP 429 has a date in Retry-After instead of seconds."""
    panel.limits.is_dated = bool(value)


def retry_after_absent(panel: Panel, value: bool | None) -> None:
    """HTTP 429 has no Retry-After."""
    panel.limits.is_silent = bool(value)


QUIRKS: Mapping[str, Quirk] = {
    "limits_by_action": OfPanel(limits_by_action, rates("ACTION:RATE,...", "status:0.5", ACTIONS)),
    "ban_after_bad_keys": OfPanel(ban_after_bad_keys, times_and_seconds("TIMES:SECONDS", "3:600")),
    "retry_after_date": OfPanel(retry_after_date),
    "retry_after_absent": OfPanel(retry_after_absent),
}
