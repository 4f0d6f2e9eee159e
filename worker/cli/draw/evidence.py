"""Says in plain words what evidence knows of an unconfirmed order, and what it waits for."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from worker.cli.draw.output import harmless, money, timestamp
from worker.domain.evidence.owners import WhyNot
from worker.domain.evidence.progress import TAKEN
from worker.domain.evidence.verdicts import Doubt
from worker.store.views.order_history import OrderHistory

#: What each doubt means, and what the order waits for.
_DOUBTS: Mapping[str, tuple[str, str]] = {
    Doubt.TOO_YOUNG: (
        "Nothing that answered can be this order, but the panel may still take it, or show it.",
        "The worker asks again and again.",
    ),
    Doubt.NO_BOUNDS: (
        "No known order before it, or none after it, bounds its id.",
        "It waits for a later order that the panel takes; without one before it, it can't be proven absent.",
    ),
    Doubt.NOT_COVERED: (
        "Nothing that answered can be this order so far, and some ids weren't denied late enough.",
        "The worker still asks about these.",
    ),
    Doubt.QUIET: (
        "Nothing that answered can be this order, and no later order is known.",
        "It waits for a later order that the panel takes, or for a balance that is exactly what known orders left.",
    ),
    Doubt.AMBIGUOUS: (
        "What answered may be this order, and may be another one that is in doubt or being sent.",
        "It waits until the others are settled, or a later order tells the price. Lost lookalikes may wait for you.",
    ),
    Doubt.BOUGHT: (
        "The panel took it for certain, but nothing says under which of these ids. Never have it sent again.",
        "It waits for you: compare the links in the panel's own list of orders.",
    ),
    Doubt.FITS_LOOSELY: (
        "A panel order can only be this one, but nothing explains its charge yet.",
        "It waits for a reading of the catalogue, or for later orders that show the price.",
    ),
    Doubt.MONEY_IS_GONE: (
        "Nothing answered, but the account lost more money than all other orders can have cost.",
        "It waits for you: `order-sync audit` tells where the money may have gone.",
    ),
    Doubt.MAYBE_SPAWNED: (
        "What answered may be this order, and may be a child order of a drip-feed or subscription.",
        "It waits until the drip-feeds and subscriptions before it have listed their child orders.",
    ),
    Doubt.SHARED_ACCOUNT: (
        "Panel orders answer that are nobody's: somebody else orders on this account.",
        "It waits for you, like all orders in doubt on this panel.",
    ),
    Doubt.IDS_NOT_INCREASING: (
        "This panel's ids don't increase with time, so they prove nothing about this order.",
        "It waits for you.",
    ),
}

#: What is said where nothing was found, and the order may still turn out not to have been bought.
_MAY_BE_ABSENT = frozenset({Doubt.TOO_YOUNG, Doubt.NO_BOUNDS, Doubt.NOT_COVERED, Doubt.QUIET})

_WHY_NOT: Mapping[str, str] = {
    WhyNot.IDS: "the id is out of its range",
    WhyNot.TIME: "the times at which the id was denied and answered exclude it",
    WhyNot.SHAPE: "one of the two is a drip-feed or subscription",
    WhyNot.UNITS: "more units remain than were ordered",
    WhyNot.PRICE: "its price at that time is known, and the charge differs",
    TAKEN: "without it, another order would have to own two",
}


def evidence_lines(history: OrderHistory) -> Iterator[str]:
    """Yields the evidence about an unconfirmed order."""
    yield "evidence"
    for line in _evidence(history):
        yield f"  {line}"


def settling_lines(history: OrderHistory) -> Iterator[str]:
    """Yields the commands with which a person settles an unconfirmed order."""
    yield "to settle it by hand, one of"
    command = f"  order-sync orders resolve {history.order['id']}"
    for candidate in candidates(history.verdict) or ["ID"]:
        yield f"{command} --panel-order-id {shlex.quote(harmless(candidate))} --why '...'"
    if (history.verdict or {}).get("doubt") != Doubt.BOUGHT:
        yield f"{command} --not-accepted --why '...'  (sent again)"
    yield f"{command} --reject --why '...'        (given up)"


def disown_command(panel: str) -> str:
    """Returns the command that says which panel orders are somebody else's."""
    return f"order-sync orders disown --panel {shlex.quote(harmless(panel))}"


def candidates(verdict: Mapping[str, Any] | None) -> list[str]:
    """Returns the ids that a verdict names."""
    told = verdict or {}
    linked = told.get("panel_order_id")
    return [str(number) for number in ([linked] if linked else told.get("candidates", []))]


def either(words: Sequence[str]) -> str:
    """Returns `1`, `1 or 2`, or `1, 2 or 3`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _evidence(history: OrderHistory) -> Iterator[str]:
    if history.submissions:
        last = history.submissions[-1]
        yield f"The call began at {timestamp(last['began_at'])}; no answer says whether the panel took the order."
        yield f"Expected charge: {money(last['expected_charge']) or 'not known beforehand'}."
    progress = history.progress or {}
    yield from _asked(progress)
    yield from _seen(history.verdict, progress)
    yield from _meaning(history, progress)
    if history.shared_since is not None:
        yield (
            f"Since {timestamp(history.shared_since)}, the worker settles nothing on this panel: somebody else orders "
            f"on its account. Say what is theirs: {disown_command(history.order['panel'])}"
        )


def _asked(progress: Mapping[str, Any]) -> Iterator[str]:
    if not progress:
        return
    match progress.get("between"):
        case [None, None]:
            yield "No known order bounds its id."
        case [low, None]:
            yield f"If the panel took it, its id is above {low}; no later order is known yet."
        case [None, high]:
            yield f"If the panel took it, its id is below {high}; no order before it is known."
        case [low, high]:
            yield f"If the panel took it, its id lies between {low} and {high}."
        case _:
            pass
    ids, counts = progress.get("ids", 0), progress.get("counts")
    asked = f"The panel was asked about {ids:,} of these ids or so" if ids else "The panel wasn't asked about these ids"
    if counts is None:
        yield f"{asked}. A denial is no proof yet."
    else:
        yield f"{asked}; {counts} % of them were denied late enough to count."


def _seen(verdict: Mapping[str, Any] | None, progress: Mapping[str, Any]) -> Iterator[str]:
    told = progress.get("candidates", [])
    for one in told:
        yield f"It may be {_panel_order(one)}, first seen at {_time(one.get('seen_at'))}."
        if also := [*map(str, one.get("also", [])), *([f"{one['more']} others"] if one.get("more") else [])]:
            yield f"  That may also be the order {harmless(either(also))}."
        for order_id, why in one.get("not", {}).items():
            yield f"  It can't be the order {harmless(order_id)}: {_because(why)}."
    if (more := progress.get("found", 0) - len(told)) > 0:
        yield f"Or one of {more} other panel orders."
    if not told and (named := candidates(verdict)):
        yield f"It may be the panel order {harmless(either(named))}."
    for one in progress.get("others", []):
        yield f"It isn't {_panel_order(one)}: {_because(one.get('why'))}."


def _meaning(history: OrderHistory, progress: Mapping[str, Any]) -> Iterator[str]:
    match (history.verdict or {}).get("verdict"):
        case "linked":
            yield "By the evidence, the panel took it; ORDER_SYNC_RECONCILE__MODE is suggest."
        case "absent":
            yield "By the evidence, the panel didn't take it; ORDER_SYNC_RECONCILE__MODE is suggest."
        case "undecided":
            doubt = str((history.verdict or {}).get("doubt"))
            yield from _DOUBTS.get(doubt, (harmless(doubt),))
            until = progress.get("until")
            if doubt in _MAY_BE_ABSENT and until is not None and until > history.at.timestamp():
                yield f"That it wasn't bought can't be known before {_time(until)}."
        case _:
            yield "The worker hasn't examined the panel's ids yet, or ORDER_SYNC_RECONCILE__MODE is off."


def _panel_order(one: Mapping[str, Any]) -> str:
    charge = one.get("charge")
    return f"the panel order {harmless(str(one.get('id')))} ({f'charge {harmless(charge)}' if charge else 'no charge'})"


def _because(why: object) -> str:
    return _WHY_NOT.get(str(why), harmless(str(why)))


def _time(seconds: float | None) -> str:
    return "" if seconds is None else timestamp(datetime.fromtimestamp(seconds, UTC))
