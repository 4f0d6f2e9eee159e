"""Orders as they are shown: a list of them, or one with its history and, if it is unconfirmed, its evidence."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from worker.cli.output import harmless, moment, money, span, table
from worker.domain.evidence import Doubt
from worker.domain.orders import EventKind
from worker.domain.states import OrderState
from worker.store.lookup import MOST_EVENTS, Columns, Dossier, Page
from worker.store.polls import LOOKED_BEFORE

_DOUBTS: Mapping[str, str] = {
    Doubt.TOO_YOUNG: "Nothing was found among the panel's ids, but it may still come to light; it is looked for again.",
    Doubt.NO_BOUNDS: "Nothing was found, and no known order before and after it says where its id would have to lie.",
    Doubt.GAP_TOO_WIDE: "More ids lie around it than ORDER_SYNC_RECONCILE__MAX_IDS allows to be asked about.",
    Doubt.NOT_ALL_ANSWERED: "The panel said nothing of some of the ids at which it could lie.",
    Doubt.AMBIGUOUS: "What was found fits more than one order.",
    Doubt.FITS_LOOSELY: "What was found may be it, but the charge differs from the one expected.",
    Doubt.MONEY_IS_GONE: "Nothing was found, but more money left the account than all other orders can have cost.",
    Doubt.MAYBE_SPAWNED: "What was found may have been made by a drip-feed or subscription of ours.",
    Doubt.NOT_RECOGNIZED: "The panel doesn't answer for the known orders around it either.",
    Doubt.IDS_NOT_INCREASING: "This panel's ids don't increase with time, so they say nothing about this order.",
}

_LABEL = 16


def list_lines(page: Page, width: int, next_page: Sequence[str]) -> Iterator[str]:
    """`next_page`: the arguments of the command that shows what comes after."""
    if not page.orders:
        yield "No such orders."
        return
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
    if page.next_after is not None:
        yield ""
        yield f"There are more: {harmless(shlex.join(next_page))}"


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
            "charge": money(order["charge"], order["currency"]),
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
    yield from _section("submissions", map(_submission, dossier.submissions))
    yield from _section("refills", map(_request, dossier.refills))
    yield from _section("cancels", map(_request, dossier.cancels))
    events = list(map(_event, dossier.events))
    yield from _section(f"the latest {MOST_EVENTS} events" if len(events) == MOST_EVENTS else "events", events)
    if dossier.record.state is OrderState.UNCONFIRMED:
        yield ""
        yield from evidence_lines(dossier)
        yield ""
        yield from settling_lines(dossier)


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
    yield f"{command} --not-accepted --why '...'    (it is sent again)"
    yield f"{command} --reject --why '...'          (it is given up)"


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


def _submission(row: Columns) -> str:
    ended = (
        "still open"
        if row["ended_at"] is None
        else f"{row['outcome']} after {(row['ended_at'] - row['began_at']).total_seconds():.1f} s"
    )
    about = {"expected_charge": money(row["expected_charge"]), "panel_order_id": row["panel_order_id"]}
    return f"{moment(row['began_at'])}  #{row['id']}  {ended}  {_told(about)}".rstrip()


def _request(row: Columns) -> str:
    about = {name: row.get(name) for name in ("panel_refill_id", "panel_status", "error_code", "error", "reference")}
    about["finished"] = moment(row["finished_at"])
    return f"{moment(row['created_at'])}  #{row['id']}  {row['state']}  {_told(about)}".rstrip()


def _event(row: Columns) -> str:
    moved = row["state_before"] not in (None, row["state_after"])
    change = f"  {row['state_before']} → {row['state_after']}" if moved else ""
    seen = {}
    if row["kind"] == EventKind.STATUS:
        seen = {name: row[name] for name in ("panel_status", "remains", "start_count")}
        seen["charge"] = money(row["charge"])
    detail = {name: value for name, value in row["detail"].items() if name != LOOKED_BEFORE}
    return f"{moment(row['at'])}  {harmless(row['kind'])}{change}  {_told(seen | detail)}".rstrip()


def _told(about: Mapping[str, object]) -> str:
    """`expected charge 0.9; panel order id 23501`, of whatever there is."""
    told = [
        f"{name.replace('_', ' ')} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in about.items()
        if value not in (None, "", [])
    ]
    return harmless("; ".join(told))
