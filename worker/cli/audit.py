"""`order-sync audit`: explains each panel's balance, down to the orders that may have caused a difference."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.cli.draw.output import harmless, money, print_json, print_lines, timestamp
from worker.cli.draw.progress import show_progress
from worker.cli.frame.database import on_database
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import SINCE, json_option, nonblank, when
from worker.domain.amounts import Amount
from worker.domain.money.audit import Difference, Report
from worker.domain.money.audit import audit as compare
from worker.domain.money.causes import PossibleCause
from worker.domain.money.movements import Cause
from worker.settings.model import Settings, load
from worker.store.records.audit import Audits
from worker.store.records.balances import panels_read

#: The period may begin and end this much earlier or later, at the reading when the fewest movements were uncertain.
_ENDS = timedelta(hours=1)

#: Orders shown for one difference, at most.
_MOST_SHOWN = 8

_MOST_DIFFERENCES = 20

_NUMBER = 18


@click.command(epilog=examples("order-sync audit --panel default --since 2026-11-01 --until 2026-11-08"))
@click.option("--panel", type=nonblank, metavar="NAME", help="Only this panel.")
@click.option("--since", type=when, metavar="WHEN", default="7d", show_default=True, help=SINCE)
@click.option("--until", type=when, metavar="WHEN", default="0s", show_default="now", help="Until then (UTC).")
@json_option(
    "{panels: [{panel, missing, report}]}. `missing` is the amount that is certainly gone; amounts in a report are "
    "{low, high}. Both are null if the worker hasn't read the balance twice."
)
def audit(*, panel: str | None, since: datetime | timedelta, until: datetime | timedelta, as_json: bool) -> None:
    """Explain each panel's balance, and find missing money.

    It shows opening balance, charges, refunds, top-ups, closing balance, and the amount that nothing explains.

    It compares the readings of the balance with the record of each order. So it finds money that a panel took beyond
    its charges, didn't refund, or took for an order that isn't in the table.
    """
    settings = load(need_panels=False)
    reports = on_database(settings, lambda engine: _reports(engine, settings, panel, since, until))
    if as_json:
        print_json({"panels": [_stated(name, report) for name, report in reports.items()]}, settings)
    else:
        print_lines(_lines(reports, settings), settings)


def _stated(panel: str, report: Report | None) -> dict[str, object]:
    return {"panel": panel, "missing": None if report is None else report.certainly_missing, "report": report}


async def _reports(
    engine: AsyncEngine,
    settings: Settings,
    panel: str | None,
    since: datetime | timedelta,
    until: datetime | timedelta,
) -> dict[str, Report | None]:
    names = sorted({*settings.panels, *await panels_read(engine)}) if panel is None else [panel]
    return {name: await _report(Audits(engine, name, settle=settings.reconcile.settle), since, until) for name in names}


async def _report(audits: Audits, since: datetime | timedelta, until: datetime | timedelta) -> Report | None:
    now = await audits.now()
    begin, end = _at(since, now), _at(until, now)
    if end <= begin:
        raise click.BadParameter(f"it isn't before --until ({timestamp(end)} UTC)", param_hint="'--since'")
    show_progress("reading the record of all orders ...")
    try:
        material = await audits.material(begin, end)
        show_progress(f"comparing {len(material.histories):,} orders with {len(material.readings):,} readings ...")
        return compare(material.readings, material.histories, opening_within=_ENDS, closing_within=_ENDS)
    finally:
        show_progress("")


def _at(given: datetime | timedelta, now: datetime) -> datetime:
    return given if isinstance(given, datetime) else now - given


def _lines(reports: Mapping[str, Report | None], settings: Settings) -> Iterator[str]:
    if not reports:
        yield "No worker has read a balance yet, and no panel is configured here: start `order-sync run` first."
    for number, (name, report) in enumerate(reports.items()):
        if number:
            yield ""
        if report is None:
            yield f"panel {harmless(name)}: no worker read its balance twice in this time."
            yield f"A worker reads it every {settings.schedule.balance:g} s: try a longer time, with --since."
        else:
            yield f"panel {harmless(name)}, {report.readings} readings of its balance (times are UTC)"
            yield from report_lines(report)


def report_lines(report: Report) -> Iterator[str]:
    unit = report.currency
    yield ""
    yield _row("opening balance", Amount.of(report.opening.balance), timestamp(report.opening.at))
    yield _row("charges", -report.charges, _count(report.charged_orders, "order"))
    yield _row("refunds", report.refunds, _count(report.refunded_orders, "order"))
    yield _row("top-ups", report.top_ups, f"{_count(len(report.rises), 'rise')} that no refund explains")
    if report.spawning:
        yield _row("subscriptions", report.spawned, "or anything else, while they ran")
    yield _row("unexplained", report.unexplained, _count(len(report.falls), "fall"))
    yield _row("closing balance", Amount.of(report.closing.balance), timestamp(report.closing.at))
    yield ""
    yield _verdict(report)
    if report.doubtful:
        more = len(report.doubtful) - _MOST_SHOWN
        others = f" and {more} more" if more > 0 else ""
        yield f"Maybe taken by the panel: {', '.join(map(str, report.doubtful[:_MOST_SHOWN]))}{others}."
    for title, found in (
        ("Unexplained", report.falls),
        ("Top-ups, or refunds that no poll has seen yet", report.rises),
    ):
        if found:
            yield ""
            yield f"{title}:"
        for difference in _largest(found):
            yield from _difference(difference, unit)
        if suspects := [one.order_id for difference in found for one in difference.suspects if one.exact]:
            yield f"  the history of one: order-sync orders show {suspects[0]}"
        if len(found) > _MOST_DIFFERENCES:
            yield f"  and {len(found) - _MOST_DIFFERENCES} smaller ones: --json has them all"


def _largest(differences: Sequence[Difference]) -> list[Difference]:
    """Returns the largest differences, in the order of time."""
    found = sorted(differences, key=lambda one: -abs(one.amount.middle))[:_MOST_DIFFERENCES]
    return sorted(found, key=lambda one: one.until)


def _row(label: str, amount: Amount, note: str) -> str:
    return f"  {label:16}{_told(amount):>{_NUMBER}}  {note}".rstrip()


def _told(amount: Amount) -> str:
    shown = money(amount.middle)
    return shown if amount.is_exact else f"{shown} ±{money(amount.within)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _verdict(report: Report) -> str:
    unit, exactly = report.currency, report.slack == 0
    if report.certainly_missing:
        return f"{money(report.certainly_missing, unit)} or more is gone, and nothing explains it."
    return (
        "All is explained, to the last digit." if exactly else f"All is explained, within ±{money(report.slack, unit)}."
    )


def _difference(difference: Difference, currency: str | None) -> Iterator[str]:
    amount = difference.amount
    yield f"  {_told(amount)} {currency or ''}".rstrip() + (
        f", between {timestamp(difference.since)} and {timestamp(difference.until)}"
    )
    if amount.high > 0:
        return
    shown = ([one for one in difference.suspects if one.exact] or list(difference.suspects))[:_MOST_SHOWN]
    for suspect in shown:
        yield f"    order {suspect.order_id} {_why(suspect)}"
    if more := difference.suspected - len(shown):
        yield f"    {_count(more, 'other')} moved then: --json names them"
    if not difference.suspected:
        yield "    no order here moved then: search the panel for one that isn't in the table"


def _why(suspect: PossibleCause) -> str:
    stake = money(suspect.stake)
    if not suspect.exact:
        moved = "was given back" if suspect.cause is Cause.REFUND else "was charged"
        return f"{moved} {stake} then: check it on the panel"
    much = "just that much" if suspect.beside is None else f"with order {suspect.beside} just that much"
    return _EXACTLY[suspect.cause].format(stake, much)


_EXACTLY: Mapping[Cause, str] = {
    Cause.REFUND: "should have been given back {}, {}",
    Cause.DOUBT: "may have cost {}, {}",
    Cause.REFUTED: "was recorded as unsent, and would have cost {}, {}",
    Cause.CHARGE: "was charged {} then, {}: maybe twice",
    Cause.CLOSED: "had ended, and had cost {}, {}: maybe charged again",
}
