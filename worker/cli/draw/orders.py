"""Orders as they are shown: a list of them, or one with its history and, if it is unconfirmed, its evidence."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from worker.cli.draw.output import brief, harmless, moment, money, span, table
from worker.domain.evidence.verdicts import Doubt
from worker.domain.orders.states import OrderState
from worker.store.queue.polls import LOOKED_BEFORE
from worker.store.views.order_history import MOST_EVENTS, Dossier
from worker.store.views.order_search import Columns, Page

_DOUBTS: Mapping[str, str] = {
    Doubt.TOO_YOUNG: "Nothing was found among the panel's ids, but it may still come to light; it is looked for again.",
    Doubt.NO_BOUNDS: "Nothing was found, and no known order before and after it says where its id would have to lie.",
    Doubt.GAP_TOO_WIDE: "More ids lie around it than ORDER_SYNC_RECONCILE__MAX_IDS allows to be asked about.",
    Doubt.NOT_ALL_ANSWERED: "The panel said nothing of some of the ids at which it could lie, or around it.",
    Doubt.AMBIGUOUS: "What was found fits more than one order.",
    Doubt.FITS_LOOSELY: "What was found may be it, but the charge differs from the one expected.",
    Doubt.MONEY_IS_GONE: "Nothing was found, but more money left the account than all other orders can have cost.",
    Doubt.MAYBE_SPAWNED: "What was found may have been made by a drip-feed or subscription of ours.",
    Doubt.NOT_RECOGNIZED: "The panel denies the known orders around it, too.",
    Doubt.IDS_NOT_INCREASING: "This panel's ids don't increase with time, so they say nothing about this order.",
}

_LABEL = 16


def list_lines(page: Page, width: int, next_page: Sequence[str], *, is_all: bool) -> Iterator[str]:
    """`next_page`: the arguments of the command that shows what comes after; `is_all`: nothing was left out."""
    if page.orders:
        yield from _rows(page, width)
        yield ""
        yield f"one of them, with its history: order-sync orders show {page.orders[0]['id']}"
    elif is_all:
        yield "There is no order yet: insert rows into the table `orders`, or place one with `order-sync orders add`."
    else:
        yield "No such orders."
    command = harmless(shlex.join(next_page))
    if page.looked_back_to is not None:
        yield f"Looked back to {moment(page.looked_back_to)} UTC. Further: {command}"
    elif page.next_after is not None:
        yield f"There are more: {command}"


def _rows(page: Page, width: int) -> Iterator[str]:
    rows = [
        [
            str(order["id"]),
            span((page.at - order["created_at"]).total_seconds()),
            order["panel"],
            order["service"],
            order["state"],
            order["panel_order_id"] or "",
            order["error_code"] or order["link"] or "",
        ]
        for order in page.orders
    ]
    yield from table(["ID", "AGE", "PANEL", "SERVICE", "STATE", "PANEL ID", "ERROR OR LINK"], rows, width)


def dossier_lines(dossier: Dossier) -> Iterator[str]:
    order = dossier.order
    still_for = span((dossier.at - order["updated_at"]).total_seconds())
    yield f"order {order['id']}: {order['state']}, last changed {still_for} ago (times are UTC)"
    yield ""
    yield from _labelled(
        {
            "panel": order["panel"],
            "panel order id": order["panel_order_id"],
            "service": order["service"],
            "link": order["link"],
            "quantity": order["quantity"],
            "drip-feed": order["runs"] and f"{order['runs']} runs, every {order['interval_minutes']} min",
            "params": None if order["params"] == "{}" else order["params"],
            "reference": order["reference"],
            "panel status": order["panel_status"],
            "charge": _charge(dossier),
            "max charge": money(order["max_charge"]),
            "start count": order["start_count"],
            "remains": order["remains"],
            "error": ": ".join(word for word in (order["error_code"], order["error"]) if word),
            "attempts": order["attempts"],
            "priority": order["priority"] or None,
            "created": moment(order["created_at"]),
            "not before": moment(order["not_before"]) if order["not_before"] > order["created_at"] else None,
            "not tried before": moment(order["retry_at"]),
            "submitted": moment(order["submitted_at"]),
            "looked at": moment(order["checked_at"]),
            "finished": moment(order["finished_at"]),
        }
    )
    title = f"history (the latest {MOST_EVENTS} events)" if len(dossier.events) == MOST_EVENTS else "history"
    yield from _section(title, _history(dossier))
    if dossier.record.state is OrderState.UNCONFIRMED:
        yield ""
        yield from evidence_lines(dossier)
        yield ""
        yield from settling_lines(dossier)


def _charge(dossier: Dossier) -> str:
    charge = money(dossier.order["charge"], dossier.order["currency"])
    expected = money(dossier.submissions[-1]["expected_charge"]) if dossier.submissions else ""
    return f"{charge}, expected {expected}" if charge and expected else charge


def evidence_lines(dossier: Dossier) -> Iterator[str]:
    """What is known of an unconfirmed order."""
    yield "evidence"
    if dossier.submissions:
        last = dossier.submissions[-1]
        expected = money(last["expected_charge"]) or "not known beforehand"
        yield f"  The call began at {moment(last['began_at'])}; no answer says whether it was taken."
        yield f"  Expected charge: {expected}."
    for line in _verdict_lines(dossier.verdict):
        yield f"  {line}"
    if candidates := _candidates(dossier):
        yield f"  It may be the panel order {harmless(' or '.join(candidates))}."


def settling_lines(dossier: Dossier) -> Iterator[str]:
    """The commands with which a person settles an unconfirmed order."""
    yield "to settle it by hand, one of"
    command = f"  order-sync orders resolve {dossier.order['id']}"
    for candidate in _candidates(dossier) or ["ID"]:
        yield f"{command} --panel-order-id {shlex.quote(harmless(candidate))} --why '...'"
    yield f"{command} --not-accepted --why '...'  (sent again)"
    yield f"{command} --reject --why '...'        (given up)"


def _verdict_lines(verdict: Mapping[str, Any] | None) -> Iterator[str]:
    match (verdict or {}).get("verdict"):
        case "linked":
            yield "By the evidence the panel took it; reconciliation is set to suggest only."
        case "absent":
            yield "By the evidence nothing was bought; reconciliation is set to suggest only."
        case "undecided":
            doubt = str((verdict or {}).get("doubt"))
            yield _DOUBTS.get(doubt, harmless(doubt))
        case _:
            yield "The panel's ids weren't looked through yet, or ORDER_SYNC_RECONCILE__MODE is off."


def _candidates(dossier: Dossier) -> list[str]:
    verdict = dossier.verdict or {}
    linked = verdict.get("panel_order_id")
    return [str(number) for number in ([linked] if linked else verdict.get("candidates", []))]


def _labelled(values: Mapping[str, object]) -> Iterator[str]:
    for label, value in values.items():
        if value is not None and value != "":
            yield f"  {label:{_LABEL}}  {harmless(str(value))}"


def _section(title: str, lines: Sequence[str] | Iterator[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield title
        yield from (f"  {line}" for line in found)


def _history(dossier: Dossier) -> Iterator[str]:
    """What happened, in the order of time: a line each, with how long after the line before it."""
    happened = [
        *((row["at"], text) for row, text in zip(dossier.events, _events(dossier.events), strict=True)),
        *((row["ended_at"] or row["began_at"], _call(row)) for row in dossier.submissions),
        *((row["created_at"], _request("refill", row)) for row in dossier.refills),
        *((row["created_at"], _request("cancel", row)) for row in dossier.cancels),
    ]
    before = dossier.order["created_at"]
    for at, text in sorted(happened, key=itemgetter(0)):
        after = f"+{brief((at - before).total_seconds())}"
        yield f"{moment(at)}  {after:>5}  {text}".rstrip()
        before = at


def _call(row: Columns) -> str:
    lasted = "" if row["ended_at"] is None else f" after {(row['ended_at'] - row['began_at']).total_seconds():.1f} s"
    about = {"expected_charge": money(row["expected_charge"]), "panel_order_id": row["panel_order_id"]}
    return f"call #{row['id']} {row['outcome'] or 'still open'}{lasted}  {_told(about)}"


def _request(what: str, row: Columns) -> str:
    about = {name: row.get(name) for name in ("panel_refill_id", "panel_status", "error_code", "error", "reference")}
    about["finished"] = moment(row["finished_at"])
    return f"{what} #{row['id']} {row['state']}  {_told(about)}"


#: What the panel tells of an order, as an event has it.
_READ = ("panel_status", "charge", "remains", "start_count")


def _events(events: Iterable[Columns]) -> Iterator[str]:
    """Of what the panel tells, each has what is new."""
    known: dict[str, object] = {}
    for row in events:
        moved = row["state_before"] not in (None, row["state_after"])
        change = f"  {row['state_before']} → {row['state_after']}" if moved else ""
        read = {name: money(row[name]) if name == "charge" else row[name] for name in _READ}
        news = {name: _change(known.get(name), value) for name, value in read.items() if value != known.get(name)}
        known = read
        detail = {name: value for name, value in row["detail"].items() if name != LOOKED_BEFORE}
        yield f"{harmless(row['kind'])}{change}  {_told(news | detail)}"


def _change(before: object, after: object) -> object:
    return after if before in (None, "") else f"{before} → {'none' if after in (None, '') else after}"


def _told(about: Mapping[str, object]) -> str:
    """`expected charge 0.9; panel order id 23501`, of whatever there is."""
    told = [
        f"{name.replace('_', ' ')} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in about.items()
        if value not in (None, "", [])
    ]
    return harmless("; ".join(told))
