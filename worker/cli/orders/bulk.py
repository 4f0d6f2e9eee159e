"""Changes several orders by hand: orders that a person names, or all orders that a search finds."""

import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.cli.draw.output import harmless, print_lines, table
from worker.cli.draw.progress import progress_bar, show_progress
from worker.cli.frame.database import on_database
from worker.cli.frame.errors import FAILED, complain
from worker.cli.frame.questions import confirm, must_be_able_to_ask
from worker.domain.orders.changes import Change
from worker.domain.orders.operator_actions import Declined
from worker.settings.model import load
from worker.store.queue.operator_actions import OperatorActions
from worker.store.views.order_search import OrderSearch, Search

#: Orders changed in one transaction, and orders read in one query.
_BATCH = 500
_PAGE = 5_000

#: Reasons shown for orders that weren't changed; the most frequent come first.
_MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class Bulk:
    """One kind of change. `question` has a place for the number of orders; `done` continues "order 42"."""

    question: str
    done: str
    do: Callable[[OperatorActions, Sequence[int]], Awaitable[Sequence[Change | Declined]]]


def change_named(order_ids: Sequence[int], bulk: Bulk) -> int:
    """Changes these orders and prints a line for each. Returns the exit code: 1 if one wasn't changed."""
    settings = load(need_panels=False)
    results = on_database(settings, lambda engine: bulk.do(OperatorActions(engine), order_ids))
    for result in results:
        match result:
            case Change(order_id):
                click.echo(f"order {order_id} {bulk.done}")
            case Declined(order_id, text):
                complain(f"order {order_id} {harmless(text)}")
    return FAILED if any(isinstance(result, Declined) for result in results) else 0


def change_found(search: Search, bulk: Bulk, *, dry_run: bool, yes: bool) -> int:
    """Counts the orders, asks, and changes them batch by batch. Returns the exit code: 1 if one wasn't changed."""
    must_be_able_to_ask(yes=yes or dry_run)
    settings = load(need_panels=False)
    found = on_database(settings, lambda engine: _find(engine, search))
    print_lines(_counted(found), settings)
    if dry_run or not found.order_ids:
        click.echo(
            "Nothing was changed." + (" Without --dry-run, it asks and changes them." if found.order_ids else "")
        )
        return 0
    confirm(bulk.question.format(_orders(len(found.order_ids))), yes=yes)
    tally = _Tally()
    try:
        on_database(settings, lambda engine: _do(engine, bulk, found.order_ids, tally))
    finally:
        print_lines(_outcome(tally, bulk, len(found.order_ids)), settings)
    return FAILED if tally.reasons else 0


@dataclass(slots=True)
class _Found:
    order_ids: list[int] = field(default_factory=list)
    kinds: Counter[tuple[str, str, str]] = field(default_factory=Counter)


async def _find(engine: AsyncEngine, search: Search) -> _Found:
    finder, found = OrderSearch(engine), _Found()
    after: int | None = None
    while True:
        page = await finder.page(replace(search, after=after), _PAGE)
        for order in page.orders:
            found.order_ids.append(order["id"])
            found.kinds[order["panel"], order["state"], order["error_code"] or ""] += 1
        after = page.next_after
        show_progress("" if after is None else f"{_orders(len(found.order_ids))} found down to order {after} ...")
        if after is None:
            return found


def _counted(found: _Found) -> Iterator[str]:
    if not found.order_ids:
        yield "No such orders."
        return
    rows = [[f"{number:,}", *kind] for kind, number in found.kinds.most_common()]
    yield from table(["ORDERS", "PANEL", "STATE", "ERROR"], rows, shutil.get_terminal_size().columns)
    yield ""


@dataclass(slots=True)
class _Tally:
    changed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, results: Iterable[Change | Declined]) -> None:
        for result in results:
            if isinstance(result, Declined):
                self.reasons[result.text] += 1
            else:
                self.changed += 1


async def _do(engine: AsyncEngine, bulk: Bulk, order_ids: Sequence[int], tally: _Tally) -> None:
    actions = OperatorActions(engine)
    with progress_bar(len(order_ids)) as done:
        for start in range(0, len(order_ids), _BATCH):
            batch = order_ids[start : start + _BATCH]
            tally.count(await bulk.do(actions, batch))
            done(len(batch))


def _outcome(tally: _Tally, bulk: Bulk, found: int) -> Iterator[str]:
    yield f"{_orders(tally.changed)} changed" + (f": each {bulk.done}" if tally.changed else "")
    for reason, number in tally.reasons.most_common(_MOST_REASONS):
        yield f"{_orders(number)} not changed: each {harmless(reason)}"
    left = found - tally.changed - tally.reasons.total()
    if left:
        yield f"{_orders(left)} not reached: the same command goes on with them"


def _orders(number: int) -> str:
    return f"{number:,} order{'' if number == 1 else 's'}"
