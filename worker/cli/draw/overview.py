"""Texts that both `status` and `top` show."""

from collections.abc import Iterator
from datetime import datetime

from worker.cli.draw.evidence import disown_command, either
from worker.cli.draw.output import compact, harmless, money, span
from worker.domain.evidence.verdicts import Doubt
from worker.settings.model import ReconcileMode, ReconcileSettings
from worker.store.records.audit_results import LatestAudit
from worker.store.shared.abilities import Limit
from worker.store.shared.pauses import StandingPause
from worker.store.views.overview import BalanceStands, Overview, PanelStands, UnconfirmedOrder
from worker.store.views.recent import Rates, RecentError

_HOUR = 3600

#: What an order in doubt waits for, by doubt, where nothing was found that may be its own.
_NOTHING_FOUND: dict[str | None, str] = {
    Doubt.TOO_YOUNG: "nothing found so far",
    Doubt.NO_BOUNDS: "nothing found; waits for a later order",
    Doubt.NOT_COVERED: "nothing found so far; the worker still asks about some ids",
    Doubt.QUIET: "nothing found; waits for a later order, or a balance that adds up",
}

#: The same where something was found. IDS stands for the candidates.
_FOUND: dict[str | None, str] = {
    Doubt.NO_BOUNDS: "IDS may be it, or an order from before the first known one: waits for you",
    Doubt.AMBIGUOUS: "IDS may be it, or another order's",
    Doubt.BOUGHT: "the panel took it, as IDS: waits for you",
    Doubt.FITS_LOOSELY: "only IDS can be it, but nothing explains its charge yet",
    Doubt.MONEY_IS_GONE: "nothing found, but money is gone: waits for you",
    Doubt.MAYBE_SPAWNED: "IDS may be it, or a child order",
    Doubt.SHARED_ACCOUNT: "somebody else orders on this account: waits for you",
    Doubt.IDS_NOT_INCREASING: "the panel's ids prove nothing: waits for you",
}


def rates(counts: Rates) -> str:
    """Returns `12 sent, 3 finished`, and the numbers of rejected and unconfirmed orders that aren't 0."""
    counted = {"sent": counts.sent, "finished": counts.finished}
    counted |= {"rejected": counts.rejected} if counts.rejected else {}
    counted |= {"unconfirmed": counts.unconfirmed} if counts.unconfirmed else {}
    return ", ".join(f"{compact(number)} {what}" for what, number in counted.items())


def balance(panel: PanelStands) -> str:
    """Returns the latest balance, with its currency."""
    return money(panel.balance.amount, panel.balance.currency) if panel.balance else "not known"


def lasts(stands: BalanceStands) -> str:
    """Returns how long the balance lasts, as `5 h 10 min`; nothing if that isn't known."""
    return "" if stands.hours_left is None else span(stands.hours_left * _HOUR)


def audited(latest: LatestAudit, at: datetime) -> str:
    """Returns `audited until 5 h ago: all is explained`, or the missing amount and the command that explains it."""
    until = f"audited until {span((at - latest.closed_at).total_seconds())} ago"
    if not latest.missing:
        return f"{until}: all is explained"
    days = (at - latest.opened_at).days + 1
    return f"{until}: {money(latest.missing, latest.currency)} is missing: order-sync audit --since {days}d"


def waits_for(order: UnconfirmedOrder, at: datetime, rules: ReconcileSettings) -> str:
    """Returns what an unconfirmed order waits for, as of `at`: more evidence, or a person."""
    if rules.mode is ReconcileMode.OFF:
        return "waits for you, since ORDER_SYNC_RECONCILE__MODE is off"
    match order.verdict:
        case "linked":
            return "waits for you: by the evidence, the panel took it"
        case "absent":
            return "waits for you: by the evidence, the panel didn't take it"
        case None:
            return "examined soon"
        case _:
            return _doubt(order, at)


def _doubt(order: UnconfirmedOrder, at: datetime) -> str:
    if order.doubt in _NOTHING_FOUND and not order.candidates:
        if order.known_from is not None and order.known_from > at:
            return f"nothing found; known {_in(order.known_from, at)} at the earliest"
        first = order.doubt == Doubt.NO_BOUNDS and order.known_from is None
        return "nothing found, and no order before it is known: waits for you" if first else _NOTHING_FOUND[order.doubt]
    words = (_NOTHING_FOUND | _FOUND).get(order.doubt) or harmless(order.doubt or "in doubt")
    return words.replace("IDS", harmless(either(order.candidates), 80) or "what answered")


def shared(panel: PanelStands, at: datetime) -> str:
    """Returns since when somebody else orders on the account, and the command that says what is theirs."""
    if panel.shared_since is None:
        return ""
    ago = span((at - panel.shared_since).total_seconds())
    return f"somebody else orders on this account, known for {ago}; nothing is settled: {disown_command(panel.panel)}"


def _in(when: datetime, at: datetime) -> str:
    seconds = (when - at).total_seconds()
    return f"in {span(seconds)}" if seconds >= 1 else "now"


def pause(stands: StandingPause, at: datetime) -> str:
    """Returns `paused for 5 min (orders only): not_enough_funds, tries again in 20 s: Not enough funds`."""
    scope = "orders only" if stands.scope == "add" else "all calls"
    tries = f", tries again {_in(stands.until, at)}" if stands.until else ""
    detail = f": {harmless(stands.detail)}" if stands.detail else ""
    return f"paused for {span((at - stands.since).total_seconds())} ({scope}): {harmless(stands.reason)}{tries}{detail}"


def takes(limit: Limit) -> str:
    """Returns `takes one id at a time in calls of status`, or so many at most."""
    ids = "one id at a time" if limit.most_ids <= 1 else f"at most {limit.most_ids} ids"
    return f"takes {ids} in calls of {harmless(limit.action)}"


def error(recent: RecentError, at: datetime) -> str:
    """Returns `5 min ago: order 42 (default) rejected: link_refused: Bad link`."""
    why = ": ".join(word for word in (recent.error_code, recent.error) if word)
    ago = span((at - recent.at).total_seconds())
    return f"{ago} ago: order {recent.order_id} ({harmless(recent.panel)}) {harmless(recent.kind)}: {harmless(why)}"


def worker_lines(stands: Overview) -> Iterator[str]:
    """Yields a line for each worker that is alive."""
    if not stands.workers:
        yield "no worker is alive: start one with `order-sync run`"
    for worker in stands.workers:
        lived = span((stands.at - worker.started_at).total_seconds())
        yield f"worker {harmless(worker.name)} is alive, since {lived}"
