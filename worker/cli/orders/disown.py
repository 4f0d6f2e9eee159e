"""`order-sync orders disown`: says which panel orders are somebody else's, so that evidence settles orders again."""

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from worker.cli.draw.evidence import either
from worker.cli.draw.output import harmless, money, print_json, print_lines, span, table, timestamp
from worker.cli.frame.database import on_database
from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import json_option, nonblank
from worker.cli.frame.questions import ask_first, confirm, must_be_able_to_ask
from worker.cli.orders.operator_options import who, why
from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Unknown
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.panel import PanelClient
from worker.settings.model import PanelSettings, Settings, load
from worker.store.evidence.disowning import Account, Disowning, Unowned

#: Most orders that a line names.
_MOST = 5


@click.command(
    epilog=examples(
        "order-sync orders disown --dry-run",
        "order-sync orders disown --why 'ordered by hand'",
        "order-sync orders disown 23600 23601 --panel other --why 'our old script'",
    )
)
@click.argument("numbers", type=click.IntRange(1, 2**63 - 1), metavar="[N]...", nargs=-1)
@click.option("--panel", type=nonblank, metavar="NAME", default="default", show_default=True)
@why()
@who
@ask_first
@click.option("--dry-run", is_flag=True, help="Only list all panel orders without an owner.")
@click.option("--no-check", is_flag=True, help="Don't ask the panel for their status.")
@json_option("{panel, shared_since, panel_orders: [{id, charge, status, seen_at, may_be, nobodys}], disowned}.")
def disown(
    *,
    numbers: tuple[int, ...],
    panel: str,
    why: str | None,
    who: str,
    yes: bool,
    dry_run: bool,
    no_check: bool,
    as_json: bool,
) -> None:
    """Say which panel orders are somebody else's.

    N are ids on the panel, of orders that a person placed there by hand, or another program. Without any, they are all
    that answered and can't be any order's in this database. The worker takes them for nobody's from then on, and
    settles orders in doubt on this panel again.
    """
    if not (why or dry_run):
        raise click.UsageError("Give --why, or --dry-run.")
    must_be_able_to_ask(yes=yes or dry_run)
    settings = load(need_panels=False)
    premises = settings.reconcile.premises()
    account = on_database(settings, lambda engine: Disowning(engine, panel, premises).account())
    chosen = _chosen(account, panel, numbers)
    shown = chosen if numbers or not dry_run else account.unowned
    statuses = {} if no_check or not shown else _statuses(settings, panel, shown)
    if not as_json:
        print_lines(_lines(account, panel, shown, statuses), settings)
    disowned: list[int] = []
    if why and not dry_run and (chosen or account.shared_since):
        if not as_json:
            print_lines(_consequences(chosen), settings)
        confirm(f"Take {_orders(len(chosen))} for nobody's?", yes=yes)
        ids, because = [one.sighting.number for one in chosen], why
        disowned = on_database(
            settings, lambda engine: Disowning(engine, panel, premises).disown(ids, who=who, why=because)
        )
    if as_json:
        print_json(_as_json(account, panel, shown, statuses, disowned), settings)
    elif disowned or (account.shared_since and not dry_run):
        click.echo(f"{_orders(len(disowned))} disowned: evidence settles orders on this panel again")


def _chosen(account: Account, panel: str, numbers: Sequence[int]) -> Sequence[Unowned]:
    """Returns the panel orders with these numbers; without any, those that are nobody's. Raises CommandError."""
    if not numbers:
        return [one for one in account.unowned if one.is_nobodys]
    by_number = {one.sighting.number: one for one in account.unowned}
    unknown = [number for number in dict.fromkeys(numbers) if number not in by_number]
    if unknown:
        raise CommandError(
            f"panel {harmless(panel)} hasn't shown the worker {either([*map(str, unknown)])} as a panel order without "
            "an owner: `order-sync orders disown --dry-run` lists those"
        )
    return [by_number[number] for number in sorted(set(numbers))]


def _lines(account: Account, panel: str, shown: Sequence[Unowned], statuses: Mapping[str, str]) -> Iterator[str]:
    if account.shared_since is not None:
        since = timestamp(account.shared_since)
        yield f"panel {harmless(panel)}: somebody else orders on this account, known since {since}"
    if not shown:
        yield f"panel {harmless(panel)}: the worker knows no panel order that is nobody's"
        return
    rows = [
        [
            str(one.sighting.number),
            money(_charge(one)) or "not told",
            statuses.get(str(one.sighting.number), ""),
            span(account.now - one.sighting.seen_at),
            _owners(one),
        ]
        for one in shown
    ]
    yield from table(["PANEL ID", "CHARGE", "STATUS", "SEEN AGO", "MAY BE"], rows, shutil.get_terminal_size().columns)


def _charge(one: Unowned) -> Any:
    return one.sighting.uncut_charge if one.sighting.charge is None else one.sighting.charge


def _owners(one: Unowned) -> str:
    if one.is_nobodys:
        return "nobody's"
    if not one.may_be:
        return "an order in doubt, or a child order"
    more = len(one.may_be) - _MOST
    return f"order {either([*map(str, one.may_be[:_MOST]), *([f'{more} others'] if more > 0 else [])])}"


def _consequences(chosen: Sequence[Unowned]) -> Iterator[str]:
    yield ""
    for one in chosen:
        if not one.is_nobodys:
            yield (
                f"Panel order {one.sighting.number} may be {_owners(one)}. "
                "If it is, the worker may send that order again, and you pay twice."
            )
    yield (
        f"The worker takes {_orders(len(chosen))} for nobody's, and settles orders in doubt again. "
        "If somebody still orders on this account, it may take their orders for yours."
    )


def _orders(number: int) -> str:
    return f"{number} panel order{'' if number == 1 else 's'}"


def _statuses(settings: Settings, panel: str, shown: Sequence[Unowned]) -> dict[str, str]:
    """Asks the panel for the status of each; says on stderr why it couldn't."""
    if panel not in settings.panels:
        return {}
    match asyncio.run(_ask(settings.panels[panel], [str(one.sighting.number) for one in shown])):
        case Answered(answers):
            return {number: _word(answer) for number, answer in answers.items()}
        case Refused(_, text) | NotSent(text) | Unknown(text):
            click.echo(f"order-sync: the panel couldn't be asked for their status: {harmless(text)}", err=True)
            return {}


async def _ask(panel: PanelSettings, numbers: Sequence[str]) -> Reply[dict[str, OrderReport | ItemError]]:
    async with PanelClient(
        panel.url, panel.key.get_secret_value(), timeout=panel.timeout, user_agent=panel.user_agent
    ) as client:
        return await client.statuses(numbers)


def _word(answer: OrderReport | ItemError) -> str:
    return answer.text if isinstance(answer, ItemError) else answer.status or ""


def _as_json(
    account: Account, panel: str, shown: Sequence[Unowned], statuses: Mapping[str, str], disowned: Sequence[int]
) -> dict[str, Any]:
    return {
        "panel": panel,
        "shared_since": account.shared_since,
        "panel_orders": [
            {
                "id": str(one.sighting.number),
                "charge": _charge(one),
                "status": statuses.get(str(one.sighting.number)),
                "seen_at": datetime.fromtimestamp(one.sighting.seen_at, UTC),
                "may_be": list(one.may_be),
                "nobodys": one.is_nobodys,
            }
            for one in shown
        ],
        "disowned": [str(number) for number in disowned],
    }
