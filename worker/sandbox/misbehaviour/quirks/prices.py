"""Quirks in prices: what the account really pays, and what the catalogue shows of it."""

from collections.abc import Mapping
from decimal import Decimal

from worker.sandbox.misbehaviour.quirks.reply import OfPanel, Quirk
from worker.sandbox.panel.panel import Panel
from worker.sandbox.values import amounts, factor, seconds, whole


def price_factor(panel: Panel, value: Decimal | None) -> None:
    """The account pays this many times the list's rates: below 1 it has a discount."""
    panel.book.prices.factor = Decimal(1) if value is None else value


def price_of(panel: Panel, value: Mapping[str, Decimal] | None) -> None:
    """The account has rates of its own for these services. No catalogue shows them."""
    panel.book.prices.own = dict(value or {})


def rates_drift(panel: Panel, value: int | None) -> None:
    """Every so many seconds on average, the rate of one service changes."""
    panel.drift.set(value)


def rates_shown_late(panel: Panel, value: float | None) -> None:
    """The catalogue shows a change of a rate only so many seconds later, or never."""
    panel.catalogue.lag = 0.0 if value is None else value


QUIRKS: Mapping[str, Quirk] = {
    "price_factor": OfPanel(price_factor, factor("0.9")),
    "price_of": OfPanel(price_of, amounts("SERVICE:RATE,...", "1:0.81")),
    "rates_drift": OfPanel(rates_drift, whole("SECONDS", 3600)),
    "rates_shown_late": OfPanel(rates_shown_late, seconds("never")),
}
