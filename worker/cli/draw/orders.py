"""Shows orders: a list, or one order with its history and, if it is unconfirmed, its evidence."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from worker.cli.draw.evidence import evidence_lines, settling_lines
from worker.cli.draw.output import brief, harmless, money, span, table, timestamp
from worker.domain.orders.states import OrderState
from worker.store.queue.polls import LOOKED_BEFORE
from worker.store.views.order_history import MOST_EVENTS, OrderHistory
from worker.store.views.order_search import Columns, Page

_LABEL = 16


def list_lines(page: Page, width: int, next_page: Sequence[str], *, is_all: bool) -> Iterator[str]:
    """Yields the lines of a page. `next_page` is the command for the next one. `is_all`: the search has no filter."""
    if page.orders:
        yield from _rows(page, width)
        yield ""
        yield f"the history of one: order-sync orders show {page.orders[0]['id']}"
    elif is_all:
        yield "There is no order yet: insert rows into the table `orders`, or place one with `order-sync orders add`."
    else:
        yield "No such orders."
    command = harmless(shlex.join(next_page))
    if page.looked_back_to is not None:
        yield f"Searched back to {timestamp(page.looked_back_to)} UTC. To go on: {command}"
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


def order_lines(history: OrderHistory) -> Iterator[str]:
    """Yields all about one order: its columns, its history, and its evidence if it is unconfirmed."""
    order = history.order
    still_for = span((history.at - order["updated_at"]).total_seconds())
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
            "charge": _charge(history),
            "max charge": money(order["max_charge"]),
            "start count": order["start_count"],
            "remains": order["remains"],
            "error": ": ".join(word for word in (order["error_code"], order["error"]) if word),
            "attempts": order["attempts"],
            "priority": order["priority"] or None,
            "created": timestamp(order["created_at"]),
            "not before": timestamp(order["not_before"]) if order["not_before"] > order["created_at"] else None,
            "not tried before": timestamp(order["retry_at"]),
            "submitted": timestamp(order["submitted_at"]),
            "last news": timestamp(order["checked_at"]),
            "finished": timestamp(order["finished_at"]),
        }
    )
    title = f"history (the latest {MOST_EVENTS} events)" if len(history.events) == MOST_EVENTS else "history"
    yield from _section(title, _happened(history))
    if history.record.state is OrderState.UNCONFIRMED:
        yield ""
        yield from evidence_lines(history)
        yield ""
        yield from settling_lines(history)


def _charge(history: OrderHistory) -> str:
    charge = money(history.order["charge"], history.order["currency"])
    expected = money(history.submissions[-1]["expected_charge"]) if history.submissions else ""
    return f"{charge}, expected {expected}" if charge and expected else charge


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


def _happened(history: OrderHistory) -> Iterator[str]:
    """Yields a line for each event, call and request in the order of time, with the time since the line before it."""
    happened = [
        *((row["at"], text) for row, text in zip(history.events, _events(history.events), strict=True)),
        *((row["ended_at"] or row["began_at"], _call(row)) for row in history.submissions),
        *((row["created_at"], _request("refill", row)) for row in history.refills),
        *((row["created_at"], _request("cancel", row)) for row in history.cancels),
    ]
    before = history.order["created_at"]
    for at, text in sorted(happened, key=itemgetter(0)):
        after = f"+{brief((at - before).total_seconds())}"
        yield f"{timestamp(at)}  {after:>5}  {text}".rstrip()
        before = at


def _call(row: Columns) -> str:
    lasted = "" if row["ended_at"] is None else f" after {(row['ended_at'] - row['began_at']).total_seconds():.1f} s"
    about = {"expected_charge": money(row["expected_charge"]), "panel_order_id": row["panel_order_id"]}
    return f"call #{row['id']} {row['outcome'] or 'still open'}{lasted}  {_described(about)}"


def _request(what: str, row: Columns) -> str:
    about = {name: row.get(name) for name in ("panel_refill_id", "panel_status", "error_code", "error", "reference")}
    about["finished"] = timestamp(row["finished_at"])
    return f"{what} #{row['id']} {row['state']}  {_described(about)}"


#: Columns of an event that hold what the panel says about an order.
_READ = ("panel_status", "charge", "remains", "start_count")


def _events(events: Iterable[Columns]) -> Iterator[str]:
    """Yields the text of each event. Of what the panel says, it has only what is new."""
    known: dict[str, object] = {}
    for row in events:
        moved = row["state_before"] not in (None, row["state_after"])
        change = f"  {row['state_before']} → {row['state_after']}" if moved else ""
        read = {name: money(row[name]) if name == "charge" else row[name] for name in _READ}
        news = {name: _change(known.get(name), value) for name, value in read.items() if value != known.get(name)}
        known = read
        detail = {name: value for name, value in row["detail"].items() if name != LOOKED_BEFORE}
        yield f"{harmless(row['kind'])}{change}  {_described(news | detail)}"


def _change(before: object, after: object) -> object:
    return after if before in (None, "") else f"{before} → {'none' if after in (None, '') else after}"


def _described(about: Mapping[str, object]) -> str:
    """Returns `expected charge 0.9; panel order id 23501`, without the empty values."""
    described = [
        f"{name.replace('_', ' ')} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in about.items()
        if value not in (None, "", [])
    ]
    return harmless("; ".join(described))
