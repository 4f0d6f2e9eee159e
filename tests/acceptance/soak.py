"""Soak test: plays two seasons of a shop, and compares what `audit` and `balance` say with the panel's own ledger.

Its long form, by hand: `make season`, or `make season ARGS="--orders 20000 --seconds 600"`.
"""

import asyncio
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tests.acceptance.conftest import Tables
from tests.acceptance.season import DRIP_FEEDS, SUBSCRIPTIONS, TOP_UP, Plan, Played, Season, play, what_for
from tests.plans import plan_of_options
from worker import cli
from worker.domain.amounts import NOTHING, Amount
from worker.store.schema.embedded import embedded_postgres
from worker.store.schema.migrate import migrate

#: The smallest amount that panels count with.
GRAIN = Decimal("0.00001")


@dataclass
class Figures:
    """Figures of one run. `wrong` holds every statement of a command that differs from the ledger.

    `periods` counts the audits that were asked for, and `unexplained` adds up the amounts that they couldn't explain.
    `slack` is the amount that could hide in the season without drip-feeds and subscriptions. `in_doubt` adds up the
    expected charges of the orders that are unconfirmed at the end. `spent` comes from `order-sync balance`, and `taken`
    from the ledger, both for the same orders.
    """

    seed: int = 0
    orders: int = 0
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    doubts: dict[str, int] = field(default_factory=dict)  #: of those that are unconfirmed at the end
    refills: int = 0
    cancels: int = 0
    late_changes: int = 0  #: of orders that were closed
    spawned: int = 0  #: by drip-feeds and subscriptions
    readings: int = 0
    nightly: int = 0  #: audits that the worker made
    periods: int = 0
    unexplained: Decimal = NOTHING
    suspects: int = 0
    slack: Decimal = NOTHING
    in_doubt: Decimal = NOTHING
    spent: Decimal = NOTHING
    taken: Decimal = NOTHING
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{name.replace('_', ' '):>12}  {value}" for name, value in asdict(self).items() if name != "wrong"]
        return "\n".join([*lines, f"{'wrong':>12}  {len(self.wrong)}", *self.wrong])


def run(plan: Plan, url: str, directory: Path) -> Figures:
    """Plays and examines one run in `url`, a migrated database of its own. `directory` gets the worker's log."""
    began = time.monotonic()
    tables = Tables(url)
    played = asyncio.run(play(plan, tables, directory))
    figures = Figures(plan.seed, faults=dict(played.faults), wrong=played.wrong)
    figures.spawned = sum(one["parent"] is not None for one in played.orders)
    _count(tables, figures)
    _audit(url, played, plan, figures)
    _balance(tables, played, figures)
    figures.seconds = round(time.monotonic() - began, 1)
    return figures


def _count(tables: Tables, figures: Figures) -> None:
    def counted(column: str, table: str) -> dict[str, int]:
        rows = tables.rows(f"SELECT {column} AS what, count(*) FROM {table} GROUP BY 1 ORDER BY 2 DESC")  # noqa: S608 - of ours
        return {str(row["what"]): row["count"] for row in rows}

    figures.orders = tables.value("SELECT count(*) FROM orders")
    figures.states, figures.events = counted("state", "orders"), counted("kind", "order_events")
    figures.doubts = counted("verdict->>'doubt'", "examinations")
    figures.refills = tables.value("SELECT count(*) FROM refills")
    figures.cancels = tables.value("SELECT count(*) FROM cancels")
    figures.late_changes = tables.value(
        "SELECT count(*) FROM order_events WHERE state_before IN ('completed', 'partial', 'canceled')"
    )
    figures.readings = tables.value("SELECT count(*) FROM balances")
    figures.nightly = tables.value("SELECT count(*) FROM audits")
    figures.in_doubt = tables.value(
        "SELECT coalesce(sum(expected_charge), 0) FROM submissions JOIN orders o ON o.id = order_id"
        " WHERE o.state = 'unconfirmed' AND outcome = 'unknown'"
    )
    nightly = tables.rows("SELECT * FROM audits WHERE unexplained <> 0 OR missing <> 0")
    figures.wrong += [f"a nightly audit: {row}" for row in nightly]


def _stated(url: str, *arguments: str, **settings: str) -> dict[str, Any]:
    """Returns what a command prints about the only panel with --json."""
    environment = {f"ORDER_SYNC_{name}": value for name, value in {"DATABASE_URL": url, **settings}.items()}
    ended = CliRunner().invoke(cli.cli, [*arguments, "--json"], env=environment, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    (panel,) = json.loads(ended.output)["panels"]
    assert panel["panel"] == "default"
    return dict(panel)


def _audit(url: str, played: Played, plan: Plan, figures: Figures) -> None:
    """Audits the whole run, each season, and periods that end at arbitrary moments."""
    ordinary, parents = played.seasons
    both = Season.of_all(played.seasons)
    step = (both.until - both.since) / max(plan.periods, 1)
    cuts = [(both.since + step * number, both.since + step * (number + 1)) for number in range(plan.periods)]
    seasons = {(one.since, one.until): one for one in (ordinary, parents, both)}
    for since, until in [*seasons, *cuts]:
        about = ("--since", since.isoformat(), "--until", until.isoformat())
        stated = _stated(url, "audit", *about, RECONCILE__SETTLE=str(plan.settle))
        if (report := stated["report"]) is None:
            figures.wrong.append(f"no audit from {since} to {until}")
            continue
        figures.periods += 1
        unexplained = _amount(report["unexplained"])
        figures.unexplained += max(abs(unexplained.low), abs(unexplained.high), Decimal(stated["missing"]))
        figures.suspects += sum(fall["suspected"] for fall in report["falls"])
        figures.wrong += [f"unexplained: {fall}" for fall in report["falls"]]
        if season := seasons.get((since, until)):
            figures.wrong += _against_ledger(report, season, played)
            figures.slack = Decimal(report["slack"]) if season is ordinary else figures.slack
        if until <= ordinary.until:
            topped_up = [rise for rise in report["rises"] if TOP_UP in _amount(rise["amount"])]
            figures.wrong += [f"a rise: {rise}" for rise in report["rises"] if rise not in topped_up]


def _amount(stated: Mapping[str, str]) -> Amount:
    return Amount(Decimal(stated["low"]), Decimal(stated["high"]))


def _against_ledger(report: Mapping[str, Any], season: Season, played: Played) -> Iterator[str]:
    """Yields the differences between an audit of a season and the ledger.

    A drip-feed pays for its runs in advance, so a refund of a run may look like a top-up. A subscription pays for each
    child order when it places it. Orders in doubt count with their final cost, if the panel took them.
    """
    posts, runs = _made_by(SUBSCRIPTIONS, played), _made_by(DRIP_FEEDS, played)
    unseen = [one for one in played.parked if season.since <= played.sent_at[what_for(one["params"])] <= season.until]
    paid, back = (_sum(posts, name) if season.has_parents else NOTHING for name in ("debited", "refunded"))
    parked_back = _sum(unseen, "refunded")
    drip_back = _sum(runs, "refunded") if season.has_parents else NOTHING
    true = {
        "charges": Amount.of(season.charged - paid - parked_back),
        "refunds": Amount.of(season.refunded - back - parked_back),
        "spawned": Amount.of(back - paid),
        "top_ups": Amount(season.topped_up, season.topped_up + drip_back),
    }
    for name, amount in true.items():
        told = _amount(report[name])
        if told.high < amount.low or told.low > amount.high:
            yield f"{name} of {season}: {told}, and true is {amount}"
    for name, balance in (("opening", season.opening), ("closing", season.closing)):
        if Decimal(report[name]["balance"]) != balance:
            yield f"{name} of {season}: {report[name]}, and true is {balance}"


def _made_by(service: int, played: Played) -> list[dict[str, Any]]:
    """Returns the child orders that drip-feeds or subscriptions of this service placed."""
    return [one for one in played.orders if one["parent"] is not None and one["service"] == str(service)]


def _sum(entries: Iterable[Mapping[str, Any]], name: str) -> Decimal:
    return sum((Decimal(entry[name]) for entry in entries), NOTHING)


def _balance(tables: Tables, played: Played, figures: Figures) -> None:
    """Compares spending by service and by day, to the last digit, for all orders that the worker knows.

    A drip-feed counts with its expected charge, whatever the panel refunded for its runs. The worker doesn't know the
    child orders of subscriptions.
    """
    stated = _stated(tables.url, "balance", "--days", "2")
    parked = [entry["id"] for entry in played.parked]
    by_service, by_day = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for entry in played.orders:
        if entry["parent"] is None and entry["id"] not in parked:
            cost = Decimal(entry["debited"]) - Decimal(entry["refunded"])
            day = played.sent_at[what_for(entry["params"])].date().isoformat()
            by_service[entry["service"]] += cost
            by_day[day] += cost
    told_by_service = {one["service"]: Decimal(one["spent"]) for one in stated["services"]}
    told_by_day = {one["day"]: Decimal(one["spent"]) for one in stated["days"]}
    for told, true in ((told_by_service, by_service), (told_by_day, by_day)):
        for name in sorted(told.keys() | true.keys()):
            if told.get(name, NOTHING) != true.get(name, NOTHING):
                figures.wrong.append(f"spent on {name}: {told.get(name)}, and true is {true.get(name)}")
    figures.spent, figures.taken = sum(told_by_service.values(), NOTHING), sum(by_service.values(), NOTHING)
    both = Season.of_all(played.seasons)
    if not both.charged - both.refunded <= Decimal(stated["spent_24h"]) <= both.charged:
        figures.wrong.append(f"spent within 24 h: {stated['spent_24h']}, of {both}")


def main() -> None:
    long = Plan(
        orders=10_000,
        seconds=300,
        speed=300,
        timeout=2,
        settle=3,
        fastest=2,
        slowest=20,
        patience=20,
        jumps=24,
        periods=60,
    )
    plan = plan_of_options(long, __doc__)
    with (
        tempfile.TemporaryDirectory(prefix="order_sync_season_") as directory,
        embedded_postgres(Path(directory) / "postgres") as url,
    ):
        migrate(url)
        print(run(plan, url, Path(directory)))  # noqa: T201


if __name__ == "__main__":
    main()
